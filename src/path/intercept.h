/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interception of the LAN's TCP: one nft table of our own ("inet braid"). */
#ifndef BRAID_PATH_INTERCEPT_H
#define BRAID_PATH_INTERCEPT_H

#include <stdbool.h>
#include "path/path.h"

struct interception {
	char *script;             /* what the table was last made of; NULL: there is none */
	bool holds;               /* the rule that leads to the queues is there */
};

/* Makes the table what the options say, without LAN interfaces: nothing. What is there already is changed in place and in one step, so that no packet
 * meets half of it, and what was learnt of destinations is kept. Sets holds, and *changed where the table was touched. 0, or a negative errno with the reason: -EINVAL where an interface's name
 * can't be written in nft, -EOPNOTSUPP where nft refuses. */
int interception_put(struct interception *interception, const struct path_options *options, bool *changed, char *reason, size_t n_reason);
/* The table is gone, by whoever's hand: the next interception_put() makes it again. */
void interception_forget(struct interception *interception);
/* Takes the table away, whether it is there or not. 0, NFT_E_REFUSED or a negative errno. */
int interception_remove(struct interception *interception, char *reason, size_t n_reason);

/* The script alone, malloc'd: intercept_script.c. 0, -EINVAL, or -ENOMEM. */
int intercept_script(const struct path_options *options, bool holds, char **out, char *reason, size_t n_reason);

#endif
