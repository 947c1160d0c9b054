/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/overshoot.h"

#include "base/clock.h"
#include "base/util.h"

#define LOOKS_APART_LEAST_US (200 * US_PER_MS)
#define GATHERED_MOST_US (5 * US_PER_S)
#define SENT_LEAST_BYTES (28u << 10)   /* some twenty packets: of fewer, chance takes too many */
#define BEST_FADES 16                  /* one part of so many each look */
#define AGAIN_LEAST_PERCENT 25         /* of what is sent, and */
#define SENT_LEAST_PERCENT 140         /* so much of what the link has delivered: a link that loses a fifth at random
					* is sent 125, and isn't meant */
#define GROWS_PERCENT 125              /* of it is delivered: bbr's beginning isn't over */
#define BOUND_PERCENT 105              /* of what it delivers: what is there already doesn't grow by much */
#define DELIVERED_LEAST_PERCENT 75     /* of the best: what is less has come, and word of it comes late */
#define RISE_PERCENT 125
#define BOUND_LEAST_BYTES_PER_S 6000u  /* twenty packets can be gathered still */
#define HELD_LOOKS 8                   /* where others may be who keep the queue full */
#define QUEUE_PART 8                   /* the round trip is longer by that part of it: there is a queue */
#define LIFTED_TIMES 3                 /* what the link has delivered: nothing is bound by that any more */

/* What has come about from one look to the next. */
struct stretch {
	uint64_t us, sent_bytes, retransmitted_bytes, delivered_bytes;
	uint64_t most_us;            /* beyond, it says nothing */
	bool has_queue;
};

static void begin(struct overshoot *overshoot, const struct overshoot_facts *facts)
{
	overshoot->looked_at_us = facts->now_us;
	overshoot->sent_bytes = facts->sent_bytes;
	overshoot->retransmitted_bytes = facts->retransmitted_bytes;
	overshoot->delivered_bytes = facts->delivered_bytes;
}

static struct stretch since(const struct overshoot *overshoot, const struct overshoot_facts *facts)
{
	return (struct stretch){
		.us = facts->now_us - overshoot->looked_at_us,
		.sent_bytes = facts->sent_bytes - overshoot->sent_bytes,
		.retransmitted_bytes = facts->retransmitted_bytes - overshoot->retransmitted_bytes,
		.delivered_bytes = facts->delivered_bytes - overshoot->delivered_bytes,
		.most_us = GATHERED_MOST_US + facts->rtt_us,
		.has_queue = facts->min_rtt_us && facts->rtt_us > facts->min_rtt_us + facts->min_rtt_us / QUEUE_PART,
	};
}

static bool says_rate(const struct stretch *stretch)
{
	return stretch->sent_bytes >= SENT_LEAST_BYTES && stretch->us <= stretch->most_us;
}

static uint64_t delivered_bytes_per_s(const struct stretch *stretch)
{
	return stretch->delivered_bytes * US_PER_S / stretch->us;
}

static void note_delivered(struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t best = overshoot->best_bytes_per_s;

	overshoot->best_bytes_per_s = u64_max(best - best / BEST_FADES, delivered_bytes_per_s(stretch));
}

/* A burst that a link loses isn't one: its queue isn't why. Nor is what grows: of what was sent, word of the round trip
 * before has come. */
static bool is_overshoot(const struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t best = overshoot->best_bytes_per_s, best_bytes = best * stretch->us / US_PER_S;

	return says_rate(stretch) && stretch->has_queue && best &&
	       100 * delivered_bytes_per_s(stretch) <= GROWS_PERCENT * best &&
	       100 * stretch->retransmitted_bytes >= AGAIN_LEAST_PERCENT * stretch->sent_bytes &&
	       100 * stretch->sent_bytes >= SENT_LEAST_PERCENT * best_bytes;
}

/* To no less than half of what it was bound to first: whoever keeps to that, and loses as much still, loses by others,
 * or the link has become slower. Both show where it is let go. */
static void bind_to_delivered(struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t before = overshoot->bound_bytes_per_s;
	uint64_t least = overshoot->best_bytes_per_s * DELIVERED_LEAST_PERCENT / 100;
	uint64_t bound = u64_max(delivered_bytes_per_s(stretch), least) * BOUND_PERCENT / 100;

	if (!before)
		overshoot->least_bytes_per_s = u64_max(bound / 2, BOUND_LEAST_BYTES_PER_S);
	bound = u64_max(bound, overshoot->least_bytes_per_s);
	if (!before || bound < before) {
		overshoot->bound_bytes_per_s = bound;
		overshoot->n_looks = 0;
	} else if (overshoot->n_looks == HELD_LOOKS) {
		overshoot->bound_bytes_per_s = 0;
	}
}

/* A link without a queue may carry more. */
static void set_bound(struct overshoot *overshoot, const struct stretch *stretch, bool overshoots)
{
	uint64_t *bound = &overshoot->bound_bytes_per_s;

	overshoot->n_looks += overshoot->n_looks < HELD_LOOKS;
	if (overshoots)
		bind_to_delivered(overshoot, stretch);
	else if (!stretch->has_queue || overshoot->n_looks == HELD_LOOKS)
		*bound = *bound * RISE_PERCENT / 100;
	if (*bound > u64_max(LIFTED_TIMES * overshoot->best_bytes_per_s, BOUND_LEAST_BYTES_PER_S))
		*bound = 0;
}

bool overshoot_look(struct overshoot *overshoot, const struct overshoot_facts *facts)
{
	uint64_t before = overshoot->bound_bytes_per_s;
	struct stretch stretch = since(overshoot, facts);
	bool anew = !overshoot->looked_at_us || stretch.us > 2 * stretch.most_us, overshoots;

	if (!anew && (stretch.us < u64_max(facts->rtt_us, LOOKS_APART_LEAST_US) ||
		      (stretch.sent_bytes < SENT_LEAST_BYTES && stretch.us < GATHERED_MOST_US)))
		return false;
	if (anew) {   /* nothing of before a pause holds */
		*overshoot = (struct overshoot){ 0 };
	} else {
		overshoots = is_overshoot(overshoot, &stretch);
		if (says_rate(&stretch))
			note_delivered(overshoot, &stretch);
		set_bound(overshoot, &stretch, overshoots);
	}
	begin(overshoot, facts);
	return overshoot->bound_bytes_per_s != before;
}
