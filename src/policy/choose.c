/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/choose.h"

enum rank { RANK_CLEAN, RANK_STRIPS_MPTCP, RANK_SILENT, RANK_BACKUP, RANK_BACKUP_SILENT, RANK_OUT };

static enum rank rank_of(const struct choose_link *link)
{
	if (!link->up)
		return RANK_OUT;
	if (link->backup)
		return link->silent ? RANK_BACKUP_SILENT : RANK_BACKUP;
	if (link->silent)
		return RANK_SILENT;
	return link->strips_mptcp ? RANK_STRIPS_MPTCP : RANK_CLEAN;
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
	enum rank best = RANK_OUT;
	struct choice choice = { .link = CHOOSE_NO_LINK };

	for (size_t i = 0; i < n_links; i++) {
		enum rank rank = rank_of(&links[i]);

		if (rank >= best || tried >> i & 1 || !pair_addresses(&links[i], converters, n_converters, &choice))
			continue;
		best = rank;
		choice.link = (uint8_t)i;
		*out = choice;
	}
	if (best != RANK_OUT)
		return 0;
	if (tried || !n_converters)
		return CHOOSE_E_NONE;
	*out = (struct choice){ .link = CHOOSE_NO_LINK, .converter = converters[0] };
	return 0;
}
