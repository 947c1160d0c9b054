/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/handshakes.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_look.h"
#include "policy/window.h"

#define TABLE "inet braid_converter"
#define ACK_MOST_BYTES 100   /* IPv6 and TCP with all options: what is longer carries data */
#define JOIN_WAITS_MS 20     /* many times what a connection's lock is held for, and less than most round trips over
			      * a link that wants another */

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

static const struct nft_table our_table = { NFPROTO_INET, "braid_converter" };

static void put_ports(FILE *out, const uint16_t *ports, size_t n_ports)
{
	fputs("{ ", out);
	for (size_t i = 0; i < n_ports; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports[i]);
	fputs(" }", out);
}

static void put_windows(FILE *out, const uint16_t *ports, size_t n_ports)
{
	fputs("	chain syn {\n		type filter hook input priority mangle; policy accept;\n"
	      "		tcp dport ", out);
	put_ports(out, ports, n_ports);
	fprintf(out, " tcp flags & (fin|syn|rst|ack) == syn tcp option mptcp exists tcp window > %u tcp window set %u\n"
		     "	}\n", WINDOW_OF_SYN, WINDOW_OF_SYN);
}

/* Whoever joins is told so (SYN+ACK), and then hears no acknowledgement alone for a while. */
static void put_joins(FILE *out, const uint16_t *ports, size_t n_ports)
{
	static const struct { const char *name, *type, *match; } families[] = {
		{ "joining_4", "ipv4_addr", "ip" }, { "joining_6", "ipv6_addr", "ip6" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		fprintf(out, "	set %s {\n"
			     "		type %s . inet_service; size 65535; flags dynamic, timeout; timeout %ums;\n"
			     "	}\n", families[i].name, families[i].type, JOIN_WAITS_MS);
	fputs("	chain join {\n		type filter hook output priority mangle; policy accept;\n"
	      "		tcp sport != ", out);
	put_ports(out, ports, n_ports);
	fputs(" accept\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		fprintf(out, "		tcp flags & (syn|ack) == (syn|ack) tcp option mptcp subtype 1 add @%s { %s "
			     "daddr . tcp dport }\n"
			     "		tcp flags == ack meta length <= %u %s daddr . tcp dport @%s drop\n",
			families[i].name, families[i].match, ACK_MOST_BYTES, families[i].match, families[i].name);
	fputs("	}\n", out);
}

/* malloc'd; NULL: out of memory. */
static char *script_for(const uint16_t *ports, size_t n_ports)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs(REMOVE "table " TABLE " {\n", out);
	put_windows(out, ports, n_ports);
	put_joins(out, ports, n_ports);
	fputs("}\n", out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static void forget(struct handshakes *handshakes)
{
	free(handshakes->script);
	handshakes->script = NULL;
}

static int look(struct handshakes *handshakes, uint64_t *picture)
{
	int r = handshakes->looks ? 0 : netlink_open(NETLINK_NETFILTER, &handshakes->looks);

	return r ? r : nft_table_look(handshakes->looks, &our_table, picture);
}

int handshakes_put(struct handshakes *handshakes, const uint16_t *ports, size_t n_ports, char *reason, size_t n_reason)
{
	_cleanup_(freep) char *script = n_ports ? script_for(ports, n_ports) : NULL;
	int r;

	if (n_ports && !script) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	if (script ? handshakes->script && !strcmp(script, handshakes->script) :
	    !handshakes->script && handshakes->begun)
		return 0;
	r = nft_put_table(handshakes->nft, TABLE, script ? script : REMOVE, reason, n_reason);
	if (r)
		return r;
	forget(handshakes);
	handshakes->begun = true;
	if (!script)
		return 0;
	if (look(handshakes, &handshakes->picture))
		handshakes->picture = 0;   /* no table looks like this: the next look makes it again */
	handshakes->script = script;
	script = NULL;
	return 0;
}

/* A look that fails says nothing; so does one that others' changes got in the way of. */
bool handshakes_lost(struct handshakes *handshakes)
{
	uint64_t picture = 0;
	int r = handshakes->script ? look(handshakes, &picture) : 0;

	if (!handshakes->script || r < 0 || (!r && picture == handshakes->picture))
		return false;
	forget(handshakes);
	return true;
}

int handshakes_remove(struct handshakes *handshakes, char *reason, size_t n_reason)
{
	int r = handshakes->script ? nft_put_table(handshakes->nft, TABLE, REMOVE, reason, n_reason) : 0;

	forget(handshakes);
	netlink_closep(&handshakes->looks);
	return r;
}
