/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The converter's door: connections of gateways (or of any client that speaks RFC 8803), which say in their first bytes
 * where they are to go. Decides whom to serve and where to, connects, answers. One per worker.
 */
#ifndef BRAID_ROLE_CONVERTER_CONVERTER_H
#define BRAID_ROLE_CONVERTER_CONVERTER_H

#include "role/worker.h"

int converter_new(struct worker *worker, struct converter **out);   /* 0 or -ENOMEM */
void converter_freep(struct converter **converter);

/* Whether all that next wants to listen on beyond what running has can be had, before next is taken: workers, which
 * take it later, can no longer refuse it. In the main thread. 0, or a negative errno with the reason in one line. */
int converter_probe(const struct conf *running, const struct conf *next, char *reason, size_t n_reason);

/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int converter_apply(struct converter *converter, char *reason, size_t n_reason);

/* A connection whose other end is ours, with a peer that comes over several legs (role/stripe/stripes.h). Takes fd. */
void converter_take_striped(struct converter *converter, int fd, const struct address *own, const struct address *peer);

#endif
