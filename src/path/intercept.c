/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/intercept.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "net/nft.h"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table inet braid\ndelete table inet braid\n"

/*
 * Only a SYN is handed to the listener, so that connections that run the ordinary way are never cut in two; the packets after it are known by
 * the socket they belong to. Where nobody listens, tproxy ends the evaluation before the mark is set, and the packet goes the ordinary way.
 * The look-up would find the listener too for packets to its port number, wherever they go: that port is left alone as a whole.
 * What stays in the LAN, or is for this machine, isn't touched. The second chain turns away those who connect to the listener itself.
 */
static const char table_format[] =
	REMOVE
	"table inet braid {\n"
	"	chain intercept {\n"
	"		type filter hook prerouting priority -150; policy accept;\n"
	"		iifname != { %s } return\n"
	"		meta l4proto != tcp return\n"
	"		tcp dport %u return\n"
	"		tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 meta mark set %u accept\n"
	"		tcp flags & (fin|syn|rst|ack) != syn return\n"
	"		fib daddr type { local, broadcast, anycast, multicast } return\n"
	"		ip6 daddr fe80::/10 return\n"
	"		fib daddr oifname { %s } return\n"
	"		meta nfproto ipv4 meta l4proto tcp tproxy ip to :%u meta mark set %u accept\n"
	"		meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :%u meta mark set %u accept\n"
	"	}\n"
	"	chain guard {\n"
	"		type filter hook input priority 0; policy accept;\n"
	"		tcp dport %u tcp flags & (fin|syn|rst|ack) == syn meta mark != %u reject with tcp reset\n"
	"	}\n"
	"}\n";

static bool name_is_plain(const char *name)
{
	if (!name[0])
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._:@-+", *name))
			return false;
	return true;
}

int intercept_script(const struct path_options *options, char out[INTERCEPT_SCRIPT_BYTES], char *reason, size_t n_reason)
{
	char lan[PATH_LAN_INTERFACES * (IF_NAMESIZE + 4)] = "";
	size_t n = 0;

	for (size_t i = 0; i < options->n_lan; i++) {
		if (!name_is_plain(options->lan[i])) {
			snprintf(reason, n_reason, "LAN interface '%s': letters, digits and ._:@-+ are wanted", options->lan[i]);
			return -EINVAL;
		}
		n += (size_t)snprintf(lan + n, sizeof(lan) - n, "%s\"%s\"", i ? ", " : "", options->lan[i]);
	}
	if (options->n_lan)
		snprintf(out, INTERCEPT_SCRIPT_BYTES, table_format, lan, options->intercept_port, options->fwmark, lan,
			 options->intercept_port, options->fwmark, options->intercept_port, options->fwmark, options->intercept_port,
			 options->fwmark);
	else
		snprintf(out, INTERCEPT_SCRIPT_BYTES, REMOVE);
	return 0;
}

int intercept_remove(char *reason, size_t n_reason)
{
	return nft_run(REMOVE, reason, n_reason);
}
