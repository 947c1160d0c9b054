/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include "base/util.h"
#include "path/alive.h"
#include "path/intercept_parts.h"
#include "path/rules_nft.h"

/*
 * Multipath TCP connections of clients on whose way a converter stands. Of those the SYN with MP_CAPABLE alone is
 * looked at:
 *
 *	on_path		is it one of them? A SYN without the option, one with a signature, one for this machine or to
 *			another converter goes its way
 *	on_path_rules	what a rule of the policy bypasses or rejects
 *	on_path_take	is held: waits in a queue for a worker's verdict, unless it is of a connection that was taken
 *			already
 *	on_path_early	or is handed to the workers' listener at once; where nobody listens, and where nobody has the
 *			queue, the packet goes on to its server
 *	on_path_decide	does what the verdict says: to that worker's own listener, an answer, or on to its server
 *	on_path_out	what goes back, and what is told to whom
 * (and on_path_strays: intercept_strays.c)
 *
 * The packets behind the SYN are known by their socket, which has an address that isn't this machine's: path/returns.h
 * leads them here.
 *
 * A client's second link doesn't lead by us, so it is not to join at the server's address: the SYN+ACK is given the bit
 * that forbids it (RFC 8684, 3.1, C), and it is told where to join instead (ADD_ADDR, an endpoint of policy/links.h).
 * The kernel has that bit for all connections of the machine or for none, and tells all of them the same addresses. So
 * the bit is set here, in the SYN+ACKs alone that leave from addresses which aren't ours: bytes 2 and 3 of MP_CAPABLE,
 * version 1 with HMAC-SHA256, and with or without checksums. And what is said to others, gateways that have come to a
 * listener of ours and join there, is dropped before it leaves: the kernel says it in acknowledgements of their own.
 *
 * What tells of an IPv6 address with a port has 30 bytes: beside timestamps there is no room for it, and Linux (6.18)
 * then leaves it away. IPv6 connections do without timestamps.
 */

static const struct { bool v6; const char *match; } families[] = { { false, "ip" }, { true, "ip6" } };
#define N_FAMILIES ARRAY_SIZE(families)

void on_path_frame(FILE *out)
{
	static const char *const chains[] = { "on_path_early", "on_path_rules", "on_path_take", "on_path",
					      "on_path_decide", "on_path_out" };

	fputs("table inet braid {\n"
	      "	chain on_path_queues { }\n"
	      "	chain on_path_early { }\n"
	      "	chain on_path_rules { }\n"
	      "	chain on_path_take { }\n"
	      "	chain on_path { type filter hook prerouting priority -158; policy accept; }\n"
	      "	chain on_path_decide { type filter hook prerouting priority -156; policy accept; }\n"
	      "	chain on_path_out { type filter hook output priority mangle; policy accept; }\n"
	      "}\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		fprintf(out, "flush chain inet braid %s\n", chains[i]);
	strays_frame(out);
}

/* All others are taken; what they say beyond that the worker looks up anew. */
static bool put_verdict(void *context, const struct rule *rule, size_t index, FILE *out)
{
	fputs(rule->action == RULE_BYPASS ? "accept" : rule->action == RULE_REJECT ? "reject with tcp reset" :
	      "goto on_path_take", out);
	return true;
}

static int put_rules(const struct path_options *options, const struct intercept_facts *facts, FILE *out)
{
	struct rules_nft_options rules = { .generation = facts->generation,
					   .utc_offset_minutes = facts->utc_offset_minutes, .verdict = put_verdict };
	int r;

	fputs("	chain on_path_rules {\n", out);
	r = options->rules ? rules_nft_body(options->rules, &rules, out) : 0;
	fputs("		goto on_path_take\n	}\n", out);
	return r;
}

static bool any_v6(const struct path_options *options)
{
	for (size_t i = 0; i < options->n_joins; i++)
		if (!address_is_v4(&options->joins[i]))
			return true;
	return false;
}

static void put_tproxy(const struct path_options *options, unsigned int which, const char *before, FILE *out)
{
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < N_FAMILIES; i++) {
		struct address listener = mark_on_path_listener(which, families[i].v6, options->on_path_port);

		fprintf(out, "		%smeta nfproto %s meta l4proto tcp tproxy %s to %s meta mark set %u accept\n",
			before, families[i].v6 ? "ipv6" : "ipv4", families[i].match, address_format(&listener, text),
			options->fwmark);
	}
}

/* tproxy looks for the connection before it looks for the listener: a SYN that comes again is its connection's. */
static void put_take(const struct path_options *options, bool holds, FILE *out)
{
	fputs("	chain on_path_early {\n", out);
	put_tproxy(options, 0, "", out);
	fputs("	}\n	chain on_path_take {\n", out);
	if (any_v6(options))
		fputs("		meta nfproto ipv6 reset tcp option timestamp\n", out);
	fputs(holds ? "		socket transparent 1 goto on_path_early\n		goto on_path_queues\n	}\n" :
	      "		goto on_path_early\n	}\n", out);
}

/* What comes from the gateway's hosts, and what this machine itself begins, is the business of other chains, which
 * mark it, and carry out what is said of it. */
static void put_others(const struct path_options *options, FILE *out)
{
	fputs("		iifname \"lo\" return\n", out);
	for (size_t i = 0; i < options->n_lan; i++)
		fprintf(out, "		iifname \"%s\" return\n", options->lan[i]);
}

/* What comes to the end goes on to its server, with no mark of ours. */
static void put_decide(const struct path_options *options, FILE *out)
{
	char before[32];

	fputs("	chain on_path_decide {\n", out);
	put_others(options, out);
	fprintf(out, "		meta l4proto != tcp return\n"
		     "		" NOT_SYN " return\n"
		     "		meta mark { 0, %u } return\n", options->fwmark);
	intercept_put_answers(options->fwmark, out);
	for (unsigned int w = 0; w < options->n_workers; w++) {
		snprintf(before, sizeof(before), "meta mark %u ", mark_value(options->fwmark, MARK_CATCH + w));
		put_tproxy(options, w + 1, before, out);
	}
	fprintf(out, "		meta mark & 0xffff == %u meta mark set 0\n	}\n", options->fwmark & 0xffffu);
}

bool on_path_put_clients(const struct path_options *options, bool v6, const char *before, FILE *out)
{
	char text[ADDRESS_TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < options->n_on_path; i++) {
		struct address first = { 0 };

		memcpy(first.ip, options->on_path[i].ip, sizeof(first.ip));
		if (address_is_v4(&first) != v6)
			fprintf(out, "%s%s", n++ ? ", " : before, prefix_format(&options->on_path[i], text));
	}
	return n;
}

/* Ports at which converters are to be found are none to be taken: what is said there is meant for them. */
static void put_on_path(const struct path_options *options, FILE *out)
{
	fputs("	chain on_path {\n"
	      "		meta l4proto != tcp return\n"
	      "		" NOT_SYN " return\n", out);
	put_others(options, out);
	fputs("		tcp option 19 exists return\n"
	      "		tcp option 29 exists return\n"
	      "		tcp dport { ", out);
	for (size_t i = 0; i < options->n_listen_ports; i++)
		fprintf(out, "%u, ", options->listen_ports[i]);
	fprintf(out, "%u } return\n"
		     "		fib daddr type { local, broadcast, anycast, multicast } return\n"
		     "		ip6 daddr fe80::/10 return\n"
		     ALIVE_CONDITION, options->on_path_port);
	for (size_t i = 0; i < N_FAMILIES; i++)
		if (on_path_put_clients(options, families[i].v6,
					families[i].v6 ? "		ip6 saddr { " : "		ip saddr { ",
					out))
			fputs(" } tcp option mptcp subtype 0 goto on_path_rules\n", out);
	fputs("	}\n", out);
}

/* ADD_ADDR without the echo bit, of this address. */
static void put_untold(const struct address *join, FILE *out)
{
	bool v4 = address_is_v4(join);

	fprintf(out, "		tcp flags == ack tcp option @30,16,8 0x30 tcp option @30,32,%u 0x", v4 ? 32 : 128);
	for (size_t i = v4 ? 12 : 0; i < sizeof(join->ip); i++)
		fprintf(out, "%02x", join->ip[i]);
	fputs(" fib saddr type local drop\n", out);
}

static void put_out(const struct path_options *options, FILE *out)
{
	fputs("	chain on_path_out {\n"
	      "		" SYN_ACK " tcp option @30,16,16 0x0101 fib saddr type != local tcp option @30,16,16 set 0x0121\n"
	      "		" SYN_ACK " tcp option @30,16,16 0x0181 fib saddr type != local tcp option @30,16,16 set 0x01a1\n", out);
	for (size_t i = 0; i < options->n_joins; i++)
		put_untold(&options->joins[i], out);
	fputs("	}\n", out);
}

int on_path_chains(const struct path_options *options, const struct intercept_facts *facts, FILE *out)
{
	bool holds = options->on_path_holds && facts->on_path_holds;
	int r;

	put_take(options, holds, out);
	if (holds)
		put_decide(options, out);
	r = put_rules(options, facts, out);
	put_on_path(options, out);
	put_out(options, out);
	strays_chains(options, out);
	return r;
}
