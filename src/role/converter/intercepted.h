/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The converter's door for Multipath TCP connections that are taken on their way (decision 0025, doc/route.md): the
 * client has connected to the server's own address, and says nothing of it. They come by the nft table of
 * path/intercept.h, to listeners at mark_on_path_listener(). With intercept_accept = faithful their first packets wait
 * in a queue until their servers have answered: then the packet is let go to this worker's own listener, answered as
 * the server has answered, or, where we are at a limit, goes on to the server. Private to the converter.
 */
#ifndef BRAID_ROLE_CONVERTER_INTERCEPTED_H
#define BRAID_ROLE_CONVERTER_INTERCEPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/pairs.h"
#include "role/listener.h"
#include "signalling/scheme.h"

#define INTERCEPTED_BUCKETS 1024

struct converter;
struct intake;
struct net_queue;

struct intercepted {
	struct listeners listeners;
	struct net_queue *queue;           /* NULL: all are accepted early */
	bool queue_missing;                /* it can't be had, and that was said */
	uint8_t queue_handler;
	uint32_t n_held;
	struct pairs held;                 /* intakes that have no near leg yet, by its two ends */
	uint32_t buckets[INTERCEPTED_BUCKETS];   /* held's */
};

void intercepted_init(struct converter *converter);
/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int intercepted_apply(struct converter *converter, char *reason, size_t n_reason);
/* What waits goes on to its server. */
void intercepted_close(struct converter *converter);

/* Of an intake that is held. Its server has accepted: the connection may come. */
void intercepted_call(struct converter *converter, struct intake *intake);
/* It has not: the client is told so, and the intake is gone. */
void intercepted_answer(struct converter *converter, struct intake *intake, const struct signalling_result *result);
/* The intake is about to be given back: where its packet waits still, that goes on to its server. */
void intercepted_forget(struct converter *converter, struct intake *intake);

#endif
