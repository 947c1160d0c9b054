/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay.congestion = auto: a session's Multipath TCP leg begins with cubic, and while it sends bulk it is looked at about once a second; policy/congestion.h
 * says what it should have. Each worker follows LOSS_WATCH_SESSIONS of its sessions at once, no more; of the others those that are bulk wait for a place. What
 * is learnt of a gateway's links, its next sessions begin with. */
#ifndef BRAID_ROLE_LINKS_LOSS_WATCH_H
#define BRAID_ROLE_LINKS_LOSS_WATCH_H

#include "role/worker.h"

#define LOSS_WATCH_SESSIONS 32

struct loss_watch;

/* Begins to look. Borrows the worker, whose relay and view must be there. 0 or a negative errno. */
int loss_watch_new(struct worker *worker, struct loss_watch **out);
void loss_watch_freep(struct loss_watch **watch);

bool loss_watch_is_auto(const struct conf *conf);
/* What a connection begins with while nothing is known of its links. */
const char *loss_watch_least(const struct conf *conf);
/* What the gateway's next connection begins with. */
const char *loss_watch_first(const struct worker *worker);

/* 0, or a negative errno where "auto" can be nothing but cubic here. */
int loss_watch_probe(void);

#endif
