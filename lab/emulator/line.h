/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets under way, in the order in which they leave: a ring of fixed size. Pure. */
#ifndef BRAID_LAB_LINE_H
#define BRAID_LAB_LINE_H

#include <stddef.h>
#include <stdint.h>

struct line_packet {
	uint64_t departs_ns;   /* leaves the link */
	uint64_t sent_ns;      /* its last bit is sent, the delay begins */
	uint64_t extra_ns;     /* its own delay; departs_ns may be later, to keep the order */
	uint32_t slot;         /* where the caller keeps its bytes */
	uint32_t size_bytes;
};

struct line {
	struct line_packet *packets;
	size_t n_most, first, n;
};

/* 0 or -ENOMEM. */
int line_init(struct line *line, size_t n_most);
void line_deinit(struct line *line);

/* i: 0 is the next to leave; below line->n. */
struct line_packet *line_at(const struct line *line, size_t i);

/* Behind all that depart no later. The line must not be full. Cheap while packets come in order. */
void line_put(struct line *line, const struct line_packet *packet);

/* Restores the order once departures were changed. */
void line_sort(struct line *line);

/* The line must not be empty. */
struct line_packet line_take(struct line *line);

#endif
