/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interception of the LAN's TCP, and at a converter of Multipath TCP connections on whose way it stands: one nft
 * table of our own ("inet braid"). */
#ifndef BRAID_PATH_INTERCEPT_H
#define BRAID_PATH_INTERCEPT_H

#include <stdbool.h>
#include <stdio.h>
#include "net/nft.h"
#include "path/path.h"

struct interception {
	struct nft *nft;          /* borrowed */
	char *script;             /* what the table was last made of; NULL: there is none */
	unsigned int kinds;       /* of interception that it was made for */
	bool holds;               /* the rule that leads to the queues is there */
	bool on_path_holds;       /* the same, of connections on their way */
	const struct rules *rules;   /* whose sets are in the table, and their generation */
	uint32_t generation;
	int utc_offset_minutes;   /* by which times of day were written */
	uint64_t cgroups;         /* cgroups_now() then */
};

/* Makes the table what the options say, without LAN interfaces and clients: nothing. What is there already is
 * changed in place and in one step, so that no packet meets half of it, and what was learnt of destinations is kept.
 * Sets holds, and *changed where the table was touched. 0, or a negative errno with the reason: -EINVAL where an
 * interface's name can't be written in nft, -EOPNOTSUPP where nft refuses. */
int interception_put(struct interception *interception, const struct path_options *options, bool *changed, char *reason,
		     size_t n_reason);
/* Whether local time has become another one since the table was made (summer time), so that rules about times of day
 * are to be written anew; or control groups. */
bool interception_is_late(const struct interception *interception, const struct path_options *options);
/* The table is gone, by whoever's hand: the next interception_put() makes it again. */
void interception_forget(struct interception *interception);
/* Takes the table away, whether it is there or not. 0 or a negative errno. */
int interception_remove(struct interception *interception, char *reason, size_t n_reason);

/* What the script depends on beyond the options. */
struct intercept_facts {
	bool holds, on_path_holds;
	uint32_t generation;                  /* of the sets of options->rules */
	int utc_offset_minutes;
	const struct rules *before;           /* whose sets are in the table and are to go, of the generation before;
					       * NULL: none */
};
/* The statements that answer a SYN as the verdict's mark says. */
void intercept_put_answers(uint32_t fwmark, FILE *out);
/* The part of it that is about connections on their way: intercept_on_path.c. The chains' names, to be made and
 * emptied; then their bodies. 0 or -ENOMEM. */
void on_path_frame(FILE *out);
int on_path_chains(const struct path_options *options, const struct intercept_facts *facts, FILE *out);

/* The whole script, malloc'd: intercept_script.c. 0, -EINVAL with the reason in one line, or -ENOMEM. */
int intercept_script(const struct path_options *options, const struct intercept_facts *facts, char **out, char *reason,
		     size_t n_reason);

#endif
