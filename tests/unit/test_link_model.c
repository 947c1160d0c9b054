/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link emulator's model, and the line of packets under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "base/util.h"
#include "model.h"

#define N_MOST 2000
#define MS 1000000ull
#define MANY 1000000
#define SIGMAS 5.0   /* a bound that chance alone passes once in two million runs; the seeds are fixed besides */

static struct settings plain(void)
{
	struct link_settings settings;

	settings_init(&settings);
	return settings.way[WAY_AB];
}

static struct model model_of(const struct settings *settings, uint64_t seed)
{
	struct model model;

	assert_int_equal(model_init(&model, settings, N_MOST, seed), 0);
	return model;
}

/* Takes the next packet at the instant it is due; its slot, and the instant in *at_ns. */
static uint32_t take_due(struct model *model, uint64_t *at_ns)
{
	struct line_packet packet;

	*at_ns = model_next_ns(model);
	assert_int_not_equal(*at_ns, MODEL_NEVER_NS);
	if (*at_ns)
		assert_int_equal(model_take(model, &packet, *at_ns - 1), MODEL_NONE);
	assert_int_equal(model_take(model, &packet, *at_ns), MODEL_PASS);
	model_count_passed(model, &packet);
	return packet.slot;
}

static void assert_due(struct model *model, uint32_t slot, uint64_t at_ns)
{
	uint64_t seen_ns;

	assert_int_equal(take_due(model, &seen_ns), slot);
	assert_int_equal(seen_ns, at_ns);
}

static void test_unlimited_passes_at_once(void **state)
{
	struct settings settings = plain();
	struct model model = model_of(&settings, 1);

	assert_int_equal(model_next_ns(&model), MODEL_NEVER_NS);
	assert_int_equal(model_offer(&model, 1500, 7, 100), MODEL_ACCEPTED);
	assert_int_equal(model_queued_bytes(&model, 100), 0);
	assert_due(&model, 7, 100);
	assert_int_equal(model.counters.packets, 1);
	assert_int_equal(model.counters.bytes, 1500);
	assert_int_equal(model_next_ns(&model), MODEL_NEVER_NS);
	model_deinit(&model);
}

/* The last of many packets leaves when all bits have had their time, to the nanosecond, also at rates that divide
 * nothing. */
static void test_rate_is_exact(void **state)
{
	static const uint64_t rates_bps[] = { 2400, 999983, 1000000, 100000000, 1000000000, 999999999989, 7 };

	for (size_t i = 0; i < ARRAY_SIZE(rates_bps); i++) {
		struct settings settings = plain();
		struct model model;
		uint64_t at_ns = 0;

		settings.rate_bps = rates_bps[i];
		model = model_of(&settings, 1);
		for (uint32_t n = 0; n < 1000; n++)
			assert_int_equal(model_offer(&model, 1371, n, 5), MODEL_ACCEPTED);
		for (uint32_t n = 0; n < 1000; n++)
			assert_int_equal(take_due(&model, &at_ns), n);
		assert_int_equal(at_ns, 5 + (uint64_t)((unsigned __int128)1000 * 1371 * 8000000000u / rates_bps[i]));
		model_deinit(&model);
	}
}

static void test_idle_link_saves_nothing_up(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.rate_bps = 8000000;   /* a byte in a microsecond */
	settings.delay_us = 10000;
	model = model_of(&settings, 1);
	model_offer(&model, 1000, 0, 0);
	model_offer(&model, 1000, 1, 500 * MS);
	assert_due(&model, 0, 11 * MS);
	assert_due(&model, 1, 511 * MS);
	model_deinit(&model);
}

static unsigned int offer_many(struct model *model, unsigned int n, uint32_t size_bytes, uint64_t now_ns)
{
	unsigned int n_accepted = 0;

	for (uint32_t i = 0; i < n; i++)
		n_accepted += model_offer(model, size_bytes, i, now_ns) == MODEL_ACCEPTED;
	return n_accepted;
}

static void test_queue_in_bytes_is_exact(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.rate_bps = 999983;
	settings.queue_bytes = 20 * 1000;
	model = model_of(&settings, 1);
	assert_int_equal(offer_many(&model, 100, 1000, 0), 20);
	assert_int_equal(model.counters.queue_dropped_packets, 80);
	assert_int_equal(model.counters.queue_highest_bytes, 20000);
	assert_int_equal(model_queued_bytes(&model, 0), 20000);
	assert_int_equal(model_offer(&model, 1, 0, 0), MODEL_QUEUE_FULL);
	/* As soon as a packet's bits are gone, and not before, there is room for one more. */
	assert_int_equal(model_offer(&model, 1000, 0, 8000136), MODEL_QUEUE_FULL);
	assert_int_equal(model_offer(&model, 1000, 0, 8000137), MODEL_ACCEPTED);
	assert_int_equal(model_queued_bytes(&model, 200 * 8001 * 1000ull), 0);
	model_deinit(&model);
}

static void test_queue_in_time(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.rate_bps = 8000000;
	settings.queue_ms = 15;        /* 15 packets of 1000 bytes */
	model = model_of(&settings, 1);
	assert_int_equal(offer_many(&model, 100, 1000, 0), 15);
	settings.queue_bytes = 10000;   /* both hold: the lower one */
	model_set(&model, &settings, 0);
	assert_int_equal(offer_many(&model, 100, 1000, 10 * MS), 5);
	model_deinit(&model);
}

static void test_empty_queue_takes_any_packet(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.rate_bps = 2400;
	settings.queue_bytes = 100;
	settings.queue_ms = 1;
	model = model_of(&settings, 1);
	assert_int_equal(offer_many(&model, 2, 1500, 0), 1);
	assert_int_equal(offer_many(&model, 2, 1500, 4999 * MS), 0);
	assert_int_equal(offer_many(&model, 2, 1500, 5000 * MS), 1);
	model_deinit(&model);
}

/* Offers MANY packets; how many were lost, in how many bursts, and in *hash which. spacing_ns must not matter. */
static void run_losses(const struct settings *settings, uint64_t seed, uint64_t spacing_ns, double *n_lost,
		       double *n_bursts, uint64_t *hash)
{
	struct model model = model_of(settings, seed);
	struct line_packet packet;
	bool before = false;

	*n_lost = *n_bursts = 0;
	*hash = 14695981039346656037u;
	for (uint64_t i = 0; i < MANY; i++) {
		bool lost = model_offer(&model, 100, 0, i * spacing_ns) == MODEL_LOST;

		while (model_take(&model, &packet, i * spacing_ns))
			;
		*n_lost += lost;
		*n_bursts += lost && !before;
		*hash = (*hash ^ lost) * 1099511628211u;
		before = lost;
	}
	assert_int_equal(model.counters.lost_packets, (uint64_t)*n_lost);
	model_deinit(&model);
}

static void assert_near(const char *what, double seen, double expected, double most_off)
{
	if (fabs(seen - expected) > most_off)
		fail_msg("%s: expected %.1f, at most %.1f off, saw %.1f", what, expected, most_off, seen);
}

static void test_independent_losses_are_binomial(void **state)
{
	static const uint64_t losses_ppm[] = { 100, 10000, 50000, 500000, 990000 };

	for (size_t i = 0; i < ARRAY_SIZE(losses_ppm); i++) {
		double share = (double)losses_ppm[i] / 1e6, n_lost, n_bursts;
		struct settings settings = plain();
		uint64_t hash;

		settings.loss_ppm = losses_ppm[i];
		run_losses(&settings, i, 1, &n_lost, &n_bursts, &hash);
		assert_near("lost", n_lost, MANY * share, SIGMAS * sqrt(MANY * share * (1 - share)));
		/* Of independent losses, a share of 1 - L begins a burst. */
		assert_near("bursts", n_bursts, MANY * share * (1 - share), SIGMAS * sqrt(MANY * share * (1 - share)));
	}
}

static void test_losses_in_bursts(void **state)
{
	static const struct { uint64_t loss_ppm, loss_burst; double mean; } rows[] = {
		{ 10000, 4, 4 }, { 50000, 10, 10 }, { 300000, 3, 3 },
		{ 900000, 2, 9 },   /* the shortest that give 90 % */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double share = (double)rows[i].loss_ppm / 1e6, n_lost, n_bursts, sigma;
		struct settings settings = plain();
		uint64_t hash;

		settings.loss_ppm = rows[i].loss_ppm;
		settings.loss_burst = rows[i].loss_burst;
		run_losses(&settings, i, 1, &n_lost, &n_bursts, &hash);
		/* A burst of mean b adds up to the variance of about 2b independent losses. */
		sigma = sqrt(MANY * share * (1 - share) * 2 * rows[i].mean);
		assert_near("lost", n_lost, MANY * share, SIGMAS * sigma);
		assert_near("mean burst", n_lost / n_bursts, rows[i].mean, SIGMAS * rows[i].mean / sqrt(n_bursts));
	}
}

static void test_all_and_nothing_lost(void **state)
{
	for (uint64_t burst = 1; burst <= 8; burst += 7) {
		struct settings settings = plain();
		double n_lost, n_bursts;
		uint64_t hash;

		settings.loss_burst = burst;
		run_losses(&settings, 1, 1, &n_lost, &n_bursts, &hash);
		assert_int_equal((int)n_lost, 0);
		settings.loss_ppm = 1000000;
		run_losses(&settings, 1, 1, &n_lost, &n_bursts, &hash);
		assert_int_equal((int)n_lost, MANY);
	}
}

static void test_same_seed_same_losses(void **state)
{
	struct settings settings = plain();
	uint64_t first, again, slow, queued, other;
	double n_lost, n_bursts;

	settings.loss_ppm = 20000;
	settings.loss_burst = 3;
	run_losses(&settings, 42, 10, &n_lost, &n_bursts, &first);
	run_losses(&settings, 42, 10, &n_lost, &n_bursts, &again);
	run_losses(&settings, 42, 12345, &n_lost, &n_bursts, &slow);
	settings.rate_bps = 1000000;   /* most are dropped by the queue; those that are lost are the same */
	settings.queue_bytes = 1000;
	settings.jitter_us = 100;
	settings.reorder_ppm = 1000;
	run_losses(&settings, 42, 10, &n_lost, &n_bursts, &queued);
	run_losses(&settings, 43, 10, &n_lost, &n_bursts, &other);
	assert_int_equal(again, first);
	assert_int_equal(slow, first);
	assert_int_equal(queued, first);
	assert_int_not_equal(other, first);
}

static void test_jitter_is_uniform_and_keeps_order(void **state)
{
	struct settings settings = plain();
	uint64_t at_ns, last_ns = 0, least_ns = UINT64_MAX, most_ns = 0;
	struct model model;
	double sum_ns = 0;

	settings.delay_us = 20000;
	settings.jitter_us = 5000;
	model = model_of(&settings, 3);
	for (uint32_t i = 0; i < 10000; i++) {   /* one after the other: each has its own delay */
		model_offer(&model, 100, i, i * 100 * MS);
		assert_int_equal(take_due(&model, &at_ns), i);
		at_ns -= i * 100 * MS;
		least_ns = at_ns < least_ns ? at_ns : least_ns;
		most_ns = at_ns > most_ns ? at_ns : most_ns;
		sum_ns += (double)at_ns;
	}
	assert_true(least_ns >= 15 * MS && least_ns < 15.01 * MS);
	assert_true(most_ns <= 25 * MS && most_ns > 24.99 * MS);
	assert_near("mean delay", sum_ns / 10000, 20 * MS, SIGMAS * 10 * MS / sqrt(12 * 10000));
	for (uint32_t i = 0; i < N_MOST; i++)   /* close together: none overtakes */
		model_offer(&model, 100, i, 2000000 * MS + i);
	for (uint32_t i = 0; i < N_MOST; i++, last_ns = at_ns) {
		assert_int_equal(take_due(&model, &at_ns), i);
		assert_true(at_ns >= last_ns);
	}
	model_deinit(&model);
}

static void test_jitter_beyond_the_delay_never_goes_back(void **state)
{
	struct settings settings = plain();
	struct model model;
	uint64_t at_ns;

	settings.delay_us = 1;
	settings.jitter_us = 1000;
	model = model_of(&settings, 3);
	for (uint32_t i = 0; i < 1000; i++) {
		model_offer(&model, 100, i, i * 10 * MS);
		take_due(&model, &at_ns);
		assert_in_range(at_ns - i * 10 * MS, 0, 1001000);
	}
	model_deinit(&model);
}

static void test_chosen_packets_are_overtaken(void **state)
{
	struct settings settings = plain();
	unsigned int n_behind = 0, n_late = 0;
	struct model model;
	uint64_t at_ns;

	settings.delay_us = 10000;
	settings.reorder_ppm = 100000;
	settings.reorder_us = 5500;
	model = model_of(&settings, 9);
	for (uint32_t i = 0; i < 1000; i++)
		model_offer(&model, 100, i, i * MS);
	for (unsigned int n = 0, highest = 0; n < 1000; n++) {
		uint32_t i = take_due(&model, &at_ns);

		if (at_ns == i * MS + 15500000)
			n_late++;
		else
			assert_int_equal(at_ns, i * MS + 10 * MS);
		n_behind += i < highest;
		highest = i > highest ? i : highest;
	}
	assert_int_equal(n_late, model.counters.reordered_packets);
	assert_in_range(n_late, 100 - 5 * 10, 100 + 5 * 10);
	/* Late ones are behind unless the five that could overtake are late, too, or there are none. */
	assert_in_range(n_behind, n_late - 3, n_late);
	model_deinit(&model);
}

static void test_some_come_twice(void **state)
{
	struct settings settings = plain();
	unsigned int n_twice = 0;
	struct model model = model_of(&settings, 3);

	for (int i = 0; i < 100; i++)
		assert_false(model_draw_twice(&model));
	settings.duplicate_ppm = 100000;
	model_set(&model, &settings, 0);
	for (int i = 0; i < 10000; i++)
		n_twice += model_draw_twice(&model);
	assert_in_range(n_twice, 1000 - (int)(SIGMAS * 30), 1000 + (int)(SIGMAS * 30));
	assert_int_equal(model.counters.duplicated_packets, n_twice);
	settings.duplicate_ppm = 1000000;
	model_set(&model, &settings, 0);
	assert_true(model_draw_twice(&model));
	model_deinit(&model);
}

static void test_longer_packets_vanish(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.mtu = 1400;
	model = model_of(&settings, 1);
	assert_int_equal(model_offer(&model, 1401, 1, 0), MODEL_TOO_LONG);
	assert_int_equal(model_offer(&model, 1400, 2, 0), MODEL_ACCEPTED);
	assert_int_equal(model.counters.too_long_packets, 1);
	settings.mtu = 0;
	model_set(&model, &settings, 0);
	assert_int_equal(model_offer(&model, 65535, 3, 0), MODEL_ACCEPTED);
	model_deinit(&model);
}

static void test_silence_swallows_at_both_ends(void **state)
{
	struct settings settings = plain();
	struct line_packet packet;
	struct model model;

	settings.delay_us = 10000;
	model = model_of(&settings, 1);
	model_offer(&model, 100, 1, 0);
	settings.silence = 1;
	model_set(&model, &settings, MS);
	assert_int_equal(model_offer(&model, 100, 2, 2 * MS), MODEL_SILENCED);
	assert_int_equal(model_take(&model, &packet, 10 * MS), MODEL_SWALLOW);
	assert_int_equal(packet.slot, 1);
	settings.silence = 0;
	settings.carrier = 0;
	model_set(&model, &settings, 11 * MS);
	assert_int_equal(model_offer(&model, 100, 3, 11 * MS), MODEL_SILENCED);
	settings.carrier = 1;
	model_set(&model, &settings, 12 * MS);
	assert_int_equal(model_offer(&model, 100, 4, 12 * MS), MODEL_ACCEPTED);
	assert_due(&model, 4, 22 * MS);
	assert_int_equal(model.counters.silenced_packets, 3);
	assert_int_equal(model.counters.packets, 1);
	model_deinit(&model);
}

static void test_silence_takes_draws_like_any_packet(void **state)
{
	struct settings settings = plain(), silent;
	struct model model, other;

	settings.loss_ppm = 300000;
	silent = settings;
	silent.silence = 1;
	model = model_of(&settings, 5);
	other = model_of(&silent, 5);
	offer_many(&model, 100, 100, 0);
	offer_many(&other, 100, 100, 0);
	model_set(&other, &settings, 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(model_offer(&other, 100, i, 1), model_offer(&model, 100, i, 1));
	model_deinit(&model);
	model_deinit(&other);
}

static void test_new_rate_times_the_queue_anew(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.rate_bps = 8000;   /* 1000 bytes in a second */
	settings.delay_us = 100000;
	model = model_of(&settings, 1);
	offer_many(&model, 4, 1000, 0);
	settings.rate_bps = 80000;
	model_set(&model, &settings, 1500 * MS);   /* one is sent, of the second one a half */
	assert_int_equal(model_queued_bytes(&model, 1500 * MS), 2500);
	assert_due(&model, 0, 1100 * MS);
	assert_due(&model, 1, 1650 * MS);
	settings.rate_bps = 0;                     /* what is left of the last one goes at once */
	model_set(&model, &settings, 1700 * MS);
	assert_int_equal(model_queued_bytes(&model, 1700 * MS), 0);
	assert_due(&model, 2, 1750 * MS);
	assert_due(&model, 3, 1800 * MS);
	settings.rate_bps = 8000;
	model_set(&model, &settings, 2000 * MS);
	model_offer(&model, 1000, 5, 2000 * MS);
	assert_due(&model, 5, 3100 * MS);
	model_deinit(&model);
}

static void test_shorter_delay_frees_what_is_under_way(void **state)
{
	struct settings settings = plain();
	struct model model;

	settings.delay_us = 10000000;
	settings.reorder_us = 20000000;
	model = model_of(&settings, 1);
	model_offer(&model, 100, 0, 0);
	settings.reorder_ppm = 1000000;
	model_set(&model, &settings, 0);
	model_offer(&model, 100, 1, 0);
	settings.reorder_ppm = 0;
	settings.delay_us = 5000;
	settings.reorder_us = 10000;
	model_set(&model, &settings, 1000 * MS);
	model_offer(&model, 100, 2, 1001 * MS);
	assert_due(&model, 0, 1005 * MS);
	assert_due(&model, 2, 1006 * MS);
	assert_due(&model, 1, 1015 * MS);
	model_deinit(&model);
}

/* Jitter drawn for a slow queue may turn the order around once the rate is high: it must not. */
static void test_new_rate_keeps_the_order(void **state)
{
	struct settings settings = plain();
	uint64_t at_ns, last_ns = 0;
	struct model model;

	settings.rate_bps = 80000;
	settings.delay_us = 50000;
	settings.jitter_us = 50000;
	model = model_of(&settings, 4);
	offer_many(&model, 500, 1000, 0);
	settings.rate_bps = 1000000000;
	model_set(&model, &settings, 200 * MS);
	for (uint32_t i = 0; i < 500; i++, last_ns = at_ns) {
		assert_int_equal(take_due(&model, &at_ns), i);
		assert_true(at_ns >= last_ns);
	}
	assert_true(last_ns <= 200 * MS + 4 * MS + 100 * MS);
	model_deinit(&model);
}

static void test_loss_settings_change_live(void **state)
{
	struct settings settings = plain();
	struct model model;
	unsigned int n = 0;

	settings.loss_ppm = 1000000;
	settings.loss_burst = 1000000;
	model = model_of(&settings, 4);
	assert_int_equal(offer_many(&model, 100, 100, 0), 0);
	settings.loss_ppm = 0;   /* no old burst goes on */
	model_set(&model, &settings, 0);
	n = offer_many(&model, 100, 100, 0);
	assert_int_equal(n, 100);
	settings.loss_ppm = 500000;
	do {                             /* whenever a length is set, a first packet is lost with a half, and then
					  * all are */
		settings.loss_burst--;
		model_set(&model, &settings, 0);
	} while (model_offer(&model, 100, 0, 0) != MODEL_LOST);
	assert_int_equal(offer_many(&model, 100, 100, 0), 0);
	settings.loss_burst = 1;         /* this alone ends it, too */
	model_set(&model, &settings, 0);
	assert_in_range(offer_many(&model, 100, 100, 0), 25, 75);
	model_deinit(&model);
}

static void test_line_wraps_and_sorts(void **state)
{
	static const uint64_t times_ns[] = { 5, 3, 9, 9, 1, 7, 2 };
	struct line line;

	assert_int_equal(line_init(&line, 7), 0);
	for (unsigned int turn = 0; turn < 20; turn++) {
		uint64_t last_ns = 0;

		for (uint32_t i = 0; i < ARRAY_SIZE(times_ns) - turn % 3; i++)
			line_put(&line, &(struct line_packet){ .departs_ns = times_ns[i], .slot = i });
		if (turn % 2) {
			for (size_t i = 0; i < line.n; i++)
				line_at(&line, i)->departs_ns = 100 - line_at(&line, i)->departs_ns;
			line_sort(&line);
		}
		for (uint32_t last_slot = 0; line.n; ) {
			struct line_packet packet = line_take(&line);

			assert_true(packet.departs_ns > last_ns || packet.slot > last_slot);
			last_ns = packet.departs_ns;
			last_slot = packet.slot;
		}
	}
	line_deinit(&line);
	assert_int_equal(line_init(&line, SIZE_MAX / 64), -12);
}

static void test_model_without_memory(void **state)
{
	struct settings settings = plain();
	struct model model;

	assert_int_equal(model_init(&model, &settings, SIZE_MAX / 64, 1), -12);
	model_deinit(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unlimited_passes_at_once),
		cmocka_unit_test(test_rate_is_exact),
		cmocka_unit_test(test_idle_link_saves_nothing_up),
		cmocka_unit_test(test_queue_in_bytes_is_exact),
		cmocka_unit_test(test_queue_in_time),
		cmocka_unit_test(test_empty_queue_takes_any_packet),
		cmocka_unit_test(test_independent_losses_are_binomial),
		cmocka_unit_test(test_losses_in_bursts),
		cmocka_unit_test(test_all_and_nothing_lost),
		cmocka_unit_test(test_same_seed_same_losses),
		cmocka_unit_test(test_jitter_is_uniform_and_keeps_order),
		cmocka_unit_test(test_jitter_beyond_the_delay_never_goes_back),
		cmocka_unit_test(test_chosen_packets_are_overtaken),
		cmocka_unit_test(test_some_come_twice),
		cmocka_unit_test(test_longer_packets_vanish),
		cmocka_unit_test(test_silence_swallows_at_both_ends),
		cmocka_unit_test(test_silence_takes_draws_like_any_packet),
		cmocka_unit_test(test_new_rate_times_the_queue_anew),
		cmocka_unit_test(test_shorter_delay_frees_what_is_under_way),
		cmocka_unit_test(test_new_rate_keeps_the_order),
		cmocka_unit_test(test_loss_settings_change_live),
		cmocka_unit_test(test_line_wraps_and_sorts),
		cmocka_unit_test(test_model_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
