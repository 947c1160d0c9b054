/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "random.h"

#define NS_PER_US 1000u
#define NS_PER_MS 1000000u
#define PPM 1000000u
#define BYTE_NS 8000000000u   /* ns that a byte takes at 1 bit/s */

typedef unsigned __int128 u128;

int model_init(struct model *model, const struct settings *settings, size_t n_most, uint64_t seed)
{
	int r;

	*model = (struct model){
		.settings = *settings,
		.loss_random = random_stream(seed, 0),
		.jitter_random = random_stream(seed, 1),
		.reorder_random = random_stream(seed, 2),
		.duplicate_random = random_stream(seed, 3),
	};
	r = line_init(&model->line, n_most);
	if (!r)
		r = line_init(&model->late, n_most);
	if (r)
		model_deinit(model);
	return r;
}

void model_deinit(struct model *model)
{
	line_deinit(&model->line);
	line_deinit(&model->late);
}

/* What is to be sent at now, in bits times 10^9: exact at any rate. */
static u128 model_backlog(const struct model *model, uint64_t now_ns)
{
	return model->free_ns < now_ns ? 0 :
	       (u128)(model->free_ns - now_ns) * model->settings.rate_bps + model->free_rest;
}

uint64_t model_queued_bytes(const struct model *model, uint64_t now_ns)
{
	return (uint64_t)((model_backlog(model, now_ns) + BYTE_NS - 1) / BYTE_NS);
}

/* Whether a probability of numerator / denominator, at most 1, comes true for this draw. */
static bool draw_is_below(uint64_t draw, uint64_t numerator, uint64_t denominator)
{
	return numerator >= denominator || draw < (uint64_t)(((u128)numerator << 64) / denominator);
}

/* Gilbert: all packets of a burst are lost, none between bursts. A burst ends with probability 1 / loss_burst; for a
 * share L of losses one begins with L / (1 - L) / loss_burst. Where that passes 1, bursts have to be longer: one
 * lost packet in L / (1 - L) ends them. The first packet is lost with L, so that the chain starts as it goes on.
 * Where time ends a burst, too, the next packet is as one between bursts. */
static bool model_draw_loss(struct model *model, uint64_t now_ns)
{
	const struct settings *s = &model->settings;
	uint64_t draw = random_next(&model->loss_random), kept_ppm = PPM - s->loss_ppm;
	bool goes_on = model->in_burst &&
		       !(s->loss_burst_ms && now_ns - model->burst_ns >= s->loss_burst_ms * NS_PER_MS);

	if (!goes_on)
		model->burst_ns = now_ns;
	if (s->loss_burst == 1 || !model->loss_begun || s->loss_ppm == PPM)
		model->in_burst = draw_is_below(draw, s->loss_ppm, PPM);
	else if (goes_on)
		model->in_burst = s->loss_ppm > kept_ppm * s->loss_burst ? !draw_is_below(draw, kept_ppm, s->loss_ppm)
									 : !draw_is_below(draw, 1, s->loss_burst);
	else
		model->in_burst = draw_is_below(draw, s->loss_ppm, kept_ppm * s->loss_burst);
	model->loss_begun = true;
	return model->in_burst;
}

static uint64_t model_draw_delay_ns(struct model *model)
{
	uint64_t delay_ns = model->settings.delay_us * NS_PER_US, jitter_ns = model->settings.jitter_us * NS_PER_US;
	uint64_t sum_ns = delay_ns + random_below(&model->jitter_random, 2 * jitter_ns + 1);

	return sum_ns > jitter_ns ? sum_ns - jitter_ns : 0;
}

/* An empty queue takes any packet: it is sent at once. */
static bool model_queue_admits(const struct model *model, uint32_t size_bytes, uint64_t now_ns)
{
	const struct settings *s = &model->settings;
	u128 backlog = model_backlog(model, now_ns), with_it = backlog + (u128)size_bytes * BYTE_NS;

	if (!backlog)
		return true;
	return (!s->queue_bytes || with_it <= (u128)s->queue_bytes * BYTE_NS) &&
	       (!s->queue_ms || with_it <= (u128)s->queue_ms * NS_PER_MS * s->rate_bps);
}

/* Queues a packet; when its last bit will have been sent. */
static uint64_t model_send(struct model *model, uint32_t size_bytes, uint64_t now_ns)
{
	uint64_t rate_bps = model->settings.rate_bps, work, queued_bytes;

	if (model->free_ns < now_ns || !rate_bps) {
		model->free_ns = now_ns;
		model->free_rest = 0;
	}
	if (!rate_bps)
		return now_ns;
	work = size_bytes * (uint64_t)BYTE_NS + model->free_rest;
	model->free_ns += work / rate_bps;
	model->free_rest = work % rate_bps;
	queued_bytes = model_queued_bytes(model, now_ns);
	if (model->counters.queue_highest_bytes < queued_bytes)
		model->counters.queue_highest_bytes = queued_bytes;
	return model->free_ns;
}

static bool model_is_silent(const struct model *model)
{
	return model->settings.silence || !model->settings.carrier;
}

bool model_draw_twice(struct model *model)
{
	bool twice = draw_is_below(random_next(&model->duplicate_random), model->settings.duplicate_ppm, PPM);

	model->counters.duplicated_packets += twice;
	return twice;
}

enum model_verdict model_offer(struct model *model, uint32_t size_bytes, uint32_t slot, uint64_t now_ns)
{
	struct line_packet packet = { .slot = slot, .size_bytes = size_bytes, .extra_ns = model_draw_delay_ns(model) };
	bool late = draw_is_below(random_next(&model->reorder_random), model->settings.reorder_ppm, PPM);
	bool lost = model_draw_loss(model, now_ns);

	if (model_is_silent(model)) {
		model->counters.silenced_packets++;
		return MODEL_SILENCED;
	}
	if (model->settings.mtu && size_bytes > model->settings.mtu) {
		model->counters.too_long_packets++;
		return MODEL_TOO_LONG;
	}
	if (lost) {
		model->counters.lost_packets++;
		return MODEL_LOST;
	}
	if (!model_queue_admits(model, size_bytes, now_ns)) {
		model->counters.queue_dropped_packets++;
		return MODEL_QUEUE_FULL;
	}
	packet.sent_ns = model_send(model, size_bytes, now_ns);
	if (late) {
		packet.extra_ns += model->settings.reorder_us * NS_PER_US;
		packet.departs_ns = packet.sent_ns + packet.extra_ns;
		model->counters.reordered_packets++;
		line_put(&model->late, &packet);
	} else {
		packet.departs_ns = packet.sent_ns + packet.extra_ns;
		if (packet.departs_ns < model->ordered_ns)
			packet.departs_ns = model->ordered_ns;
		model->ordered_ns = packet.departs_ns;
		line_put(&model->line, &packet);
	}
	return MODEL_ACCEPTED;
}

/* An instant of the old rate's schedule in the new one's. */
static uint64_t retime(uint64_t at_ns, uint64_t old_bps, uint64_t new_bps, uint64_t now_ns)
{
	if (at_ns <= now_ns || old_bps == new_bps)
		return at_ns;
	return new_bps ? now_ns + (uint64_t)((u128)(at_ns - now_ns) * old_bps / new_bps) : now_ns;
}

/* Times anew what is under way in a line; most_ns bounds the delay that is left to a packet. */
static void model_retime(const struct line *line, uint64_t old_bps, uint64_t new_bps, uint64_t most_ns, uint64_t now_ns)
{
	for (size_t i = 0; i < line->n; i++) {
		struct line_packet *packet = line_at(line, i);
		uint64_t latest_ns;

		packet->sent_ns = retime(packet->sent_ns, old_bps, new_bps, now_ns);
		latest_ns = (packet->sent_ns > now_ns ? packet->sent_ns : now_ns) + most_ns;
		packet->departs_ns = packet->sent_ns + packet->extra_ns;
		if (packet->departs_ns > latest_ns)
			packet->departs_ns = latest_ns;
		packet->extra_ns = packet->departs_ns - packet->sent_ns;
	}
}

void model_set(struct model *model, const struct settings *settings, uint64_t now_ns)
{
	struct settings old = model->settings;
	uint64_t most_ns = (settings->delay_us + settings->jitter_us) * NS_PER_US;

	if (old.loss_ppm != settings->loss_ppm || old.loss_burst != settings->loss_burst)
		model->loss_begun = false;
	if (old.rate_bps != settings->rate_bps) {
		model->free_ns = retime(model->free_ns, old.rate_bps, settings->rate_bps, now_ns);
		model->free_rest = 0;
	}
	model->settings = *settings;
	model_retime(&model->line, old.rate_bps, settings->rate_bps, most_ns, now_ns);
	model_retime(&model->late, old.rate_bps, settings->rate_bps, most_ns + settings->reorder_us * NS_PER_US,
		     now_ns);
	line_sort(&model->late);
	model->ordered_ns = 0;
	for (size_t i = 0; i < model->line.n; i++) {   /* the order in which they came holds */
		struct line_packet *packet = line_at(&model->line, i);

		if (packet->departs_ns < model->ordered_ns)
			packet->departs_ns = model->ordered_ns;
		model->ordered_ns = packet->departs_ns;
	}
}

/* The line that holds the next packet to leave, or NULL. */
static struct line *model_next_line(struct model *model)
{
	if (!model->line.n)
		return model->late.n ? &model->late : NULL;
	if (!model->late.n || line_at(&model->line, 0)->departs_ns <= line_at(&model->late, 0)->departs_ns)
		return &model->line;
	return &model->late;
}

uint64_t model_next_ns(const struct model *model)
{
	struct line *line = model_next_line((struct model *)model);

	return line ? line_at(line, 0)->departs_ns : MODEL_NEVER_NS;
}

enum model_taken model_take(struct model *model, struct line_packet *packet, uint64_t now_ns)
{
	struct line *line = model_next_line(model);

	if (!line || line_at(line, 0)->departs_ns > now_ns)
		return MODEL_NONE;
	*packet = line_take(line);
	if (!model_is_silent(model))
		return MODEL_PASS;
	model->counters.silenced_packets++;
	return MODEL_SWALLOW;
}

void model_count_passed(struct model *model, const struct line_packet *packet)
{
	model->counters.packets++;
	model->counters.bytes += packet->size_bytes;
}
