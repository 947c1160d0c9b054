/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link emulator's bursts of losses that time ends, too. */
#include "unit.h"

#include "model.h"

#define MS 1000000ull
#define BURSTS 50
#define LASTS_MS 200

static struct model model_of(uint64_t burst_ms, uint64_t seed)
{
	struct link_settings settings;
	struct model model;

	settings_init(&settings);
	settings.way[WAY_AB].loss_ppm = 500000;
	settings.way[WAY_AB].loss_burst = 1000000;   /* the next one begins with one packet in a million */
	settings.way[WAY_AB].loss_burst_ms = burst_ms;
	assert_int_equal(model_init(&model, &settings.way[WAY_AB], 16, seed), 0);
	return model;
}

static bool is_lost(struct model *model, uint64_t now_ns)
{
	return model_offer(model, 100, 0, now_ns) == MODEL_LOST;
}

/* Whoever sends little leaves it behind all the same, and whoever sends much isn't kept in it either. */
static void test_time_ends_a_burst(void **state)
{
	for (uint64_t seed = 0, n_bursts = 0; n_bursts < BURSTS; seed++) {
		struct model model = model_of(LASTS_MS, seed);

		if (is_lost(&model, 7)) {
			n_bursts++;
			for (uint64_t ms = 1; ms < LASTS_MS; ms += n_bursts % 2 ? 1 : LASTS_MS)
				assert_true(is_lost(&model, 7 + ms * MS));
			assert_true(is_lost(&model, 6 + LASTS_MS * MS));
			assert_false(is_lost(&model, 7 + LASTS_MS * MS));
		}
		model_deinit(&model);
	}
}

static void test_without_a_time_packets_end_it(void **state)
{
	for (uint64_t seed = 0, n_bursts = 0; n_bursts < BURSTS; seed++) {
		struct model model = model_of(0, seed);

		if (is_lost(&model, 7)) {
			n_bursts++;
			assert_true(is_lost(&model, 7 + 1000 * LASTS_MS * MS));
		}
		model_deinit(&model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_ends_a_burst),
		cmocka_unit_test(test_without_a_time_packets_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
