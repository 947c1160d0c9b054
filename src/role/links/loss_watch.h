/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session's Multipath TCP leg shows while it sends bulk. It is looked at every quarter of a second to every
 * second. With relay.congestion = auto it begins with cubic, and policy/congestion.h says what it should have; and
 * policy/spoilt.h says whether one link keeps a better one waiting, for role/links/aside.h. Each worker follows
 * LOSS_WATCH_SESSIONS of its sessions at once, no more; of the others those that are bulk wait for a place. What is
 * learnt of a gateway's links, its next sessions begin with, and a converter's with those addresses. */
#ifndef BRAID_ROLE_LINKS_LOSS_WATCH_H
#define BRAID_ROLE_LINKS_LOSS_WATCH_H

#include "net/mptcp_info.h"
#include "policy/leg_facts.h"
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

/* The same of a plain TCP connection over one link. */
const char *loss_watch_first_over(const struct worker *worker, uint8_t link);

/* What one over links that lose packets is to have, whatever they have shown. */
const char *loss_watch_lossy(const struct worker *worker);

/* Converter: the same for a connection that it has accepted from peer, by what the last ones have shown. */
void loss_watch_begin(const struct worker *worker, int fd, const struct address *peer);

/* Whether losses decide at all: auto, and this machine has bbr. */
bool loss_watch_decides(const struct worker *worker);
/* Whether a connection has what congestion.bbr, of policy/congestion.h, stands for; and its name. */
bool loss_watch_has_bbr(int fd);
const char *loss_watch_name(bool bbr);
/* As those want it who decide by it: info->n_subflows of them. */
void loss_watch_fill(const struct mptcp_connection_info *info, struct leg_subflow subflows[MPTCP_INFO_SUBFLOWS]);

/* 0, or a negative errno where "auto" can be nothing but cubic here. */
int loss_watch_probe(void);

#endif
