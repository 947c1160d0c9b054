/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of an emulated link: when does a packet leave it, if at all? Pure: the time is handed in, bytes of
 * packets are unknown here. A packet passes loss, then a drop-tail queue in front of the rate, then the delay.
 * Every packet offered takes the same draws from its generators, whatever becomes of it. Hence one seed gives one
 * sequence of losses, whatever the timing, unless loss_burst_ms is set. */
#ifndef BRAID_LAB_MODEL_H
#define BRAID_LAB_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include "line.h"
#include "settings.h"

#define MODEL_NEVER_NS UINT64_MAX

struct model_counters {
	uint64_t packets, bytes;            /* passed on */
	uint64_t lost_packets;
	uint64_t queue_dropped_packets;
	uint64_t queue_highest_bytes;
	uint64_t reordered_packets;
	uint64_t duplicated_packets;
	uint64_t too_long_packets;
	uint64_t silenced_packets;          /* swallowed for silence, or for want of a carrier */
};

struct model {
	struct settings settings;           /* changed by model_set() alone */
	struct model_counters counters;
	struct line line;                   /* in order */
	struct line late;                   /* chosen to be overtaken */
	uint64_t loss_random, jitter_random, reorder_random, duplicate_random;
	bool in_burst;
	uint64_t burst_ns;                  /* when that began, or a packet between bursts came */
	bool loss_begun;                    /* a packet was offered since the settings of loss changed */
	uint64_t free_ns;                   /* when all that is queued will have been sent, ... */
	uint64_t free_rest;                 /* ... and this many (1 / rate) ns more, so that rates hold exactly */
	uint64_t ordered_ns;                /* no packet in order departs before it */
};

enum model_verdict { MODEL_ACCEPTED, MODEL_LOST, MODEL_QUEUE_FULL, MODEL_SILENCED, MODEL_TOO_LONG };

/* n_most: packets that can be under way. 0 or -ENOMEM. Times are of one clock and never go back. */
int model_init(struct model *model, const struct settings *settings, size_t n_most, uint64_t seed);
void model_deinit(struct model *model);

/* From now on. What is queued goes on at the new rate; what is under way takes no longer than the new delay would
 * allow. */
void model_set(struct model *model, const struct settings *settings, uint64_t now_ns);

/* A packet comes. slot is the caller's, given back by model_take() if the packet is accepted. At most n_most under
 * way. */
enum model_verdict model_offer(struct model *model, uint32_t size_bytes, uint32_t slot, uint64_t now_ns);

/* Whether the next packet, which is about to be offered, comes twice: then its copy is offered behind it, and this
 * isn't asked for the copy. */
bool model_draw_twice(struct model *model);

/* When model_take() will have something, or MODEL_NEVER_NS. */
uint64_t model_next_ns(const struct model *model);

/* The next packet to leave by now. MODEL_PASS: it is to be passed on; MODEL_SWALLOW: it isn't; MODEL_NONE: there is
 * none. */
enum model_taken { MODEL_NONE, MODEL_PASS, MODEL_SWALLOW };
enum model_taken model_take(struct model *model, struct line_packet *packet, uint64_t now_ns);

/* Counts a packet that left, once it was handed on. */
void model_count_passed(struct model *model, const struct line_packet *packet);

/* IP bytes in the queue, counting what is left of the packet that is being sent. */
uint64_t model_queued_bytes(const struct model *model, uint64_t now_ns);

#endif
