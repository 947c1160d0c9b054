/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether one rule matches whatever another one does: kind by kind, and in doubt no. */
#include <string.h>
#include "base/util.h"
#include "policy/rules.h"

static bool side_has_v4(const struct rules *rules, const struct rule_side *side, const struct prefixes_v4 *range)
{
	for (size_t i = 0; i < side->n_lists; i++)
		if (prefixes_have_v4(&rules->lists[side->lists[i]].prefixes, range))
			return true;
	return prefixes_have_v4(&side->own, range);
}

static bool side_has_v6(const struct rules *rules, const struct rule_side *side, const struct prefixes_v6 *range)
{
	for (size_t i = 0; i < side->n_lists; i++)
		if (prefixes_have_v6(&rules->lists[side->lists[i]].prefixes, range))
			return true;
	return prefixes_have_v6(&side->own, range);
}

static bool side_has_all(const struct rules *rules, const struct rule_side *side, const struct prefixes *prefixes)
{
	for (size_t i = 0; i < prefixes->n_v4; i++)
		if (!side_has_v4(rules, side, &prefixes->v4[i]))
			return false;
	for (size_t i = 0; i < prefixes->n_v6; i++)
		if (!side_has_v6(rules, side, &prefixes->v6[i]))
			return false;
	return true;
}

static bool side_has_list(const struct rules *rules, const struct rule_side *side, size_t list)
{
	for (size_t i = 0; i < side->n_lists; i++)
		if (side->lists[i] == list)
			return true;
	return !rules->lists[list].dynamic && side_has_all(rules, side, &rules->lists[list].prefixes);
}

static bool side_covers(const struct rules *rules, const struct rule_side *outer, const struct rule_side *inner)
{
	if (!outer->given || !inner->given)
		return !outer->given;
	for (size_t i = 0; i < inner->n_lists; i++)
		if (!side_has_list(rules, outer, inner->lists[i]))
			return false;
	return side_has_all(rules, outer, &inner->own);
}

static bool ports_cover(const struct rule *outer, const struct rule *inner)
{
	size_t j = 0;

	if (!outer->n_ports || !inner->n_ports)
		return !outer->n_ports;
	for (size_t i = 0; i < inner->n_ports; i++) {   /* both are sorted */
		while (j < outer->n_ports && outer->ports[j].last < inner->ports[i].last)
			j++;
		if (j == outer->n_ports || outer->ports[j].first > inner->ports[i].first)
			return false;
	}
	return true;
}

/* Lists of n_bytes an item, the empty one being all there is. */
static bool items_cover(const void *outer, size_t n_outer, const void *inner, size_t n_inner, size_t n_bytes)
{
	if (!n_outer || !n_inner)
		return !n_outer;
	for (size_t i = 0; i < n_inner; i++) {
		size_t j = 0;

		while (j < n_outer && memcmp((const char *)outer + j * n_bytes, (const char *)inner + i * n_bytes,
					     n_bytes))
			j++;
		if (j == n_outer)
			return false;
	}
	return true;
}

/* Whether a rule holds changes at these minutes of a day alone. */
static bool time_covers(const struct rule *outer, const struct rule *inner)
{
	const unsigned int edges[] = { 0, outer->from_minute, outer->to_minute, inner->from_minute, inner->to_minute };

	for (unsigned int day = 0; day < 7; day++)
		for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
			if (edges[i] < RULE_DAY_MINUTES && rule_holds_at(inner, day, edges[i]) &&
			    !rule_holds_at(outer, day, edges[i]))
				return false;
	return true;
}

/* "*.example" covers "a.example" and "*.b.example". */
static bool name_covers(const char *outer, const char *inner)
{
	size_t n_outer = strlen(outer), n_inner = strlen(inner);

	if (!strcmp(outer, inner))
		return true;
	return outer[0] == '*' && n_inner > n_outer - 1 && !strcmp(inner + n_inner - (n_outer - 1), outer + 1);
}

static bool tls_names_cover(const struct rule *outer, const struct rule *inner)
{
	if (!outer->n_tls_names || !inner->n_tls_names)
		return !outer->n_tls_names;
	for (size_t i = 0; i < inner->n_tls_names; i++) {
		size_t j = 0;

		while (j < outer->n_tls_names && !name_covers(outer->tls_names[j], inner->tls_names[i]))
			j++;
		if (j == outer->n_tls_names)
			return false;
	}
	return true;
}

/* What costs most comes last. */
static bool covers(const struct rules *rules, const struct rule *outer, const struct rule *inner)
{
	return ports_cover(outer, inner) && !(inner->dscp & ~outer->dscp) &&
	       items_cover(outer->interfaces, outer->n_interfaces, inner->interfaces, inner->n_interfaces,
			   RULE_INTERFACE_BYTES) &&
	       items_cover(outer->macs, outer->n_macs, inner->macs, inner->n_macs, RULE_MAC_BYTES) &&
	       items_cover(outer->subscribers, outer->n_subscribers, inner->subscribers, inner->n_subscribers,
			   RULE_NAME_BYTES) &&
	       tls_names_cover(outer, inner) && side_covers(rules, &outer->from, &inner->from) &&
	       side_covers(rules, &outer->to, &inner->to) && time_covers(outer, inner);
}

size_t rules_shadowed_by(const struct rules *rules, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (covers(rules, &rules->all[i], &rules->all[index]))
			return i;
	return RULES_NONE;
}

/* A bit a family. */
static unsigned int families_of(const struct rules *rules, const struct rule_side *side)
{
	unsigned int families = side->given ? (side->own.n_v4 ? 1u : 0u) | (side->own.n_v6 ? 2u : 0u) : 3u;

	for (size_t i = 0; i < side->n_lists; i++) {
		const struct rule_list *list = &rules->lists[side->lists[i]];

		if (list->dynamic || prefixes_empty(&list->prefixes))   /* what is empty may be filled one day */
			return 3;
		families |= (list->prefixes.n_v4 ? 1u : 0u) | (list->prefixes.n_v6 ? 2u : 0u);
	}
	return families;
}

bool rules_never_matches(const struct rules *rules, size_t index)
{
	return !(families_of(rules, &rules->all[index].from) & families_of(rules, &rules->all[index].to));
}
