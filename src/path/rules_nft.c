/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/rules_nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

#define V4_AT 12              /* within the mapped form of an address */
#define WINDOWS 32            /* a day has three at most: what began yesterday, and one cut in two by UTC's midnight */
#define WEEK_MINUTES (7 * RULE_DAY_MINUTES)

enum family { V4, V6, ANY_FAMILY };

/* The same minutes of some days, in UTC. */
struct window { uint16_t first, end; uint8_t days; };

struct windows {
	struct window all[WINDOWS];
	size_t n;
};

/* One line of nft: a rule may need several, for nft has no "or" between sets, families and times. */
struct line {
	const struct rules *rules;
	const struct rule *rule;
	enum family family;
	size_t from, to;          /* which part of each side: 0 its own prefixes, then its lists */
	const struct window *window;
	const char *verdict;
};

/* How many bits of the address name the range, or -1: it is no prefix. A prefix is half the text of a range, and
 * half of nft's work. */
static int prefix_bits(const uint8_t *first, const uint8_t *last, unsigned int n_bytes)
{
	unsigned int n = 0;

	while (n < 8 * n_bytes && !((first[n / 8] ^ last[n / 8]) & 0x80 >> n % 8))
		n++;
	for (unsigned int i = n; i < 8 * n_bytes; i++)
		if (first[i / 8] & 0x80 >> i % 8 || !(last[i / 8] & 0x80 >> i % 8))
			return -1;
	return (int)n;
}

static void put_range(int family, const uint8_t *first, const uint8_t *last, FILE *out)
{
	unsigned int n_bytes = family == AF_INET ? 4 : 16;
	int n_bits = prefix_bits(first, last, n_bytes);
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(family, first, text, sizeof(text)), out);
	if (n_bits < 0)
		fprintf(out, "-%s", inet_ntop(family, last, text, sizeof(text)));
	else if ((unsigned int)n_bits < 8 * n_bytes)
		fprintf(out, "/%d", n_bits);
}

static void put_v4(const struct prefixes_v4 *range, FILE *out)
{
	uint32_t first_be = htonl(range->first), last_be = htonl(range->last);

	put_range(AF_INET, (const uint8_t *)&first_be, (const uint8_t *)&last_be, out);
}

static void put_v6(const struct prefixes_v6 *range, FILE *out)
{
	put_range(AF_INET6, range->first, range->last, out);
}

static size_t count(const struct prefixes *prefixes, enum family family)
{
	return family == V4 ? prefixes->n_v4 : prefixes->n_v6;
}

/* "{ 10.0.0.0-10.255.255.255, 192.0.2.1 }" */
static void put_elements(const struct prefixes *prefixes, enum family family, FILE *out)
{
	for (size_t i = 0; i < count(prefixes, family); i++) {
		fputs(i ? ", " : "{ ", out);
		if (family == V4)
			put_v4(&prefixes->v4[i], out);
		else
			put_v6(&prefixes->v6[i], out);
	}
	fputs(" }", out);
}

static void put_set_name(const struct rule_list *list, enum family family, uint32_t generation, FILE *out)
{
	fprintf(out, "%s_%c", list->name, family == V4 ? '4' : '6');
	if (!list->dynamic)
		fprintf(out, "_g%u", generation);
}

static void put_set(const struct rule_list *list, enum family family, uint32_t generation, FILE *out)
{
	fputs("add set inet braid ", out);
	put_set_name(list, family, generation, out);
	fprintf(out, " { type ipv%c_addr;%s", family == V4 ? '4' : '6', list->dynamic ? "" : " flags interval;");
	if (count(&list->prefixes, family)) {
		fputs(" elements = ", out);
		put_elements(&list->prefixes, family, out);
		fputc(';', out);
	}
	fputs(" }\n", out);
}

void rules_nft_sets(const struct rules *rules, uint32_t generation, FILE *out)
{
	for (size_t i = 0; i < rules->n_lists; i++)
		for (enum family family = V4; family <= V6; family++)
			put_set(&rules->lists[i], family, generation, out);
}

static bool has_dynamic(const struct rules *rules, const char *name)
{
	for (size_t i = 0; rules && i < rules->n_lists; i++)
		if (rules->lists[i].dynamic && !strcmp(rules->lists[i].name, name))
			return true;
	return false;
}

void rules_nft_drop(const struct rules *rules, uint32_t generation, const struct rules *next, FILE *out)
{
	for (size_t i = 0; i < rules->n_lists; i++) {
		if (rules->lists[i].dynamic && has_dynamic(next, rules->lists[i].name))
			continue;
		for (enum family family = V4; family <= V6; family++) {
			fputs("delete set inet braid ", out);
			put_set_name(&rules->lists[i], family, generation, out);
			fputc('\n', out);
		}
	}
}

static void window_add(struct windows *windows, unsigned int day, unsigned int first, unsigned int end)
{
	size_t i = 0;

	while (i < windows->n && (windows->all[i].first != first || windows->all[i].end != end))
		i++;
	if (i == windows->n && windows->n < WINDOWS)
		windows->all[windows->n++] = (struct window){ (uint16_t)first, (uint16_t)end, 0 };
	if (i < WINDOWS)
		windows->all[i].days |= (uint8_t)(1u << day);
}

/* Each minute of the week is asked, which needs no thought about midnights. */
static void windows_of(struct windows *windows, const struct rule *rule, int utc_offset_minutes)
{
	windows->n = 0;
	for (unsigned int day = 0; day < 7; day++) {
		unsigned int first = 0;
		bool held = false;

		for (unsigned int minute = 0; minute <= RULE_DAY_MINUTES; minute++) {
			int local = ((int)(day * RULE_DAY_MINUTES + minute) + utc_offset_minutes +
				     WEEK_MINUTES) % WEEK_MINUTES;
			bool holds = minute < RULE_DAY_MINUTES &&
				     rule_holds_at(rule, (unsigned int)local / RULE_DAY_MINUTES,
						   (unsigned int)local % RULE_DAY_MINUTES);

			if (held && !holds)
				window_add(windows, day, first, minute);
			if (holds && !held)
				first = minute;
			held = holds;
		}
	}
}

static const struct rule_list *list_of(const struct rules *rules, const struct rule_side *side, size_t part)
{
	return part ? &rules->lists[side->lists[part - 1]] : NULL;
}

/* Whether there may be addresses of the family in that part of the side. */
static bool part_has(const struct rules *rules, const struct rule_side *side, size_t part, enum family family)
{
	const struct rule_list *list = list_of(rules, side, part);

	return !side->given || (list && list->dynamic) || count(list ? &list->prefixes : &side->own, family);
}

static void put_side(const struct line *line, const struct rule_side *side, size_t part, const char *what,
		     uint32_t generation, FILE *out)
{
	const struct rule_list *list = list_of(line->rules, side, part);

	if (!side->given)
		return;
	fprintf(out, "%s %s ", line->family == V4 ? "ip" : "ip6", what);
	if (list) {
		fputc('@', out);
		put_set_name(list, line->family, generation, out);
	} else {
		put_elements(&side->own, line->family, out);
	}
	fputc(' ', out);
}

static void put_ports(const struct rule *rule, FILE *out)
{
	for (size_t i = 0; i < rule->n_ports; i++) {
		fprintf(out, "%s%u", i ? ", " : "tcp dport { ", rule->ports[i].first);
		if (rule->ports[i].last > rule->ports[i].first)
			fprintf(out, "-%u", rule->ports[i].last);
	}
	if (rule->n_ports)
		fputs(" } ", out);
}

static void put_interfaces(const struct rule *rule, FILE *out)
{
	for (size_t i = 0; i < rule->n_interfaces; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "iifname { ", rule->interfaces[i]);
	if (rule->n_interfaces)
		fputs(" } ", out);
}

/* "{ 10, 46 }" of the bits that are set. */
static void put_bits(uint64_t bits, FILE *out)
{
	bool first = true;

	for (unsigned int bit = 0; bit < 64; bit++)
		if (bits >> bit & 1) {
			fprintf(out, "%s%u", first ? "{ " : ", ", bit);
			first = false;
		}
	fputs(" } ", out);
}

static void put_dscp(const struct rule *rule, enum family family, FILE *out)
{
	if (rule->dscp == RULE_DSCP_ALL)
		return;
	fprintf(out, "%s dscp ", family == V4 ? "ip" : "ip6");
	put_bits(rule->dscp, out);
}

static void put_macs(const struct rule *rule, FILE *out)
{
	for (size_t i = 0; i < rule->n_macs; i++) {
		const uint8_t *mac = rule->macs[i];

		fprintf(out, "%s%02x:%02x:%02x:%02x:%02x:%02x", i ? ", " : "ether saddr { ", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
	}
	if (rule->n_macs)
		fputs(" } ", out);
}

/* In seconds, which nft takes as they are; what looks like a time of day it would take for the local one of its own
 * process. */
static void put_window(const struct window *window, FILE *out)
{
	if (window->days != RULE_DAYS_ALL) {
		fputs("meta day ", out);
		put_bits(window->days, out);
	}
	if (window->first || window->end < RULE_DAY_MINUTES)
		fprintf(out, "meta hour %u-%u ", 60u * window->first, 60u * window->end - 1);
}

static void put_line(const struct line *line, uint32_t generation, FILE *out)
{
	fputs("\t\t", out);
	put_interfaces(line->rule, out);
	put_side(line, &line->rule->from, line->from, "saddr", generation, out);
	put_side(line, &line->rule->to, line->to, "daddr", generation, out);
	put_ports(line->rule, out);
	put_dscp(line->rule, line->family, out);
	put_macs(line->rule, out);
	put_window(line->window, out);
	fprintf(out, "%s comment \"%s\"\n", line->verdict, line->rule->name);
}

static void put_windows(struct line *line, const struct windows *windows, uint32_t generation, FILE *out)
{
	for (size_t i = 0; i < windows->n; i++) {
		line->window = &windows->all[i];
		put_line(line, generation, out);
	}
}

/* All pairs of a part of the source and a part of the destination. */
static void put_family(struct line *line, const struct windows *windows, uint32_t generation, FILE *out)
{
	const struct rule_side *from = &line->rule->from, *to = &line->rule->to;

	for (line->from = 0; line->from <= from->n_lists; line->from++)
		for (line->to = 0; line->to <= to->n_lists; line->to++)
			if (line->family == ANY_FAMILY || (part_has(line->rules, from, line->from, line->family) &&
							   part_has(line->rules, to, line->to, line->family)))
				put_windows(line, windows, generation, out);
}

/* NULL without memory, "" where the rule is left out. */
static char *verdict_of(const struct rules_nft_options *options, const struct rule *rule, size_t index)
{
	bool (*write)(void *context, const struct rule *rule, size_t index, FILE *out) = rule->n_tls_names ?
		options->undecided : options->verdict;
	char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);
	bool taken;

	if (!out)
		return NULL;
	taken = write && !rule->n_subscribers && write(options->context, rule, index, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	if (!taken)
		text[0] = 0;
	return text;
}

int rules_nft_body(const struct rules *rules, const struct rules_nft_options *options, FILE *out)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *rule = &rules->all[i];
		_cleanup_(freep) char *verdict = verdict_of(options, rule, i);
		struct line line = { .rules = rules, .rule = rule, .family = ANY_FAMILY, .verdict = verdict };
		struct windows windows;

		if (!verdict)
			return -ENOMEM;
		if (!verdict[0])
			continue;
		windows_of(&windows, rule, options->utc_offset_minutes);
		if (!rule->from.given && !rule->to.given && rule->dscp == RULE_DSCP_ALL)
			put_family(&line, &windows, options->generation, out);
		else
			for (line.family = V4; line.family <= V6; line.family++)
				put_family(&line, &windows, options->generation, out);
	}
	return 0;
}

bool rules_nft_list_holds(struct nft_elements *elements, const struct rule_list *list, const struct address *address)
{
	char name[RULE_NAME_BYTES + 2];
	bool v4 = address_is_v4(address);
	struct nft_set set = { NFPROTO_INET, "braid", name };
	struct nft_key key = { .n = 0 };

	snprintf(name, sizeof(name), "%s_%c", list->name, v4 ? '4' : '6');
	nft_key_add(&key, address->ip + (v4 ? V4_AT : 0), sizeof(address->ip) - (v4 ? V4_AT : 0));
	return !nft_element_find(elements, &set, &key);
}
