/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the table inet braid that is about connections of this machine itself (decision 0026). A SYN goes through
 * these chains:
 *
 *	own		output: is it one to be taken? What is waits in the queue for a worker's verdict, as a host's
 *			does
 *	own_rules	the same, where a rule of the policy says so
 *	own_decide	output: does what the verdict says; what is to be caught is kept in mind by its addresses and
 *			ports, and led over lo by its mark
 *	own_catch	prerouting, on lo: hands it to the worker's listener
 *
 * What follows it on its way out is known by those addresses and ports (own_4, own_6), and led after it; the answers
 * come to the program's socket by themselves, for they are for an address of this machine. All that is decided while
 * the SYN is still on its ordinary way: from lo there is no way back. So with nobody at the queue it goes on as if
 * nothing were here. Without a queue nothing is taken.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include "base/util.h"
#include "path/alive.h"
#include "path/cgroup.h"
#include "path/intercept_parts.h"
#include "policy/admit.h"
#include "policy/own.h"

#define KEPT_MOST_S 432000         /* unless the options say so; a set that exists keeps its time */
#define KEPT_MOST 262144           /* connections; what is beyond goes the ordinary way */
#define TUPLE_4 "ip saddr . tcp sport . ip daddr . tcp dport"
#define TUPLE_6 "ip6 saddr . tcp sport . ip6 daddr . tcp dport"

void own_script_frame(const struct script *s)
{
	static const char *const chains[] = { "own_keep", "own_rules", "own_take", "own_refuse", "own_quic", "own",
					      "own_decide", "own_catch" };

	if (!s->options->leads_own)
		return;
	fprintf(s->out,
		"table inet braid {\n"
		"	set own_4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	set own_6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; flags dynamic,timeout; timeout %us; size %u; }\n"
		"	chain own_keep { }\n"
		"	chain own_rules { }\n"
		"	chain own_take { }\n"
		"	chain own_refuse { }\n"
		"	chain own_quic { }\n"
		"	chain own { type route hook output priority -160; policy accept; }\n"
		"	chain own_decide { type route hook output priority -150; policy accept; }\n"
		"	chain own_catch { type filter hook prerouting priority -150; policy accept; }\n"
		"}\n", KEPT_MOST_S, KEPT_MOST, KEPT_MOST_S, KEPT_MOST);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		fprintf(s->out, "flush chain inet braid %s\n", chains[i]);
}

/* One by one: in a set they might not overlap. */
static void put_destinations(const struct script *s, const struct prefix *prefixes, size_t n_prefixes,
			     const char *verdict)
{
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < n_prefixes; i++)
		fprintf(s->out, "		%s daddr %s %s\n", prefix_is_v4(&prefixes[i]) ? "ip" : "ip6",
			prefix_format(&prefixes[i], text), verdict);
}

/* Our own connections to the converter, joining subflows among them. Whatever else we begin ourselves bears a mark. */
static void put_converter(const struct script *s)
{
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < s->options->n_converter; i++) {
		const struct address *converter = &s->options->converter[i];

		fprintf(s->out, "		%s daddr %s tcp dport %u return\n",
			address_is_v4(converter) ? "ip" : "ip6", address_format_ip(converter, text), converter->port);
	}
}

/* The last one means nobody. */
static bool is_number(const char *text, unsigned int *number)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	*number = (unsigned int)value;
	return isdigit((unsigned char)text[0]) && !*end && value < UINT32_MAX;
}

/* A name, or the number itself. */
static bool number_of_user(const char *name, unsigned int *number)
{
	const struct passwd *user = getpwnam(name);

	if (user)
		*number = user->pw_uid;
	return user || is_number(name, number);
}

static bool number_of_group(const char *name, unsigned int *number)
{
	const struct group *group = getgrnam(name);

	if (group)
		*number = group->gr_gid;
	return group || is_number(name, number);
}

int path_check_own(const struct own_choice *own, char *reason, size_t n_reason)
{
	unsigned int number;

	for (size_t i = 0; i < own->n_users; i++)
		if (!number_of_user(own->users[i], &number)) {
			snprintf(reason, n_reason, "host.users: there is no user '%s'", own->users[i]);
			return -EINVAL;
		}
	for (size_t i = 0; i < own->n_groups; i++)
		if (!number_of_group(own->groups[i], &number)) {
			snprintf(reason, n_reason, "host.groups: there is no group '%s'", own->groups[i]);
			return -EINVAL;
		}
	return 0;
}

static void put_names(const struct script *s, const struct own_choice *own, const char *verdict)
{
	unsigned int number;

	for (size_t i = 0; i < own->n_users; i++)
		if (number_of_user(own->users[i], &number))
			fprintf(s->out, "		meta skuid %u %s\n", number, verdict);
	for (size_t i = 0; i < own->n_groups; i++)
		if (number_of_group(own->groups[i], &number))
			fprintf(s->out, "		meta skgid %u %s\n", number, verdict);
}

static void put_ports(const struct script *s, const struct own_choice *own, const char *verdict)
{
	for (size_t i = 0; i < own->n_ports; i++) {
		fprintf(s->out, "		th dport %u", own->ports[i].first);
		if (own->ports[i].last > own->ports[i].first)
			fprintf(s->out, "-%u", own->ports[i].last);
		fprintf(s->out, " %s\n", verdict);
	}
}

/* One that isn't there can't be named: nft looks it up. Its number is in the comment, so that the script is another
 * one when it is made anew. */
static void put_cgroups(const struct script *s, const struct own_choice *own, const char *verdict)
{
	struct cgroup cgroup;

	for (size_t i = 0; i < own->n_cgroups; i++)
		if (!cgroup_find(own->cgroups[i], &cgroup))
			fprintf(s->out, "		socket cgroupv2 level %u \"%s\" %s comment \"%llu\"\n",
				cgroup.level, cgroup.path, verdict, (unsigned long long)cgroup.number);
}

static void put_choice(const struct script *s, const struct own_choice *own, const char *verdict)
{
	put_names(s, own, verdict);
	put_cgroups(s, own, verdict);
	put_ports(s, own, verdict);
	put_destinations(s, own->to, own->n_to, verdict);
	if (own->all)
		fprintf(s->out, "		%s\n", verdict);
}

/* As for hosts; interfaces and MAC addresses aren't known of what begins here. */
static bool put_verdict(void *context, const struct rule *rule, size_t index, FILE *out)
{
	const struct script *s = context;

	if (rule->n_interfaces || rule->n_macs)
		return false;
	if (rule->action == RULE_BYPASS)
		fputs("accept", out);
	else if (rule->action == RULE_REJECT)
		fputs("goto refuse", out);
	else
		fprintf(out, "meta mark set %u goto ask", script_mark_of_rule(s, index));
	return true;
}

static bool put_look(void *context, const struct rule *rule, size_t index, FILE *out)
{
	const struct script *s = context;

	fprintf(out, "meta mark set %u goto queues", script_mark(s, MARK_LOOK));
	return !rule->n_interfaces && !rule->n_macs && s->options->accept != PATH_ACCEPT_FAITHFUL;
}

/* What isn't for us, whoever has begun it. A mark is somebody's word on where a packet is to go, our own sockets'
 * among them. */
static void put_left_alone(const struct script *s, const struct own_choice *own)
{
	size_t n_special;
	const struct prefix *special = admit_special(&n_special);

	fputs("		meta mark != 0 return\n"
	      "		oifname \"lo\" return\n", s->out);
	if (s->options->n_lan) {
		fputs("		oifname ", s->out);
		script_put_lan(s);
		fputs(" return\n", s->out);
	}
	if (!own->special)
		put_destinations(s, special, n_special, "return");
	fputs(ALIVE_CONDITION, s->out);
}

/* So that programs use TCP at once. */
static void put_quic(const struct script *s, const struct own_choice *own)
{
	fputs("	chain own_refuse {\n"
	      "		reject with icmpx port-unreachable\n"
	      "	}\n"
	      "	chain own_quic {\n"
	      "		fib daddr type != unicast return\n", s->out);
	put_left_alone(s, own);
	put_choice(s, own, "goto own_refuse");
	fputs("	}\n", s->out);
}

/* A port that is used anew doesn't inherit what was known of it. */
static void put_own(const struct script *s)
{
	const struct own_choice *own = s->holds && s->options->own && own_chooses(s->options->own) ? s->options->own :
				       NULL;
	bool refuses = own && s->options->refuse_quic;

	if (refuses)
		put_quic(s, own);
	fprintf(s->out,
		"	chain own {\n"
		"%s"
		"		meta l4proto != tcp return\n"
		"		" NOT_SYN " " TUPLE_4 " @own_4 update @own_4 { " TUPLE_4 " timeout %us } meta mark set %u accept\n"
		"		" NOT_SYN " " TUPLE_6 " @own_6 update @own_6 { " TUPLE_6 " timeout %us } meta mark set %u accept\n"
		"		" NOT_SYN " return\n"
		"		" TUPLE_4 " @own_4 delete @own_4 { " TUPLE_4 " }\n"
		"		" TUPLE_6 " @own_6 delete @own_6 { " TUPLE_6 " }\n", refuses ? "		udp dport 443 goto own_quic\n" : "", s->options->own_memory_s, script_mark(s, MARK_OWN),
		s->options->own_memory_s, script_mark(s, MARK_OWN));
	if (own) {
		script_put_untaken(s);
		put_converter(s);
		put_left_alone(s, own);
		put_choice(s, own, "goto own_take");
	}
	fputs("	}\n", s->out);
}

static void put_take_and_keep(const struct script *s)
{
	fprintf(s->out,
		"	chain own_take {\n"
		"		jump own_rules\n"
		"		meta mark set %u goto ask\n"
		"	}\n"
		"	chain own_keep {\n"
		"		update @own_4 { " TUPLE_4 " timeout %us } accept\n"
		"		update @own_6 { " TUPLE_6 " timeout %us } accept\n"
		"		meta mark set 0\n"
		"	}\n", script_mark(s, MARK_HOLD), s->options->own_memory_s, s->options->own_memory_s);
}

/* What comes to the end goes the ordinary way, with no mark of ours. */
static void put_decide(const struct script *s)
{
	fprintf(s->out,
		"	chain own_decide {\n"
		"		meta l4proto != tcp return\n"
		"		" NOT_SYN " return\n"
		"		meta mark & 0xffff != %u return\n"
		"		meta mark %u return\n", s->options->fwmark & 0xffffu, script_mark(s, MARK_OURS));
	intercept_put_answers(s->options->fwmark, s->out);
	for (unsigned int w = 0; w < s->options->n_workers; w++)
		fprintf(s->out,
			"		meta mark %u jump learn\n"
			"		meta mark { %u, %u } meta mark set %u goto own_keep\n",
			script_mark(s, MARK_CATCH_KNOWN + w), script_mark(s, MARK_CATCH + w),
			script_mark(s, MARK_CATCH_KNOWN + w), script_mark(s, MARK_OWN + w));
	fputs("		meta mark set 0\n	}\n", s->out);
}

/* From here there is no ordinary way any more: where nobody listens, as for a moment when the daemon ends, the SYN
 * has to come again. */
static void put_catch(const struct script *s)
{
	fputs("	chain own_catch {\n"
	      "		iifname != \"lo\" return\n"
	      "		meta l4proto != tcp return\n"
	      "		" NOT_SYN " return\n", s->out);
	for (unsigned int w = 0; w < s->options->n_workers; w++) {
		struct address v4 = mark_listener(w, false, s->options->intercept_port),
			       v6 = mark_listener(w, true, s->options->intercept_port);
		char text[ADDRESS_TEXT_BYTES];

		fprintf(s->out, "		meta mark %u meta nfproto ipv4 meta l4proto tcp "
				"tproxy ip to %s meta mark set %u accept\n",
			script_mark(s, MARK_OWN + w), address_format(&v4, text), s->options->fwmark);
		fprintf(s->out, "		meta mark %u meta nfproto ipv6 meta l4proto tcp "
				"tproxy ip6 to %s meta mark set %u accept\n",
			script_mark(s, MARK_OWN + w), address_format(&v6, text), s->options->fwmark);
	}
	fprintf(s->out, "		meta mark & %u == %u drop\n	}\n", MARK_OWN_MASK,
		script_mark(s, MARK_OWN) & MARK_OWN_MASK);
}

int own_script_chains(const struct script *s)
{
	int r;

	if (!s->options->leads_own)
		return 0;
	r = script_put_rules(s, "own_rules", put_verdict, put_look);
	put_take_and_keep(s);
	put_own(s);
	put_decide(s);
	put_catch(s);
	return r;
}
