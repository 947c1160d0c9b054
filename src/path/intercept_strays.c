/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/util.h"
#include "path/intercept_parts.h"

/*
 * A client's first subflow and our connection to its server have the same two ends, as the packets of either see them.
 * What comes for one of them after its socket has gone isn't to go on to the other's peer, who would take it for his
 * connection's.
 *
 *	on_path_ours_*		the pairs of ends, the client's first
 *	on_path_began		what leaves: a pair is ours when we begin to connect, and when a client's first packet
 *				is answered; not for long after a reset
 *	on_path_heard		what comes: it is ours for as long as a session may last when the server accepts, and
 *				not for long when the server ends. A first packet that goes on is the
 *				beginning of a connection of their own, either way
 *	on_path_strays		what is of such a pair and of no socket: behind path/returns.h, which marks what has one
 */

#define OURS_MOST 65536
#define OURS_S 86400
#define OURS_ASKED_S 180       /* until the server has accepted: longer than we wait for it */
#define OURS_ENDED_S 60

static const struct family { bool v6; unsigned int number; const char *match, *clients; } families[] = {
	{ false, 4, "ip", "		ip saddr { " }, { true, 6, "ip6", "		ip6 saddr { " },
};

void strays_frame(FILE *out)
{
	static const char *const chains[] = { "on_path_began", "on_path_heard", "on_path_strays" };

	fputs("table inet braid {\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		unsigned int n = families[i].number;

		fprintf(out, "	set on_path_ours_%u { type ipv%u_addr . inet_service . ipv%u_addr . inet_service; "
			     "flags dynamic,timeout; timeout %us; size %u; }\n", n, n, n, OURS_S, OURS_MOST);
	}
	fputs("	chain on_path_heard { }\n"
	      "	chain on_path_began { type filter hook output priority mangle; policy accept; }\n"
	      "	chain on_path_strays { type filter hook prerouting priority filter + 1; policy accept; }\n"
	      "}\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		fprintf(out, "flush chain inet braid %s\n", chains[i]);
}

/* Of a packet from the client's side, or (back) from the server's. */
static void put_pair(const struct family *family, bool back, FILE *out)
{
	fprintf(out, back ? "%s daddr . tcp dport . %s saddr . tcp sport" :
		"%s saddr . tcp sport . %s daddr . tcp dport", family->match, family->match);
}

/* seconds: 0: the set's own. */
static void put_change(const struct family *family, const char *change, bool back, unsigned int seconds, FILE *out)
{
	fprintf(out, " %s @on_path_ours_%u { ", change, family->number);
	put_pair(family, back, out);
	if (seconds)
		fprintf(out, " timeout %us", seconds);
	fputs(" }\n", out);
}

/* Where the pair is in the set. */
static void put_known(const struct family *family, bool back, FILE *out)
{
	put_pair(family, back, out);
	fprintf(out, " @on_path_ours_%u", family->number);
}

/* A SYN+ACK leaves when a client is accepted before its server has been asked, too, or where its plain SYN went on
 * while ours was under way. */
static void put_began(const struct path_options *options, const struct family *family, FILE *out)
{
	if (!on_path_put_clients(options, family->v6, family->clients, out))
		return;
	fputs(" } " SYN " fib saddr type != local", out);
	put_change(family, "update", false, OURS_ASKED_S, out);
	fprintf(out, "		" SYN_ACK " fib saddr type != local tcp option mptcp subtype 0 meta nfproto %s",
		family->v6 ? "ipv6" : "ipv4");
	put_change(family, "add", true, OURS_ASKED_S, out);   /* one that is there stays as it is */
	fputs("		tcp flags & rst != 0 ", out);
	put_known(family, false, out);
	put_change(family, "update", false, OURS_ENDED_S, out);
}

static void put_heard(const struct path_options *options, const struct family *family, FILE *out)
{
	for (unsigned int back = 0; back < 2; back++) {
		fprintf(out, "		" SYN " meta mark != %u", options->fwmark);
		put_change(family, "delete", back, 0, out);
	}
	fputs("		" SYN_ACK " ", out);
	put_known(family, true, out);
	put_change(family, "update", true, 0, out);
	fputs("		tcp flags & (fin|rst) != 0 ", out);
	put_known(family, true, out);
	put_change(family, "update", true, OURS_ENDED_S, out);
}

void strays_chains(const struct path_options *options, FILE *out)
{
	if (!options->on_path_keeps_source)
		return;
	fputs("	chain on_path_began {\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		put_began(options, &families[i], out);
	fputs("	}\n	chain on_path_heard {\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		put_heard(options, &families[i], out);
	fputs("	}\n", out);
	fprintf(out, "	chain on_path_strays {\n"
		     "		meta l4proto != tcp return\n"
		     "		tcp flags & (fin|syn|rst) != 0 jump on_path_heard\n"
		     "		meta mark %u return\n", options->fwmark);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (unsigned int back = 0; back < 2; back++) {
			fputs("		", out);
			put_known(&families[i], back, out);
			fputs(" socket transparent 1 return\n		", out);
			put_known(&families[i], back, out);
			fputs(" reject with tcp reset\n", out);
		}
	fputs("	}\n", out);
}
