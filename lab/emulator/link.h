/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An emulated link: two devices, and for each direction the frames under way and the model that says when they
 * leave. */
#ifndef BRAID_LAB_LINK_H
#define BRAID_LAB_LINK_H

#include <stdint.h>
#include "model.h"
#include "pool.h"
#include "rewrite.h"
#include "settings.h"
#include "tap.h"
#include "text.h"

struct link_way {
	struct tap *from, *to;
	struct model model;
	struct pool pool;
	uint32_t spare;                       /* a slot for the next frame, or POOL_NONE */
	uint64_t stripped_options, eaten_syns, rewritten_packets;
	uint64_t no_room_packets;             /* the pool was used up, or the frame longer than the MTU */
	uint64_t undelivered_packets;         /* the other device didn't take them */
};

struct link {
	struct tap taps[2];                   /* a, b */
	struct link_settings settings;
	struct link_way ways[WAY_N];
	struct rewrites rewrites;
	unsigned int mtu;
	uint64_t (*now_ns)(void);
};

/* Takes the taps, which are open, also on failure. pool_bytes bounds the frames under way in each direction.
 * 0 or negative errno; link_deinit() in either case. */
int link_init(struct link *link, const struct link_settings *settings, unsigned int mtu, size_t pool_bytes,
	      uint64_t seed);
void link_deinit(struct link *link);

/* Reads frames that came on the device at the start of a direction. 0, or negative errno if the device is gone. */
int link_receive(struct link *link, int way);

/* Passes on what is due in a direction: some of it, so that no direction has to wait for the other. */
void link_deliver(struct link *link, int way);

/* When link_deliver() should be called next, or MODEL_NEVER_NS. */
uint64_t link_wake_ns(const struct link *link);

/* Answers a line of the control socket: control_answer_fn. */
void link_answer(void *link, char *line, struct text *answer);

#endif
