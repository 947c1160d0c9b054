/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that a transfer goes over, as the kernel would tell of them, and what policy/congestion makes of them. */
#ifndef BRAID_TESTS_UNIT_CONGESTION_H
#define BRAID_TESTS_UNIT_CONGESTION_H

#include "base/clock.h"
#include "policy/congestion.h"
#include "unit_address.h"

#define RTT_US 20000u
#define MBYTE 1000000u

struct path {
	struct congestion congestion;
	struct leg_subflow subflows[LEG_SUBFLOWS + 1];
	size_t n;
	uint64_t now_us;
};

static inline struct path unit_begin(size_t n)
{
	struct path path = { .n = n, .now_us = 5 * US_PER_S };

	for (size_t i = 0; i < n; i++) {
		unit_ends(&path.subflows[i].local, &path.subflows[i].remote, i);
		path.subflows[i].min_rtt_us = path.subflows[i].rtt_us = RTT_US;
	}
	return path;
}

static inline struct congestion_verdict unit_look(struct path *path)
{
	struct leg_facts facts = { .now_us = path->now_us, .n_subflows = path->n, .subflows = path->subflows };

	return congestion_look(&path->congestion, &facts);
}

/* A second more, in which a subflow sends so much, of it so much again. */
static inline void unit_carry(struct path *path, size_t i, uint64_t sent_bytes, uint64_t lost_bytes)
{
	path->subflows[i].sent_bytes += sent_bytes;
	path->subflows[i].retransmitted_bytes += lost_bytes;
}

static inline struct congestion_verdict unit_second(struct path *path, uint64_t sent_bytes, uint64_t lost_bytes)
{
	unit_carry(path, 0, sent_bytes, lost_bytes);
	path->now_us += US_PER_S;
	return unit_look(path);
}

/* One link that loses 2 %, changed to bbr. */
static inline struct path unit_changed(size_t n)
{
	struct path path = unit_begin(n);

	unit_look(&path);
	for (size_t i = 1; i < n; i++)
		unit_carry(&path, i, 4 * MBYTE, 0);
	assert_false(unit_second(&path, MBYTE, 20000).change);
	for (size_t i = 1; i < n; i++)
		unit_carry(&path, i, 4 * MBYTE, 0);
	assert_true(unit_second(&path, MBYTE, 20000).change);
	assert_true(path.congestion.bbr);
	return path;
}

#endif
