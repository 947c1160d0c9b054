/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which link stands aside, and when it is tried again. */
#include "unit.h"

#include "base/clock.h"
#include "policy/harm.h"

struct net {
	struct harm harm;
	struct harm_link links[HARM_LINKS];
	size_t n;
	uint64_t now_us, said_us[HARM_WAYS];
};

/* What each carries in a second, both ways, is a tenth of what the one before it does. */
static struct net begin(size_t n)
{
	struct net net = { .n = n, .now_us = 5 * US_PER_S };

	for (size_t i = 0; i < n; i++)
		net.links[i].usable = true;
	return net;
}

static struct harm_verdict look(struct net *net)
{
	struct harm_facts facts = { .now_us = net->now_us, .links = net->links, .n_links = net->n,
				    .spoilt_at_us = { net->said_us[0], net->said_us[1] } };

	return harm_look(&net->harm, &facts);
}

static struct harm_verdict second(struct net *net)
{
	uint64_t n_bytes = 10000000;

	net->now_us += US_PER_S;
	for (size_t i = 0; i < net->n; i++, n_bytes /= 10) {
		net->links[i].n_bytes[HARM_UP] += n_bytes;
		net->links[i].n_bytes[HARM_DOWN] += n_bytes;
	}
	return look(net);
}

static struct harm_verdict say(struct net *net, enum harm_way way)
{
	net->said_us[way] = net->now_us + US_PER_S;
	return second(net);
}

static struct harm_verdict say_twice(struct net *net, enum harm_way way)
{
	assert_false(say(net, way).changed);
	return say(net, way);
}

static void test_who_carries_least_stands_aside(void **state)
{
	for (int way = 0; way < HARM_WAYS; way++) {
		struct net net = begin(2);
		struct harm_verdict verdict;

		assert_int_equal(second(&net).aside, 0);
		verdict = say_twice(&net, (enum harm_way)way);
		assert_true(verdict.changed);
		assert_int_equal(verdict.link, 1);
		assert_int_equal(verdict.way, way);
		assert_int_equal(verdict.aside, 2);
		assert_int_equal(verdict.its_bps, 8000000);
		assert_int_equal(verdict.best_bps, 80000000);
		assert_int_equal(verdict.again_us, 15 * US_PER_S);
		assert_int_equal(second(&net).aside, 2);
	}
}

/* Once, twice at once, twice with too long between. */
static void test_one_word_is_none(void **state)
{
	struct net net = begin(2);

	second(&net);
	assert_false(say(&net, HARM_DOWN).changed);
	net.said_us[HARM_DOWN] += 100 * US_PER_MS;
	assert_false(look(&net).changed);
	for (int i = 0; i < 12; i++)
		assert_false(second(&net).changed);
	assert_false(say(&net, HARM_DOWN).changed);
	assert_true(say(&net, HARM_DOWN).changed);
}

/* Before anything is known of what links carry, and where a look has no time behind it. */
static void test_nothing_known_nothing_done(void **state)
{
	struct net net = begin(2);

	net.said_us[HARM_UP] = net.now_us;
	assert_false(look(&net).changed);
	net.said_us[HARM_UP] += US_PER_S;
	assert_false(look(&net).changed);
}

/* Alike, nobody carries anything, or there is no other. */
static void test_the_good_ones_stay(void **state)
{
	struct net net = begin(2);

	second(&net);
	for (int i = 0; i < 3; i++) {
		net.links[1].n_bytes[HARM_UP] += 1600000;
		assert_false(say(&net, HARM_UP).changed);
	}
	net = begin(2);
	second(&net);
	for (int i = 0; i < 2; i++) {
		net.now_us += US_PER_S;
		net.said_us[HARM_UP] = net.now_us;
		assert_false(look(&net).changed);
	}
	net = begin(2);
	net.links[0].usable = false;
	second(&net);
	assert_false(say_twice(&net, HARM_UP).changed);
}

static void test_one_after_the_other(void **state)
{
	struct net net = begin(3);
	struct harm_verdict verdict;

	second(&net);
	assert_int_equal(say_twice(&net, HARM_UP).aside, 4);
	assert_int_equal(say_twice(&net, HARM_UP).aside, 6);
	verdict = say_twice(&net, HARM_UP);   /* it still is so: the peer may not know */
	assert_false(verdict.changed);
	assert_true(verdict.tell_again);
	assert_int_equal(verdict.aside, 6);
	assert_false(second(&net).tell_again);
}

/* One is to be judged just when another one has stepped aside: not by what no time has passed for. */
static void test_a_second_look_at_once_changes_nothing(void **state)
{
	struct net net = begin(3);
	struct harm_verdict verdict;

	second(&net);
	assert_int_equal(say_twice(&net, HARM_UP).aside, 4);
	second(&net);
	second(&net);
	assert_int_equal(say_twice(&net, HARM_UP).aside, 6);
	verdict = look(&net);
	assert_false(verdict.changed);
	assert_int_equal(verdict.aside, 6);
}

static unsigned int seconds_until_tried(struct net *net)
{
	unsigned int n = 0;
	struct harm_verdict verdict;

	do {
		verdict = second(net);
		n++;
	} while (!verdict.changed);
	assert_int_equal(verdict.again_us, 0);
	assert_int_equal(verdict.aside, 0);
	return n;
}

static void test_is_tried_ever_more_rarely(void **state)
{
	static const unsigned int waits[] = { 15, 30, 60, 120, 240, 480, 960, 960 };
	struct net net = begin(2);

	second(&net);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct harm_verdict verdict = say_twice(&net, HARM_DOWN);

		assert_int_equal(verdict.again_us, waits[i] * US_PER_S);
		assert_int_equal(seconds_until_tried(&net), waits[i]);
	}
	for (int i = 0; i < 600; i++)
		second(&net);
	assert_int_equal(say_twice(&net, HARM_DOWN).again_us, 15 * US_PER_S);
}

/* An interface that is another one now. */
/* What carries most may be the one that keeps the other waiting; where round trips are alike, or one isn't known,
 * bytes decide. */
static void test_the_longest_is_the_bad_one(void **state)
{
	static const struct { uint64_t first_us, second_us; uint32_t aside; } cases[] = {
		{ 600000, 20000, 1 }, { 20000, 600000, 2 }, { 29999, 20000, 2 }, { 30000, 20000, 1 }, { 600000, 0, 2 },
		{ 0, 20000, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net net = begin(2);

		net.links[0].rtt_us = cases[i].first_us;
		net.links[1].rtt_us = cases[i].second_us;
		second(&net);
		assert_int_equal(say_twice(&net, HARM_DOWN).aside, cases[i].aside);
	}
}

static void test_no_link_no_harm(void **state)
{
	struct net net = begin(0);

	second(&net);
	assert_false(say_twice(&net, HARM_DOWN).changed);
}

/* Without it all carry less: 100 kB/s of 11 MB/s, or 8.9, or 8.7. What ends by itself looks like that, too, and may. */
static void test_a_mistake_is_undone(void **state)
{
	static const struct { uint64_t n_bytes; bool returns;
			      } cases[] = { { 100000, true }, { 8900000, false }, { 8700000, true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net net = begin(2);
		struct harm_verdict verdict = { 0 };

		second(&net);
		assert_true(say_twice(&net, HARM_UP).changed);
		for (int s = 1; s <= 4; s++) {
			assert_false(verdict.changed);
			net.now_us += US_PER_S;
			net.links[0].n_bytes[HARM_UP] += cases[i].n_bytes;
			verdict = look(&net);
		}
		assert_int_equal(verdict.changed, cases[i].returns);
		assert_int_equal(verdict.aside, cases[i].returns ? 0 : 2);
		assert_int_equal(verdict.again_us, 0);
	}
}

static void test_counters_may_begin_anew(void **state)
{
	struct net net = begin(2);

	net.links[0].n_bytes[HARM_UP] = 50000000;
	second(&net);
	say(&net, HARM_UP);
	net.links[0].n_bytes[HARM_UP] = 0;
	assert_int_equal(say(&net, HARM_UP).aside, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_carries_least_stands_aside),
		cmocka_unit_test(test_one_word_is_none),
		cmocka_unit_test(test_nothing_known_nothing_done),
		cmocka_unit_test(test_the_good_ones_stay),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_a_second_look_at_once_changes_nothing),
		cmocka_unit_test(test_is_tried_ever_more_rarely),
		cmocka_unit_test(test_the_longest_is_the_bad_one),
		cmocka_unit_test(test_no_link_no_harm),
		cmocka_unit_test(test_a_mistake_is_undone),
		cmocka_unit_test(test_counters_may_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
