/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions that have lost their last subflow with a link, before there was one over another. Nothing can come over such a connection any more, no
 * keep-alive finds it, and Linux (6.18) sets it no time: it is reset. */
#ifndef BRAID_ROLE_ORPHANS_H
#define BRAID_ROLE_ORPHANS_H

#include "role/worker.h"

/* Looks for them, in each worker's thread, and resets them. 0 or -ENOMEM. */
int orphans_end(struct loop *main_loop, struct worker *const *workers, size_t n_workers);

#endif
