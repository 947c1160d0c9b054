/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions whose Multipath TCP connection has lost its last subflow: the link it began on went away before another
 * subflow was there, or after the connection was half closed, when Linux (6.18) takes no new one. Nothing can come
 * over it any more, no keep-alive finds it, and the kernel's own time limit passes over those whose first subflow
 * was taken away with its endpoint. So each worker looks every now and then, and resets what it has found twice; a
 * gateway the third time, since a link may be begun anew for them. And those whose Multipath TCP has broken under
 * way: it is plain TCP at one end, which the other one mostly doesn't know (decision 0037). Sessions that are found
 * twice at all (they live longer than two seconds) are given their keep-alive here, and those of a gateway are
 * counted for what they have of its links (role/links/census.h). */
#ifndef BRAID_ROLE_LINKS_STRANDED_H
#define BRAID_ROLE_LINKS_STRANDED_H

#include "role/worker.h"

struct stranded;

/* Begins to look. Borrows the worker, whose relay and view must be there. 0 or a negative errno. */
int stranded_new(struct worker *worker, struct stranded **out);
void stranded_freep(struct stranded **stranded);

/* In the worker's thread. Whether the last look has found it, too. */
bool stranded_knows(const struct stranded *stranded, struct slab_name session);
/* Both streams of its Multipath TCP connection have ended: it needs no subflow any more, only its other leg some
 * time. */
bool stranded_has_ended(const struct session_view *session);

#endif
