/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include "policy/replay.h"

#define WINDOW_S 60
#define NOW_S 1000000u

struct nonce {
	uint8_t bytes[16];
};

/* Nonces that differ in the first bytes, where the table looks for its buckets, and are spread as random ones are. */
static struct nonce nonce_of(uint32_t number)
{
	uint64_t spread = number;
	struct nonce nonce = { { 0 } };

	for (int i = 0; i < 3; i++)
		spread = (spread ^ spread >> 32) * 0xd6e8feb86659fd93;
	memcpy(nonce.bytes, &spread, sizeof(spread));
	return nonce;
}

static int admit(struct replay *replay, uint32_t number, uint32_t time_s, uint32_t now_s)
{
	struct nonce nonce = nonce_of(number);
	uint64_t holder = 0;

	int looked = replay_look(replay, nonce.bytes, sizeof(nonce.bytes), time_s, now_s);
	int admitted = replay_admit(replay, nonce.bytes, sizeof(nonce.bytes), time_s, now_s, &holder);

	assert_int_equal(looked, admitted);   /* and what looked has not made it seen */
	return admitted;
}

static struct replay *replay_of(size_t n_entries)
{
	struct replay *replay;

	assert_int_equal(replay_new(n_entries, WINDOW_S, &replay), 0);
	return replay;
}

static void a_ticket_is_good_once(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(100);

	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(admit(replay, i, NOW_S, NOW_S), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(admit(replay, i, NOW_S, NOW_S + i), REPLAY_E_SEEN);
}

static void the_window_has_two_ends(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(100);

	assert_int_equal(admit(replay, 1, NOW_S - WINDOW_S - 1, NOW_S), REPLAY_E_STALE);
	assert_int_equal(admit(replay, 1, NOW_S - WINDOW_S, NOW_S), 0);
	assert_int_equal(admit(replay, 2, NOW_S + WINDOW_S + 1, NOW_S), REPLAY_E_STALE);
	assert_int_equal(admit(replay, 2, NOW_S + WINDOW_S, NOW_S), 0);
	assert_int_equal(admit(replay, 2, NOW_S + WINDOW_S, NOW_S + 2 * WINDOW_S), REPLAY_E_SEEN);
	assert_int_equal(admit(replay, 2, NOW_S + WINDOW_S, NOW_S + 2 * WINDOW_S + 1), REPLAY_E_STALE);
}

static void the_ends_of_time_do_not_wrap(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(100);

	assert_int_equal(admit(replay, 1, 0, 0), REPLAY_E_STALE);   /* 0 marks a free place */
	assert_int_equal(admit(replay, 1, 1, 0), 0);
	assert_int_equal(admit(replay, 2, UINT32_MAX, 5), REPLAY_E_STALE);
	assert_int_equal(admit(replay, 3, 5, UINT32_MAX), REPLAY_E_STALE);
	assert_int_equal(admit(replay, 4, UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(admit(replay, 4, UINT32_MAX, UINT32_MAX), REPLAY_E_SEEN);
}

static void room_comes_back_as_time_passes(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(0);   /* one bucket */
	uint32_t n = 0;

	while (!admit(replay, n, NOW_S + n, NOW_S) && n < 1000)
		n++;
	assert_in_range(n, 2, 100);
	assert_int_equal(admit(replay, n, NOW_S, NOW_S), REPLAY_E_FULL);
	assert_int_equal(admit(replay, 0, NOW_S, NOW_S), REPLAY_E_SEEN);   /* known even where it is full */
	assert_int_equal(admit(replay, n, NOW_S + WINDOW_S, NOW_S + WINDOW_S), REPLAY_E_FULL);
	assert_int_equal(admit(replay, n, NOW_S + WINDOW_S + 1, NOW_S + WINDOW_S + 1), 0);   /* the first has left */
	assert_int_equal(admit(replay, n + 1, NOW_S + WINDOW_S + 1, NOW_S + WINDOW_S + 1), REPLAY_E_FULL);
	assert_int_equal(admit(replay, 1, NOW_S + 1, NOW_S + WINDOW_S + 1), REPLAY_E_SEEN);
}

/* A clock set back and forth again must not make room of tickets that are yet to come. */
static void a_clock_that_steps_back_forgets_nothing(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(0);
	uint32_t n = 0;

	while (!admit(replay, n, NOW_S, NOW_S))
		n++;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(admit(replay, n + i, NOW_S - 2 * WINDOW_S, NOW_S - 2 * WINDOW_S), REPLAY_E_FULL);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(admit(replay, i, NOW_S, NOW_S), REPLAY_E_SEEN);
}

static void holds_what_it_was_made_for(void **state)
{
	static const uint32_t sizes[] = { 1, 100, 1024, 16384, 262144 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_(replay_freep) struct replay *replay = replay_of(sizes[i]);

		for (uint32_t n = 0; n < sizes[i]; n++)
			if (admit(replay, n, NOW_S, NOW_S))
				fail_msg("expected room for %u tickets, saw none for the %uth", sizes[i], n + 1);
		for (uint32_t n = 0; n < sizes[i]; n++)
			if (admit(replay, n, NOW_S, NOW_S) != REPLAY_E_SEEN)
				fail_msg("expected %u tickets to be known, the %uth was not", sizes[i], n + 1);
	}
}

/* Its place of old is used again: it has one alone, and is told of who came with it now. */
static void a_nonce_that_is_forgotten_may_come_again_once(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(0);
	uint32_t later_s = NOW_S + WINDOW_S + 1;
	uint64_t holder = 7, seen = 0;
	struct nonce nonce = nonce_of(1);

	assert_int_equal(admit(replay, 2, NOW_S, NOW_S), 0);   /* is forgotten, too, and as good a place */
	assert_int_equal(admit(replay, 1, NOW_S, NOW_S), 0);
	assert_int_equal(replay_admit(replay, nonce.bytes, sizeof(nonce.bytes), later_s, later_s, &holder), 0);
	assert_true(replay_find(replay, nonce.bytes, sizeof(nonce.bytes), &seen));
	assert_true(seen == 7);
	assert_int_equal(admit(replay, 1, later_s, later_s), REPLAY_E_SEEN);
}

static void nonces_may_be_short_or_long(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(100);
	_cleanup_(freep) uint8_t *one = unit_copy("\x01", 1), *other = unit_copy("\x02", 1);
	uint8_t longer[64] = { 1 };
	uint64_t holder = 0;

	assert_int_equal(replay_admit(replay, one, 1, NOW_S, NOW_S, &holder), 0);
	assert_int_equal(replay_admit(replay, other, 1, NOW_S, NOW_S, &holder), 0);
	assert_int_equal(replay_admit(replay, one, 1, NOW_S, NOW_S, &holder), REPLAY_E_SEEN);
	longer[11] = 1;   /* the same bucket, another nonce */
	assert_int_equal(replay_admit(replay, longer, sizeof(longer), NOW_S, NOW_S, &holder), 0);
	assert_int_equal(replay_admit(replay, longer, sizeof(longer), NOW_S, NOW_S, &holder), REPLAY_E_SEEN);
}

/* Who comes again is told who came before, or who has taken that one's place since. */
static void holders_are_remembered(void **state)
{
	_cleanup_(replay_freep) struct replay *replay = replay_of(100);
	uint64_t first = 0x1122334455667788, second = 7, third = 8;
	struct nonce nonce = nonce_of(1), same_bucket = nonce_of(1), unknown = nonce_of(2);

	same_bucket.bytes[11] = 1;
	assert_int_equal(replay_admit(replay, nonce.bytes, 16, NOW_S, NOW_S, &first), 0);
	assert_int_equal(replay_admit(replay, same_bucket.bytes, 16, NOW_S, NOW_S, &third), 0);
	assert_int_equal(replay_admit(replay, nonce.bytes, 16, NOW_S, NOW_S, &second), REPLAY_E_SEEN);
	assert_true(second == 0x1122334455667788);
	replay_pass_on(replay, nonce.bytes, 16, 99);
	replay_pass_on(replay, unknown.bytes, 16, 100);
	assert_true(replay_find(replay, nonce.bytes, 16, &first));
	assert_true(first == 99);
	assert_false(replay_find(replay, unknown.bytes, 16, &first));
	assert_true(first == 99);
	assert_int_equal(replay_admit(replay, nonce.bytes, 16, NOW_S, NOW_S, &second), REPLAY_E_SEEN);
	assert_true(second == 99);
	third = 0;
	assert_int_equal(replay_admit(replay, same_bucket.bytes, 16, NOW_S, NOW_S, &third), REPLAY_E_SEEN);
	assert_true(third == 8);
	assert_int_equal(replay_admit(replay, unknown.bytes, 16, NOW_S, NOW_S, &third), 0);
}

static void a_table_beyond_memory_is_refused(void **state)
{
	struct replay *replay = NULL;

	assert_int_equal(replay_new((size_t)1 << 55, WINDOW_S, &replay), -ENOMEM);
	assert_null(replay);
	replay_freep(&replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_good_once),
		cmocka_unit_test(the_window_has_two_ends),
		cmocka_unit_test(the_ends_of_time_do_not_wrap),
		cmocka_unit_test(room_comes_back_as_time_passes),
		cmocka_unit_test(a_clock_that_steps_back_forgets_nothing),
		cmocka_unit_test(holds_what_it_was_made_for),
		cmocka_unit_test(a_nonce_that_is_forgotten_may_come_again_once),
		cmocka_unit_test(nonces_may_be_short_or_long),
		cmocka_unit_test(holders_are_remembered),
		cmocka_unit_test(a_table_beyond_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
