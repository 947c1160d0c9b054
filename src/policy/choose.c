/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/choose.h"

enum rank { RANK_ANSWERS, RANK_UNANSWERED, RANK_BACKUP, RANK_BACKUP_UNANSWERED, RANK_SILENT };

static enum rank rank_of(const struct choose_link *link)
{
	if (link->silent)
		return RANK_SILENT;
	if (link->backup)
		return link->unanswered ? RANK_BACKUP_UNANSWERED : RANK_BACKUP;
	return link->unanswered ? RANK_UNANSWERED : RANK_ANSWERS;
}

static bool is_better(const struct choose_link *a, const struct choose_link *b)
{
	enum rank rank_a = rank_of(a), rank_b = rank_of(b);

	if (rank_a != rank_b)
		return rank_a < rank_b;
	return a->cost != b->cost ? a->cost < b->cost : a->strips_mptcp < b->strips_mptcp;
}

enum family { FAMILY_EITHER, FAMILY_V4, FAMILY_V6 };

/* That of which more links have an address: the others can't join a connection that begins by the other one. */
static enum family common_family(const struct choose_link *links, size_t n_links)
{
	size_t n_v4 = 0, n_v6 = 0;

	for (size_t i = 0; i < n_links; i++) {
		n_v4 += links[i].up && !address_is_unspecified(&links[i].v4);
		n_v6 += links[i].up && !address_is_unspecified(&links[i].v6);
	}
	if (n_v4 == n_v6)
		return FAMILY_EITHER;
	return n_v4 > n_v6 ? FAMILY_V4 : FAMILY_V6;
}

/* The first of the converter's addresses, of this family, that the link can reach by it. */
static bool pair_family(const struct choose_link *link, const struct address *converters, size_t n_converters,
			enum family family, struct choice *out)
{
	for (size_t i = 0; i < n_converters; i++) {
		bool v4 = address_is_v4(&converters[i]);
		const struct address *source = v4 ? &link->v4 : &link->v6;

		if (address_is_unspecified(source) ||
		    (family != FAMILY_EITHER && family != (v4 ? FAMILY_V4 : FAMILY_V6)))
			continue;
		out->source = *source;
		out->source.port = 0;
		out->converter = converters[i];
		return true;
	}
	return false;
}

static bool pair_addresses(const struct choose_link *link, const struct address *converters, size_t n_converters,
			   enum family family, struct choice *out)
{
	return pair_family(link, converters, n_converters, family, out) ||
	       pair_family(link, converters, n_converters, FAMILY_EITHER, out);
}

int choose_first_link(const struct choose_link *links, size_t n_links, const struct address *converters,
		      size_t n_converters, uint32_t tried, struct choice *out)
{
	const struct choose_link *best = NULL;
	struct choice choice = { .link = CHOOSE_NO_LINK };
	enum family family = common_family(links, n_links);

	for (size_t i = 0; i < n_links; i++) {
		if (!links[i].up || tried >> i & 1 || (best && !is_better(&links[i], best)) ||
		    !pair_addresses(&links[i], converters, n_converters, family, &choice))
			continue;
		best = &links[i];
		choice.link = (uint8_t)i;
		*out = choice;
	}
	if (best)
		return 0;
	if (tried || !n_converters)
		return CHOOSE_E_NONE;
	*out = (struct choice){ .link = CHOOSE_NO_LINK, .converter = converters[0] };
	return 0;
}
