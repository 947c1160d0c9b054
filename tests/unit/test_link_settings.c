/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link emulator's table of settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/util.h"
#include "settings.h"

static void test_settings_by_direction(void **state)
{
	struct link_settings settings;
	char bytes[256] = "";
	struct text reason = TEXT_ON(bytes);

	settings_init(&settings);
	assert_int_equal(settings_assign(&settings, "rate_bps=1000", &reason), 0);
	assert_int_equal(settings_assign(&settings, "ba.rate_bps=2400", &reason), 0);
	assert_int_equal(settings_assign(&settings, "ab.delay_us=300000", &reason), 0);
	assert_int_equal(settings_assign(&settings, "carrier=0", &reason), 0);
	assert_int_equal(settings.way[WAY_AB].rate_bps, 1000);
	assert_int_equal(settings.way[WAY_BA].rate_bps, 2400);
	assert_int_equal(settings.way[WAY_AB].delay_us, 300000);
	assert_int_equal(settings.way[WAY_BA].delay_us, 0);
	assert_int_equal(settings.way[WAY_AB].carrier, 0);
	assert_int_equal(settings.way[WAY_BA].carrier, 0);
	assert_string_equal(bytes, "");
}

static void test_settings_refused(void **state)
{
	static const struct { const char *assignment, *reason; } rows[] = {
		{ "rate_bps", "rate_bps: expected KEY=VALUE" },
		{ "", ": expected KEY=VALUE" },
		{ "rate=1", "rate=1: no such key" },
		{ "rate_bpsx=1", "rate_bpsx=1: no such key" },
		{ "ab.ba.rate_bps=1", "ab.ba.rate_bps=1: no such key" },
		{ "ab.carrier=1", "ab.carrier=1: carrier belongs to both ends, set it without ab. or ba." },
		{ "ba.carrier=1", "ba.carrier=1: carrier belongs to both ends, set it without ab. or ba." },
		{ "silence=2", "silence=2: expected a number from 0 to 1" },
		{ "silence=", "silence=: expected a number from 0 to 1" },
		{ "silence=-1", "silence=-1: expected a number from 0 to 1" },
		{ "silence= 1", "silence= 1: expected a number from 0 to 1" },
		{ "silence=1x", "silence=1x: expected a number from 0 to 1" },
		{ "loss_burst=0", "loss_burst=0: expected a number from 1 to 1000000" },
		{ "loss_ppm=1000001", "loss_ppm=1000001: expected a number from 0 to 1000000" },
		{ "eat_syn_data=3", "eat_syn_data=3: expected a number from 0 to 2" },
		{ "rate_bps=99999999999999999999",
		  "rate_bps=99999999999999999999: expected a number from 0 to 1000000000000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct link_settings settings, before;
		char bytes[256] = "";
		struct text reason = TEXT_ON(bytes);

		settings_init(&settings);
		before = settings;
		assert_int_equal(settings_assign(&settings, rows[i].assignment, &reason), SETTINGS_E_INVALID);
		assert_string_equal(bytes, rows[i].reason);
		assert_memory_equal(&settings, &before, sizeof(settings));
	}
}

static void test_settings_printed(void **state)
{
	struct link_settings settings;
	char bytes[1024] = "", small[8];
	struct text out = TEXT_ON(bytes), cut = TEXT_ON(small);

	settings_init(&settings);
	settings_assign(&settings, "ab.queue_ms=77", &out);
	settings_print(&settings.way[WAY_AB], &out);
	assert_string_equal(bytes,
			    "\"rate_bps\":0,\"delay_us\":0,\"jitter_us\":0,\"loss_ppm\":0,\"loss_burst\":1,\"loss_burst_ms\":0,\"queue_bytes\":0,\"queue_ms\":77,\"reorder_ppm\":0,\"reorder_us\":0,\"duplicate_ppm\":0,\"mtu\":0,\"silence\":0,\"strip_mptcp\":0,\"eat_mptcp_syns\":0,\"eat_syn_data\":0,\"rewrite\":0,");
	settings_help(&cut);
	assert_string_equal(small, "  rate_");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_by_direction),
		cmocka_unit_test(test_settings_refused),
		cmocka_unit_test(test_settings_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
