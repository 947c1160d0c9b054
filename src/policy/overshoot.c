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
#define BOUND_PERCENT 105              /* of what it delivers: what is there already doesn't grow by much */
#define DELIVERED_LEAST_PERCENT 75     /* of the best: what is less has come, and word of it comes late */
#define RISE_PERCENT 125
#define HELD_LOOKS 8                   /* where others may be who keep the queue full */
#define QUEUE_PART 8                   /* the round trip is longer by that part of it: there is a queue */
#define LIFTED_TIMES 3                 /* what the link has delivered: nothing is bound by that any more */

/* What has come about from one look to the next. */
struct stretch {
	uint64_t us, sent_bytes, retransmitted_bytes, delivered_bytes;
	bool has_queue;
	bool says_rate;              /* enough was sent */
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
	uint64_t us = facts->now_us - overshoot->looked_at_us, sent_bytes = facts->sent_bytes - overshoot->sent_bytes;

	return (struct stretch){
		.us = us,
		.sent_bytes = sent_bytes,
		.retransmitted_bytes = facts->retransmitted_bytes - overshoot->retransmitted_bytes,
		.delivered_bytes = facts->delivered_bytes - overshoot->delivered_bytes,
		.has_queue = facts->min_rtt_us && facts->rtt_us > facts->min_rtt_us + facts->min_rtt_us / QUEUE_PART,
		.says_rate = sent_bytes >= SENT_LEAST_BYTES && us <= GATHERED_MOST_US,
	};
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

/* A burst that a link loses isn't one: its queue isn't why. */
static bool is_overshoot(const struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t best_bytes = overshoot->best_bytes_per_s * stretch->us / US_PER_S;

	return stretch->says_rate && stretch->has_queue &&
	       100 * stretch->retransmitted_bytes >= AGAIN_LEAST_PERCENT * stretch->sent_bytes &&
	       100 * stretch->sent_bytes >= SENT_LEAST_PERCENT * best_bytes;
}

/* One that sends no more than it is bound to, and loses as much still, loses by others, or at random: it isn't bound to
 * ever less. */
static void bind_to_delivered(struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t least = overshoot->best_bytes_per_s * DELIVERED_LEAST_PERCENT / 100;
	uint64_t bound = u64_max(delivered_bytes_per_s(stretch), least) * BOUND_PERCENT / 100;

	if (!overshoot->bound_bytes_per_s)
		overshoot->least_bytes_per_s = bound / 2;
	overshoot->bound_bytes_per_s = u64_max(bound, overshoot->least_bytes_per_s);
	overshoot->n_looks = 0;
}

/* A link without a queue may carry more. */
static void set_bound(struct overshoot *overshoot, const struct stretch *stretch)
{
	uint64_t *bound = &overshoot->bound_bytes_per_s;

	overshoot->n_looks += overshoot->n_looks < HELD_LOOKS;
	if (is_overshoot(overshoot, stretch))
		bind_to_delivered(overshoot, stretch);
	else if (!stretch->has_queue || overshoot->n_looks == HELD_LOOKS)
		*bound = *bound * RISE_PERCENT / 100;
	if (*bound > LIFTED_TIMES * overshoot->best_bytes_per_s)
		*bound = 0;
}

bool overshoot_look(struct overshoot *overshoot, const struct overshoot_facts *facts)
{
	uint64_t before = overshoot->bound_bytes_per_s;
	struct stretch stretch = since(overshoot, facts);

	if (!overshoot->looked_at_us) {
		begin(overshoot, facts);
		return false;
	}
	if (stretch.us < u64_max(facts->rtt_us, LOOKS_APART_LEAST_US) ||
	    (stretch.sent_bytes < SENT_LEAST_BYTES && stretch.us < GATHERED_MOST_US))
		return false;
	if (stretch.says_rate)
		note_delivered(overshoot, &stretch);
	set_bound(overshoot, &stretch);
	begin(overshoot, facts);
	return overshoot->bound_bytes_per_s != before;
}
