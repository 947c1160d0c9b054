/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What link.profile makes longer. */
#include "unit.h"

#include "base/clock.h"
#include "role/links/profile.h"

static const uint32_t every_profile[] = { CONF_PROFILE_AUTO, CONF_PROFILE_SATELLITE, CONF_PROFILE_LOWRATE };

static void set(struct view *view, struct conf *conf, size_t n, const uint32_t *profiles, uint32_t up)
{
	*view = (struct view){ .conf = conf, .n_links = n };
	for (size_t i = 0; i < n; i++) {
		conf->links[i].profile = profiles[i];
		view->links[i].up = up >> i & 1;
	}
}

static void all_that_are_up_count(void **state)
{
	static const uint32_t mixed[] = { CONF_PROFILE_LOWRATE, CONF_PROFILE_AUTO, CONF_PROFILE_LOWRATE };
	static struct conf conf;
	struct view view;

	for (uint32_t up = 0; up < 8; up++) {
		set(&view, &conf, 3, mixed, up);
		assert_int_equal(profile_all_lowrate(&view), up && !(up & 2));
		assert_int_equal(profile_session_us(&view, US_PER_S), up && !(up & 2) ? 120 * US_PER_S : US_PER_S);
		assert_int_equal(profile_session_us(&view, 600 * US_PER_S), 600 * US_PER_S);
	}
}

static void one_that_loses_packets_is_enough(void **state)
{
	static struct shared shared;
	static const uint32_t mixed[] = { CONF_PROFILE_LOSSY, CONF_PROFILE_AUTO, CONF_PROFILE_LOWRATE };
	static struct conf conf;
	struct view view;

	for (uint32_t up = 0; up < 8; up++) {
		set(&view, &conf, 3, mixed, up);
		assert_int_equal(profile_pieces(&shared, &view, true), up & 1 ? PIECES_LOSSY : PIECES_NONE);
		view.links[0].backup = true;
		assert_false(profile_pieces(&shared, &view, true));
	}
	assert_int_equal(profile_attempt_us(&view, 0, 0, US_PER_S), US_PER_S);
}

static void links_that_are_far_apart_have_pieces_unless_one_is_silent_or_aside(void **state)
{
	static struct conf conf;
	static struct shared shared;
	struct view view;

	set(&view, &conf, 2, (const uint32_t[]){ CONF_PROFILE_AUTO, CONF_PROFILE_AUTO }, 3);
	shared.links[0].least_rtt_us = 20 * US_PER_MS;
	shared.links[1].least_rtt_us = 400 * US_PER_MS;
	assert_int_equal(profile_pieces(&shared, &view, false), PIECES_FAR_APART);
	assert_false(profile_pieces(&shared, &view, true));
	shared.links[1].silent = 1;
	assert_false(profile_pieces(&shared, &view, false));
	shared.links[1].silent = 0;
	shared.links[1].aside = 1;
	assert_false(profile_pieces(&shared, &view, false));
}

static void each_link_has_its_time(void **state)
{
	static const uint64_t attempts_s[] = { 1, 4, 120 }, answers_s[] = { 3, 10, 120 };
	static struct conf conf;
	struct view view;

	set(&view, &conf, 3, every_profile, 7);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(profile_attempt_us(&view, i, 0, US_PER_S), attempts_s[i] * US_PER_S);
		assert_int_equal(profile_answer_us(&view, i, 0, 3 * US_PER_S), answers_s[i] * US_PER_S);
		assert_int_equal(profile_attempt_us(&view, i, 0, 500 * US_PER_S), 500 * US_PER_S);
		assert_int_equal(profile_is_lowrate(&view, i), i == 2);
	}
	assert_int_equal(profile_attempt_us(&view, CHOOSE_NO_LINK, 0, US_PER_S), US_PER_S);
	assert_false(profile_is_lowrate(&view, CHOOSE_NO_LINK));
}

static void what_a_link_shows_counts(void **state)
{
	static struct conf conf;
	struct view view;

	set(&view, &conf, 3, every_profile, 7);
	assert_int_equal(profile_attempt_us(&view, 0, 3 * US_PER_S, US_PER_S), 6 * US_PER_S);
	assert_int_equal(profile_attempt_us(&view, 1, 3 * US_PER_S, US_PER_S), 6 * US_PER_S);
	assert_int_equal(profile_answer_us(&view, 0, 3 * US_PER_S, US_PER_S), 12 * US_PER_S);
	assert_int_equal(profile_attempt_us(&view, 0, 1000 * US_PER_S, US_PER_S), 60 * US_PER_S);
	assert_true(profile_is_late(&view, 2, 0) && profile_is_late(&view, 0, US_PER_S));
	assert_false(profile_is_late(&view, 0, 700 * US_PER_MS) || profile_is_late(&view, 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_are_up_count),
		cmocka_unit_test(one_that_loses_packets_is_enough),
		cmocka_unit_test(links_that_are_far_apart_have_pieces_unless_one_is_silent_or_aside),
		cmocka_unit_test(each_link_has_its_time),
		cmocka_unit_test(what_a_link_shows_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
