/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <string.h>
#include "base/util.h"
#include "edit.h"
#include "random.h"

#define BATCH_FRAMES 64
#define VLAN_BYTES 4u
#define LATE_MOST_NS 200000u

/* One byte more than the longest frame, so that a longer one is noticed; whole cache lines. */
static size_t slot_bytes(unsigned int mtu)
{
	return (mtu + ETH_HLEN + VLAN_BYTES + 1 + 63) / 64 * 64;
}

static int link_set_carrier(struct link *link)
{
	int r = tap_set_carrier(&link->taps[0], link->settings.way[WAY_AB].carrier);

	return r ? r : tap_set_carrier(&link->taps[1], link->settings.way[WAY_AB].carrier);
}

int link_init(struct link *link, const struct link_settings *settings, unsigned int mtu, size_t pool_bytes,
	      uint64_t seed)
{
	int r = 0;

	link->settings = *settings;
	link->mtu = mtu;
	for (int i = 0; i < WAY_N && !r; i++) {
		struct link_way *way = &link->ways[i];

		*way = (struct link_way){ .from = &link->taps[i], .to = &link->taps[!i], .spare = POOL_NONE };
		r = pool_init(&way->pool, pool_bytes, slot_bytes(mtu));
		if (!r)
			r = model_init(&way->model, &settings->way[i], way->pool.n_slots,
				       random_stream(seed, (uint64_t)i));
	}
	return r ? r : link_set_carrier(link);
}

void link_deinit(struct link *link)
{
	for (int i = 0; i < WAY_N; i++) {
		model_deinit(&link->ways[i].model);
		pool_deinit(&link->ways[i].pool);
		tap_close(&link->taps[i]);
	}
}

/* What middleboxes do. The frame's new length, or 0 if one ate it. */
static size_t way_edit(struct link *link, struct link_way *way, uint8_t *frame, size_t n_frame)
{
	const struct settings *s = &way->model.settings;

	if (s->eat_mptcp_syns && edit_is_mptcp_syn(frame, n_frame)) {
		way->eaten_syns++;
		return 0;
	}
	if (s->strip_mptcp != STRIP_NOT)
		way->stripped_options += edit_strip_mptcp(frame, n_frame, s->strip_mptcp);
	if (s->eat_syn_data != EAT_PASS && edit_syn_has_data(frame, n_frame)) {
		way->eaten_syns++;
		if (s->eat_syn_data == EAT_DROP)
			return 0;
		n_frame = edit_cut_syn_data(frame, n_frame);
	}
	return rewrite_frame(&link->rewrites, s->rewrite, frame, n_frame, link->mtu + ETH_HLEN,
			     &way->rewritten_packets);
}

/* The same frame once more, behind the one in a slot; without a slot for it, it stays one. */
static void way_offer_copy(struct link *link, struct link_way *way, uint32_t of, size_t n_frame)
{
	uint32_t copy = pool_lend(&way->pool);

	if (copy == POOL_NONE)
		return;
	memcpy(pool_at(&way->pool, copy), pool_at(&way->pool, of), n_frame);
	if (model_offer(&way->model, (uint32_t)(n_frame - ETH_HLEN), copy, link->now_ns()) != MODEL_ACCEPTED)
		pool_give_back(&way->pool, copy);
}

/* A frame in the spare slot. */
static void way_offer(struct link *link, struct link_way *way, size_t n_frame)
{
	uint32_t slot = way->spare;
	bool twice;

	n_frame = way_edit(link, way, pool_at(&way->pool, slot), n_frame);
	if (n_frame < ETH_HLEN)
		return;
	twice = model_draw_twice(&way->model);
	if (model_offer(&way->model, (uint32_t)(n_frame - ETH_HLEN), slot, link->now_ns()) == MODEL_ACCEPTED)
		way->spare = POOL_NONE;
	if (twice)
		way_offer_copy(link, way, slot, n_frame);
}

int link_receive(struct link *link, int i)
{
	struct link_way *way = &link->ways[i];

	for (int n = 0; n < BATCH_FRAMES; n++) {
		uint8_t too_much[1];   /* the rest of a frame that there is no room for is thrown away by the kernel */
		bool room = way->spare != POOL_NONE || (way->spare = pool_lend(&way->pool)) != POOL_NONE;
		int n_frame = room ? tap_read(way->from, pool_at(&way->pool, way->spare), way->pool.slot_bytes)
				   : tap_read(way->from, too_much, sizeof(too_much));

		if (n_frame < 0)
			return n_frame == -EAGAIN ? 0 : n_frame;
		if (!room || (size_t)n_frame == way->pool.slot_bytes)
			way->no_room_packets++;
		else
			way_offer(link, way, (size_t)n_frame);
	}
	return 0;
}

void link_deliver(struct link *link, int i)
{
	struct link_way *way = &link->ways[i];
	uint64_t now_ns = link->now_ns();
	struct line_packet packet;
	enum model_taken taken;

	for (int n = 0; n < BATCH_FRAMES && (taken = model_take(&way->model, &packet, now_ns)); n++) {
		if (taken == MODEL_PASS &&
		    tap_write(way->to, pool_at(&way->pool, packet.slot), packet.size_bytes + ETH_HLEN))
			model_count_passed(&way->model, &packet);
		else if (taken == MODEL_PASS)
			way->undelivered_packets++;
		pool_give_back(&way->pool, packet.slot);
	}
}

/* A packet may come late by one in a hundred of the delay, at most 0.2 ms: several then leave at one wake-up, which
 * halves the time that a link of 100 Mbit/s takes of a core. */
static uint64_t way_wake_ns(const struct link_way *way)
{
	uint64_t next_ns = model_next_ns(&way->model), late_ns = way->model.settings.delay_us * 10;

	if (next_ns == MODEL_NEVER_NS)
		return next_ns;
	return next_ns + (late_ns < LATE_MOST_NS ? late_ns : LATE_MOST_NS);
}

uint64_t link_wake_ns(const struct link *link)
{
	uint64_t ab = way_wake_ns(&link->ways[WAY_AB]), ba = way_wake_ns(&link->ways[WAY_BA]);

	return ab < ba ? ab : ba;
}

static void way_print(const struct link_way *way, uint64_t now_ns, struct text *out)
{
	const struct model_counters *c = &way->model.counters;
	const struct { const char *name; uint64_t value; } rows[] = {
		{ "packets", c->packets },
		{ "bytes", c->bytes },
		{ "lost_packets", c->lost_packets },
		{ "queue_dropped_packets", c->queue_dropped_packets },
		{ "queued_bytes", model_queued_bytes(&way->model, now_ns) },
		{ "queue_highest_bytes", c->queue_highest_bytes },
		{ "reordered_packets", c->reordered_packets },
		{ "duplicated_packets", c->duplicated_packets },
		{ "too_long_packets", c->too_long_packets },
		{ "stripped_options", way->stripped_options },
		{ "eaten_syns", way->eaten_syns },
		{ "rewritten_packets", way->rewritten_packets },
		{ "silenced_packets", c->silenced_packets },
		{ "no_room_packets", way->no_room_packets },
		{ "undelivered_packets", way->undelivered_packets },
		{ "device_dropped_packets", tap_count_dropped(way->from) },
	};

	text_add(out, "{");
	settings_print(&way->model.settings, out);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		text_add(out, "\"%s\":%" PRIu64 "%s", rows[i].name, rows[i].value,
			 i + 1 < ARRAY_SIZE(rows) ? "," : "}");
}

static void link_get(struct link *link, struct text *answer)
{
	uint64_t now_ns = link->now_ns();

	text_add(answer, "{\"a\":\"%s\",\"b\":\"%s\",\"carrier\":%" PRIu64 ",\"ab\":", link->taps[0].name,
		 link->taps[1].name, link->settings.way[WAY_AB].carrier);
	way_print(&link->ways[WAY_AB], now_ns, answer);
	text_add(answer, ",\"ba\":");
	way_print(&link->ways[WAY_BA], now_ns, answer);
	text_add(answer, "}");
}

/* All of a line holds, or nothing. */
static void link_set(struct link *link, char *assignments, struct text *answer)
{
	struct link_settings next = link->settings;
	bool old_carrier = link->settings.way[WAY_AB].carrier;
	char *rest = assignments, reason_bytes[256] = "";
	struct text reason = TEXT_ON(reason_bytes);
	uint64_t now_ns;
	int r = 0;

	for (char *word; (word = strsep(&rest, " \t\r")); )
		if (*word && settings_assign(&next, word, &reason)) {
			text_add(answer, "error: %s", reason.bytes);
			return;
		}
	now_ns = link->now_ns();
	link->settings = next;
	for (int i = 0; i < WAY_N; i++)
		model_set(&link->ways[i].model, &next.way[i], now_ns);
	if (next.way[WAY_AB].carrier != old_carrier)
		r = link_set_carrier(link);
	text_add(answer, r ? "error: cannot set the carrier: %s" : "ok", strerror(-r));
}

void link_answer(void *context, char *line, struct text *answer)
{
	char *rest = line, *verb = strsep(&rest, " \t\r");

	if (!strcmp(verb, "get"))
		link_get(context, answer);
	else if (!strcmp(verb, "set"))
		link_set(context, rest, answer);
	else
		text_add(answer, "error: %.64s: expected get, or set KEY=VALUE ...", verb);
}
