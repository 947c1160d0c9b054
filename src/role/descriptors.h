/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many files the daemon may have open: as many as its limits of sessions ask for. */
#ifndef BRAID_ROLE_DESCRIPTORS_H
#define BRAID_ROLE_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"

/* What the limits ask for; for sessions in pieces, which take more than others and may never come, so much more. */
uint64_t descriptors_wanted(const struct conf *conf);
uint64_t descriptors_of_pieces(const struct conf *conf, size_t n_workers);
/* Raises the process's soft limit as far as it may, CONTROL_DESCRIPTORS below the hard one; where that is less than
 * what is wanted without pieces, a warning says so. */
void descriptors_raise(const struct conf *conf, size_t n_workers);

#endif
