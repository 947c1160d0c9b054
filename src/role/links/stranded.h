/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions whose Multipath TCP connection has lost its last subflow: the link it began on went away before another subflow was there, or after the connection was
 * half closed, when Linux (6.18) takes no new one. Nothing can come over it any more, no keep-alive finds it, and the kernel's own time limit passes
 * over those whose first subflow was taken away with its endpoint. So each worker looks every now and then, and resets what it has found twice. And those whose
 * Multipath TCP has broken under way: it is plain TCP at one end, which the other one mostly doesn't know (decision 0037). Sessions that
 * are found twice at all (they live longer than two seconds) are given their keep-alive here, and those of a gateway are counted for each link that they lack
 * (role/links/rejoin.h). */
#ifndef BRAID_ROLE_LINKS_STRANDED_H
#define BRAID_ROLE_LINKS_STRANDED_H

#include "role/worker.h"

struct stranded;

/* Begins to look. Borrows the worker, whose relay and view must be there. 0 or a negative errno. */
int stranded_new(struct worker *worker, struct stranded **out);
void stranded_freep(struct stranded **stranded);

/* All workers' together, as they were found at their last looks; from any thread. */
struct link_census stranded_census(struct worker *const *workers, size_t n_workers, size_t link);

#endif
