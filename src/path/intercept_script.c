/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "path/alive.h"
#include "path/intercept_parts.h"

/*
 * A host's SYN goes through these chains:
 *
 *	intercept	what is it to be: left alone, caught early, or held; what is held waits in a queue for a
 *			worker's verdict
 *	rules		the same, where a rule of the policy says so
 *	decide		does what the verdict says: catch it, answer it, let it go its ordinary way
 *
 * Only a SYN is handed to a listener, so that connections that run the ordinary way are never cut in two; the packets
 * after it are known by the socket they belong to. Where nobody listens, tproxy ends the rule before the mark is set,
 * and the packet goes the ordinary way; so it does where nobody has the queue. The look-up would find the listener too
 * for packets to its port number, wherever they go: that port is left alone as a whole. What stays in the LAN, or is
 * for this machine, isn't touched; nor is a SYN with a signature (options 19 and 29: TCP-MD5 and TCP-AO, BGP's for
 * one), which nobody without the key may answer; nor is a SYN while the daemon doesn't say that it is alive
 * (path/alive.h). The chain guard turns away those who connect to the listener itself.
 */

/* How long a host may send a SYN again (127 s with Linux, tcp_syn_retries 6), and how many do: as many as a queue
 * takes. Beyond that a SYN that comes again may be accepted early, as a connection of its own. */
#define WAITING_S 130
#define WAITING_MOST 65536

static bool name_is_plain(const char *name)
{
	if (!name[0])
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._:@-+", *name))
			return false;
	return true;
}

void script_put_lan(const struct script *s)
{
	fputs("{ ", s->out);
	for (size_t i = 0; i < s->options->n_lan; i++)
		fprintf(s->out, "%s\"%s\"", i ? ", " : "", s->options->lan[i]);
	fputs(" }", s->out);
}

/* Everything that rules speak of, made where it isn't there yet, and emptied of rules where it is. */
static void put_frame(const struct script *s)
{
	static const char *const chains[] = { "learn", "ask", "early", "auto", "refuse", "rules", "intercept", "decide",
					      "guard" };

	fprintf(s->out,
		"table inet braid {\n"
		ALIVE_SET
		"	set accepted_4 { type ipv4_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	set accepted_6 { type ipv6_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	set waiting_4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	set waiting_6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	chain queues { }\n"
		"	chain learn { }\n"
		"	chain ask { }\n"
		"	chain early { }\n"
		"	chain auto { }\n"
		"	chain refuse { }\n"
		"	chain rules { }\n"
		"	chain intercept { type filter hook prerouting priority -160; policy accept; }\n"
		"	chain decide { type filter hook prerouting priority -150; policy accept; }\n"
		"	chain guard { type filter hook input priority 0; policy accept; }\n"
		"}\n",
		s->options->accept_memory_s, s->options->accept_memory, s->options->accept_memory_s,
		s->options->accept_memory, WAITING_S, WAITING_MOST, WAITING_S, WAITING_MOST);
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		fprintf(s->out, "flush chain inet braid %s\n", chains[i]);
	if (s->options->n_on_path)
		on_path_frame(s->out);
}

/* A SYN that has been held is the worker's when it comes again, whatever has been learnt of its destination
 * meanwhile: one connection of a host makes one. A DSCP that isn't 0 has to be known to who accepts: the worker sees
 * the SYN then. */
static void put_treatments(const struct script *s)
{
	const char *known = s->holds ? "ip dscp != cs0 goto ask\n"
		"		ip6 dscp != cs0 goto ask\n		" : "";

	fprintf(s->out,
		"	chain learn {\n"
		"		add @accepted_4 { ip daddr . tcp dport }\n"
		"		add @accepted_6 { ip6 daddr . tcp dport }\n"
		"	}\n"
		"	chain ask {\n"
		"		ip daddr . tcp dport @accepted_4 meta mark set meta mark ^ %u\n"
		"		ip6 daddr . tcp dport @accepted_6 meta mark set meta mark ^ %u\n"
		"		add @waiting_4 { ip saddr . tcp sport . ip daddr . tcp dport }\n"
		"		add @waiting_6 { ip6 saddr . tcp sport . ip6 daddr . tcp dport }\n"
		"		goto queues\n"
		"	}\n"
		"	chain refuse {\n"
		"		reject with tcp reset\n"
		"	}\n", (uint32_t)MARK_KNOWN << 16, (uint32_t)MARK_KNOWN << 16);
	fprintf(s->out,
		"	chain early {\n"
		"		%smeta nfproto ipv4 meta l4proto tcp tproxy ip to :%u meta mark set %u accept\n"
		"		meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :%u meta mark set %u accept\n"
		"	}\n"
		"	chain auto {\n"
		"		ip saddr . tcp sport . ip daddr . tcp dport @waiting_4 goto ask\n"
		"		ip6 saddr . tcp sport . ip6 daddr . tcp dport @waiting_6 goto ask\n"
		"		ip daddr . tcp dport @accepted_4 goto early\n"
		"		ip6 daddr . tcp dport @accepted_6 goto early\n"
		"		goto ask\n"
		"	}\n", known, s->options->intercept_port, s->options->fwmark, s->options->intercept_port, s->options->fwmark);
}

static const char *treatment(const struct script *s, enum rule_accept accept)
{
	static const char *const chains[] = { [PATH_ACCEPT_AUTO] = "auto", [PATH_ACCEPT_FAITHFUL] = "ask",
					      [PATH_ACCEPT_EARLY] = "early" };
	static const enum path_accept accepts[] = {
		[RULE_ACCEPT_AUTO] = PATH_ACCEPT_AUTO, [RULE_ACCEPT_FAITHFUL] = PATH_ACCEPT_FAITHFUL,
		[RULE_ACCEPT_EARLY] = PATH_ACCEPT_EARLY,
	};

	if (!s->holds)
		return "early";
	return chains[accept == RULE_ACCEPT_DEFAULT ? s->options->accept : accepts[accept]];
}

/* The worker is told which rule it was, and looks for none itself: nft knows more. What a rule says beyond how it is
 * accepted is the worker's to do. */
static bool put_verdict(void *context, const struct rule *rule, size_t index, FILE *out)
{
	const struct script *s = context;
	bool asks = rule->action == RULE_LINK || rule->set_dscp != RULE_DSCP_COPY ||
		    rule->priority != RULE_PRIORITY_NONE;

	if (rule->action == RULE_BYPASS)
		fputs("accept", out);
	else if (rule->action == RULE_REJECT)
		fputs("goto refuse", out);
	else
		fprintf(out, "meta mark set %u goto %s", script_mark_of_rule(s, index),
			asks && s->holds ? "ask" : treatment(s, rule->accept));
	return true;
}

/* A worker accepts the connection, looks at what the host says first, and at the rules again. Where it can't be
 * asked, or nobody is to be accepted before his destination has, such a rule never matches. */
static bool put_look(void *context, const struct rule *rule, size_t index, FILE *out)
{
	const struct script *s = context;

	fprintf(out, "meta mark set %u goto queues", script_mark(s, MARK_LOOK));
	return s->holds && s->options->accept != PATH_ACCEPT_FAITHFUL;
}

int script_put_rules(const struct script *s, const char *chain, rules_nft_statements verdict,
		     rules_nft_statements undecided)
{
	struct rules_nft_options options = {
		.generation = s->facts->generation, .utc_offset_minutes = s->facts->utc_offset_minutes,
		.verdict = verdict,
		.undecided = undecided, .context = (void *)s,
	};
	int r;

	fprintf(s->out, "	chain %s {\n", chain);
	r = s->options->rules ? rules_nft_body(s->options->rules, &options, s->out) : 0;
	fputs("	}\n", s->out);
	return r;
}

static void put_lan_rule(const struct script *s, const char *before, const char *behind)
{
	fputs(before, s->out);
	script_put_lan(s);
	fputs(behind, s->out);
}

void script_put_untaken(const struct script *s)
{
	fprintf(s->out,
		"		tcp option 19 exists return\n"
		"		tcp option 29 exists return\n"
		"		fib daddr type { local, broadcast, anycast, multicast } return\n"
		"		ip6 daddr fe80::/10 return\n"
		"%s", s->options->proxy_mptcp_hosts ? "" : "		tcp option mptcp exists return\n");
}

static void put_intercept(const struct script *s)
{
	if (!s->options->n_lan)
		return;
	put_lan_rule(s, "	chain intercept {\n		iifname != ", " return\n");
	if (s->options->refuse_quic)
		put_lan_rule(s, "		udp dport 443 meta l4proto @alive fib daddr type unicast "
				"fib daddr oifname != ", " reject with icmpx port-unreachable\n");
	fprintf(s->out,
		"		meta l4proto != tcp return\n"
		"		tcp dport %u return\n"
		"		" NOT_SYN " socket transparent 1 meta mark set %u accept\n"
		"		" NOT_SYN " return\n", s->options->intercept_port, s->options->fwmark);
	script_put_untaken(s);
	put_lan_rule(s, "		fib daddr oifname ", " return\n");
	fprintf(s->out, ALIVE_CONDITION "		jump rules\n		meta mark set %u goto %s\n	}\n",
		script_mark(s, MARK_HOLD), treatment(s, RULE_ACCEPT_DEFAULT));
}

void intercept_put_answers(uint32_t fwmark, FILE *out)
{
	fprintf(out,
		"		meta mark %u reject with tcp reset\n"
		"		meta mark %u reject with icmpx no-route\n"
		"		meta mark %u reject with icmpx host-unreachable\n"
		"		meta mark %u reject with icmpx admin-prohibited\n",
		mark_value(fwmark, MARK_RESET), mark_value(fwmark, MARK_NO_ROUTE),
		mark_value(fwmark, MARK_HOST_UNREACHABLE), mark_value(fwmark, MARK_PROHIBITED));
}

static void put_catches(const struct script *s)
{
	for (unsigned int w = 0; w < s->options->n_workers; w++) {
		struct address v4 = mark_listener(w, false, s->options->intercept_port),
			       v6 = mark_listener(w, true, s->options->intercept_port);
		char text[ADDRESS_TEXT_BYTES];

		fprintf(s->out, "		meta mark %u jump learn\n", script_mark(s, MARK_CATCH_KNOWN + w));
		fprintf(s->out, "		meta mark { %u, %u } meta nfproto ipv4 meta l4proto tcp "
				"tproxy ip to %s meta mark set %u accept\n",
			script_mark(s, MARK_CATCH + w), script_mark(s, MARK_CATCH_KNOWN + w), address_format(&v4, text),
			s->options->fwmark);
		fprintf(s->out, "		meta mark { %u, %u } meta nfproto ipv6 meta l4proto tcp "
				"tproxy ip6 to %s meta mark set %u accept\n",
			script_mark(s, MARK_CATCH + w), script_mark(s, MARK_CATCH_KNOWN + w), address_format(&v6, text),
			s->options->fwmark);
	}
}

/* What comes to the end goes the ordinary way, with no mark of ours. */
static void put_decide(const struct script *s)
{
	if (!s->options->n_lan)
		return;
	fputs("	chain decide {\n		iifname != ", s->out);
	script_put_lan(s);
	fprintf(s->out,
		" return\n"
		"		" NOT_SYN " return\n"
		"		meta mark { 0, %u } return\n", s->options->fwmark);
	intercept_put_answers(s->options->fwmark, s->out);
	put_catches(s);
	fprintf(s->out, "		meta mark & 0xffff == %u meta mark set 0\n	}\n",
		s->options->fwmark & 0xffffu);
}

static void put_guard(const struct script *s)
{
	fprintf(s->out,
		"	chain guard {\n"
		"		tcp dport %u " SYN " meta mark != %u reject with tcp reset\n"
		"	}\n", s->options->intercept_port, s->options->fwmark);
}

static int check_names(const struct path_options *options, char *reason, size_t n_reason)
{
	for (size_t i = 0; i < options->n_lan; i++) {
		if (name_is_plain(options->lan[i]))
			continue;
		snprintf(reason, n_reason, "LAN interface '%s': letters, digits and ._:@-+ are wanted",
			 options->lan[i]);
		return -EINVAL;
	}
	return options->own ? path_check_own(options->own, reason, n_reason) : 0;
}

static int put_chains(const struct script *s)
{
	int r = 0;

	fputs("table inet braid {\n", s->out);
	if (path_catches(s->options)) {
		put_treatments(s);
		r = script_put_rules(s, "rules", put_verdict, put_look);
		put_intercept(s);
		put_decide(s);
		put_guard(s);
	}
	if (!r)
		r = own_script_chains(s);
	if (!r && s->options->n_on_path)
		r = on_path_chains(s->options, s->facts, s->out);
	fputs("}\n", s->out);
	return r;
}

int intercept_script(const struct path_options *options, const struct intercept_facts *facts, char **out, char *reason,
		     size_t n_reason)
{
	struct script s = { .options = options, .facts = facts, .holds = facts->holds && options->n_workers };
	size_t n;
	int r = check_names(options, reason, n_reason);

	if (r)
		return r;
	s.out = open_memstream(out, &n);
	if (!s.out)
		return -ENOMEM;
	put_frame(&s);
	own_script_frame(&s);
	if (options->rules)
		rules_nft_sets(options->rules, facts->generation, s.out);
	r = put_chains(&s);
	if (facts->before)
		rules_nft_drop(facts->before, facts->generation - 1, options->rules, s.out);
	return fclose(s.out) || r ? -ENOMEM : 0;
}
