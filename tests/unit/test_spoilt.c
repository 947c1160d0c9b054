/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a slow link keeps a better one waiting. */
#include "unit_address.h"

#include "base/clock.h"
#include "policy/spoilt.h"

#define FAST_RTT_US (20u * (uint32_t)US_PER_MS)
#define SLOW_RTT_US (300u * (uint32_t)US_PER_MS)
#define MBYTE 1000000u

struct path {
	struct spoilt spoilt;
	struct leg_subflow subflows[LEG_SUBFLOWS + 1];
	size_t n;
	uint64_t now_us, arrived;
};

/* The first is fast, the others are slow. */
static struct path begin(size_t n)
{
	struct path path = { .n = n, .now_us = 5 * US_PER_S };

	for (size_t i = 0; i < n; i++) {
		unit_ends(&path.subflows[i].local, &path.subflows[i].remote, i);
		path.subflows[i].rtt_us = i ? SLOW_RTT_US : FAST_RTT_US;
	}
	return path;
}

static struct spoilt_verdict look(struct path *path)
{
	struct leg_facts facts = { .now_us = path->now_us, .arrived = path->arrived, .n_subflows = path->n,
				   .subflows = path->subflows };

	return spoilt_look(&path->spoilt, &facts);
}

/* So much within a second, and that share of it at work. What is carried arrives in order. */
static void carry(struct path *path, size_t i, uint64_t n_bytes, unsigned int busy_percent)
{
	path->subflows[i].sent_bytes += n_bytes;
	path->subflows[i].busy_us += US_PER_S * busy_percent / 100;
	path->arrived += n_bytes;
}

static struct spoilt_verdict second(struct path *path)
{
	path->now_us += US_PER_S;
	return look(path);
}

static void test_who_waits_for_a_slow_one_is_spoilt(void **state)
{
	struct path path = begin(2);
	struct spoilt_verdict verdict;

	assert_false(look(&path).spoilt);
	for (int i = 0; i < 2; i++) {
		carry(&path, 0, 3 * MBYTE, 30);   /* 80 Mbit/s while it is at work */
		carry(&path, 1, MBYTE / 2, 100);
		verdict = second(&path);
		assert_int_equal(verdict.spoilt, i);   /* what has just begun may grow */
	}
	assert_true(verdict.spoilt);
	assert_int_equal(verdict.slow, 1);
	assert_int_equal(verdict.had_bps, 28 * MBYTE);
	assert_int_equal(verdict.could_bps, 80 * MBYTE);
	assert_false(second(&path).spoilt);   /* of the next stretch nothing is known */
}

static void test_a_slow_one_that_grows_is_let_grow(void **state)
{
	static const struct { uint64_t n_bytes; bool spoilt;
			      } seconds[] = { { 40000, false }, { 60001, false }, { 90002, false }, { 135003, true },
					      { 100, true } };
	struct path path = begin(2);

	look(&path);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		carry(&path, 0, 3 * MBYTE, 30);
		carry(&path, 1, seconds[i].n_bytes, 100);
		assert_int_equal(second(&path).spoilt, seconds[i].spoilt);
	}
}

/* What is sent once more brings nothing. */
static void test_what_is_sent_again_counts_once(void **state)
{
	struct path path = begin(2);

	look(&path);
	for (int i = 0; i < 2; i++) {
		carry(&path, 0, 3 * MBYTE, 30);
		path.subflows[0].retransmitted_bytes += 3 * MBYTE;
		carry(&path, 1, MBYTE / 2, 100);
		assert_false(second(&path).spoilt);
	}
}

static void test_both_at_work_are_not(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, 3 * MBYTE, 85);
	carry(&path, 1, MBYTE / 2, 100);
	assert_false(second(&path).spoilt);
}

/* It waits, but not for much: 4 and 0.25 MB beside 5.3 that it would bring alone. */
static void test_a_little_is_no_harm(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, 4000000, 76);
	carry(&path, 1, 250000, 100);
	assert_false(second(&path).spoilt);
	carry(&path, 0, 4000000, 76);
	carry(&path, 1, 200000, 100);
	assert_true(second(&path).spoilt);
}

/* A reader that takes little leaves all of them idle. */
static void test_nobody_at_work_is_no_links_fault(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, MBYTE, 10);
	carry(&path, 1, MBYTE, 94);
	assert_false(second(&path).spoilt);
}

/* Which waits for the other, round trips say; and a rate is one only where there was something to do. */
static void test_the_faster_one_at_work_spoils_nothing(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, MBYTE, 100);
	carry(&path, 1, MBYTE, 30);
	assert_false(second(&path).spoilt);
	carry(&path, 0, MBYTE, 4);
	carry(&path, 1, MBYTE / 10, 100);
	assert_false(second(&path).spoilt);
}

/* One that stands still altogether would bring what it has brought before; whatever that was, it is forgotten when
 * sending goes on. */
static void test_one_that_stands_still_is_known_by_its_past(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, 10 * MBYTE, 100);
	carry(&path, 1, MBYTE / 2, 100);
	assert_false(second(&path).spoilt);
	for (int i = 0; i < 3; i++) {
		struct spoilt_verdict verdict;

		carry(&path, 1, MBYTE / 2, 100);
		verdict = second(&path);
		assert_true(verdict.spoilt);
		assert_int_equal(verdict.could_bps, 80 * MBYTE);
	}
	spoilt_moved(&path.spoilt);
	second(&path);
	carry(&path, 1, MBYTE / 2, 100);
	assert_false(second(&path).spoilt);
}

static void test_the_slowest_is_named(void **state)
{
	struct path path = begin(4);

	path.subflows[2].rtt_us = 2 * SLOW_RTT_US;
	look(&path);
	carry(&path, 0, MBYTE, 10);
	for (size_t i = 1; i < 4; i++)
		carry(&path, i, 10000, 100);
	assert_int_equal(second(&path).slow, 2);
}

/* Of several that wait the best one counts; one that has just come doesn't. */
static void test_the_best_of_those_that_wait_counts(void **state)
{
	struct path path = begin(4);

	path.subflows[1].rtt_us = FAST_RTT_US;
	path.n = 3;
	look(&path);
	carry(&path, 0, 2 * MBYTE, 20);
	carry(&path, 1, MBYTE, 20);
	carry(&path, 2, MBYTE / 10, 100);
	path.n = 4;
	assert_int_equal(second(&path).could_bps, 80 * MBYTE);
}

static void test_stretches_are_as_long_as_the_slowest_wants(void **state)
{
	static const uint64_t table[][2] = { { 20, 1000 }, { 1500, 1500 }, { 5000, 2000 } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct path path = begin(2);

		assert_true(spoilt_due(&path.spoilt, path.now_us));
		path.subflows[1].rtt_us = (uint32_t)(table[i][0] * US_PER_MS);
		look(&path);
		assert_false(spoilt_due(&path.spoilt, path.now_us + table[i][1] * US_PER_MS - 1));
		assert_true(spoilt_due(&path.spoilt, path.now_us + table[i][1] * US_PER_MS));
	}
}

static void test_who_moved_begins_anew(void **state)
{
	struct path path = begin(2);

	look(&path);
	carry(&path, 0, MBYTE, 10);
	carry(&path, 1, 10000, 100);
	spoilt_moved(&path.spoilt);
	assert_true(spoilt_due(&path.spoilt, path.now_us));
	assert_false(second(&path).spoilt);
}

/* A second in which both are at work, and so much of what they carry, 1.1 MB, arrives in order. */
static struct spoilt_verdict late_second(struct path *path, uint64_t arrived_bytes)
{
	carry(path, 0, MBYTE, 100);
	carry(path, 1, MBYTE / 10, 100);
	path->arrived += arrived_bytes - MBYTE - MBYTE / 10;
	return second(path);
}

/* The slow one has more than it can carry while the fast one is at work: what this has carried waits at the peer.
 * The first bytes over it are waited for once. */
static void test_what_arrives_too_late_is_harm(void **state)
{
	struct path path = begin(2);
	struct spoilt_verdict verdict;

	path.arrived = UINT64_MAX - MBYTE;   /* it is a sequence number */
	look(&path);
	for (int i = 0; i < 3; i++)
		assert_false(late_second(&path, MBYTE / 2).spoilt);
	verdict = late_second(&path, MBYTE / 2);
	assert_true(verdict.spoilt);
	assert_int_equal(verdict.slow, 1);
	assert_int_equal(verdict.had_bps, 4 * MBYTE);
	assert_int_equal(verdict.could_bps, 8 * MBYTE);
	assert_true(late_second(&path, MBYTE).spoilt);         /* 3 MB of 5 */
	assert_false(late_second(&path, 2 * MBYTE).spoilt);    /* what waited has come: 5 of 6 */
}

static void test_where_all_are_long_it_takes_longer(void **state)
{
	struct path path = begin(2);

	path.subflows[0].rtt_us = 500 * US_PER_MS;
	path.subflows[1].rtt_us = 600 * US_PER_MS;
	look(&path);
	for (int s = 0; s < 5; s++)
		assert_false(late_second(&path, 0).spoilt);
	path.subflows[0].rtt_us = 550 * US_PER_MS;   /* with a queue: the shortest that was seen counts */
	assert_true(late_second(&path, 0).spoilt);
}

/* As much as the fast one carries alone, but for a fifth. */
static void test_what_arrives_a_little_late_is_none(void **state)
{
	static const struct { uint64_t arrived_bytes; bool spoilt; } cases[] = { { 800000, false }, { 799999, true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path path = begin(2);

		look(&path);
		for (int s = 0; s < 3; s++)
			assert_false(late_second(&path, cases[i].arrived_bytes).spoilt);
		assert_int_equal(late_second(&path, cases[i].arrived_bytes).spoilt, cases[i].spoilt);
	}
}

/* A course begins anew where sending went on, and with other subflows; of a long one the half counts. */
static void test_what_was_long_ago_counts_less(void **state)
{
	for (int how = 0; how < 3; how++) {
		struct path path = begin(2);

		look(&path);
		for (int s = 0; s < 3; s++)
			late_second(&path, 0);
		if (how == 0) {
			spoilt_moved(&path.spoilt);
			look(&path);
		} else if (how == 1) {
			path.subflows[1].remote.port++;
			assert_false(late_second(&path, 0).spoilt);
		} else {
			path.n = 3;
			path.subflows[2].rtt_us = SLOW_RTT_US;
			assert_false(late_second(&path, 0).spoilt);
		}
		for (int s = 0; s < 3; s++)
			assert_false(late_second(&path, 0).spoilt);
		assert_true(late_second(&path, 0).spoilt);
	}
}

static void test_a_long_course_forgets(void **state)
{
	struct path path = begin(2);
	unsigned int n = 0;

	look(&path);
	for (int s = 0; s < 100; s++)
		assert_false(late_second(&path, MBYTE + MBYTE / 10).spoilt);
	while (!late_second(&path, 0).spoilt)
		n++;
	assert_in_range(n, 2, 6);
}

/* A subflow that came meanwhile, one in another's place, counters that go backwards, two looks at one time, more
 * subflows than there is room for. */
static void test_odd_facts(void **state)
{
	struct path path = begin(2), many = begin(LEG_SUBFLOWS + 1);

	path.n = 1;
	look(&path);
	path.n = 2;
	carry(&path, 0, MBYTE, 10);
	carry(&path, 1, 10000, 100);
	assert_false(second(&path).spoilt);
	assert_false(look(&path).spoilt);
	for (int i = 0; i < 5; i++) {
		carry(&path, 0, MBYTE, 10);
		carry(&path, 1, 10000, 100);
		if (i == 0)
			path.subflows[1].remote.port++;
		if (i == 1)
			path.subflows[1].busy_us = 0;
		if (i == 2)
			path.subflows[1].sent_bytes = 0;
		assert_int_equal(second(&path).spoilt, i == 4);
	}
	look(&many);
	carry(&many, 0, MBYTE, 10);
	carry(&many, LEG_SUBFLOWS, 10000, 100);
	assert_false(second(&many).spoilt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_waits_for_a_slow_one_is_spoilt),
		cmocka_unit_test(test_a_slow_one_that_grows_is_let_grow),
		cmocka_unit_test(test_what_is_sent_again_counts_once),
		cmocka_unit_test(test_both_at_work_are_not),
		cmocka_unit_test(test_a_little_is_no_harm),
		cmocka_unit_test(test_nobody_at_work_is_no_links_fault),
		cmocka_unit_test(test_the_faster_one_at_work_spoils_nothing),
		cmocka_unit_test(test_one_that_stands_still_is_known_by_its_past),
		cmocka_unit_test(test_the_slowest_is_named),
		cmocka_unit_test(test_the_best_of_those_that_wait_counts),
		cmocka_unit_test(test_stretches_are_as_long_as_the_slowest_wants),
		cmocka_unit_test(test_who_moved_begins_anew),
		cmocka_unit_test(test_what_arrives_too_late_is_harm),
		cmocka_unit_test(test_where_all_are_long_it_takes_longer),
		cmocka_unit_test(test_what_arrives_a_little_late_is_none),
		cmocka_unit_test(test_what_was_long_ago_counts_less),
		cmocka_unit_test(test_a_long_course_forgets),
		cmocka_unit_test(test_odd_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
