/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/choose.h"

enum rank { RANK_ANSWERS, RANK_SILENT, RANK_BACKUP, RANK_BACKUP_SILENT, RANK_DEAD };

static enum rank rank_of(const struct choose_link *link)
{
	if (link->dead)
		return RANK_DEAD;
	if (link->backup)
		return link->silent ? RANK_BACKUP_SILENT : RANK_BACKUP;
	return link->silent ? RANK_SILENT : RANK_ANSWERS;
}

static bool is_better(const struct choose_link *a, const struct choose_link *b)
{
	enum rank rank_a = rank_of(a), rank_b = rank_of(b);

	if (rank_a != rank_b)
		return rank_a < rank_b;
	return a->cost != b->cost ? a->cost < b->cost : a->strips_mptcp < b->strips_mptcp;
}

/* The first of the converter's addresses that the link can reach by its family. */
static bool pair_addresses(const struct choose_link *link, const struct address *converters, size_t n_converters,
			   struct choice *out)
{
	for (size_t i = 0; i < n_converters; i++) {
		const struct address *source = address_is_v4(&converters[i]) ? &link->v4 : &link->v6;

		if (address_is_unspecified(source))
			continue;
		out->source = *source;
		out->source.port = 0;
		out->converter = converters[i];
		return true;
	}
	return false;
}

int choose_first_link(const struct choose_link *links, size_t n_links, const struct address *converters, size_t n_converters,
		      uint32_t tried, struct choice *out)
{
	const struct choose_link *best = NULL;
	struct choice choice = { .link = CHOOSE_NO_LINK };

	for (size_t i = 0; i < n_links; i++) {
		if (!links[i].up || tried >> i & 1 || (best && !is_better(&links[i], best)) || !pair_addresses(&links[i], converters, n_converters, &choice))
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
