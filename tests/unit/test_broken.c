/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a leg's Multipath TCP is taken to be broken, from looks at it. */
#include "unit.h"

#include "policy/broken.h"

/* Something is unacknowledged by DATA_ACK, and TCP has nothing to do. */
static const struct broken_facts unacknowledged = { .acked = 700, .unacked_bytes = 50, .n_delivered = 1000 };

static void test_sent_again_and_acknowledged_by_tcp_alone(void **state)
{
	struct broken broken = { 0 };
	struct broken_facts facts = unacknowledged;

	assert_false(broken_look(&broken, &facts));
	facts.n_delivered += 50;
	assert_false(broken_look(&broken, &facts));
	facts.n_delivered += 50;
	assert_true(broken_look(&broken, &facts));
}

static void test_reader_who_stands_still(void **state)
{
	struct broken broken = { 0 };

	for (int i = 0; i < 9; i++)
		assert_false(broken_look(&broken, &unacknowledged));
}

static void test_what_is_under_way_says_nothing_either_way(void **state)
{
	struct broken broken = { 0 };
	struct broken_facts facts = unacknowledged;

	for (int i = 0; i < 2; i++) {
		facts.under_way = false;
		facts.n_delivered += 50;
		assert_false(broken_look(&broken, &facts));
		facts.under_way = true;
		facts.n_delivered += 50;
		assert_false(broken_look(&broken, &facts));
	}
	facts.under_way = false;
	assert_true(broken_look(&broken, &facts));
}

static void test_data_ack_begins_anew(void **state)
{
	struct broken broken = { 0 };
	struct broken_facts facts = unacknowledged;

	for (int i = 0; i < 9; i++) {
		facts.n_delivered += 50;
		facts.acked += i % 2;
		assert_false(broken_look(&broken, &facts));
	}
	facts.unacked_bytes = 0;
	assert_false(broken_look(&broken, &facts));
	facts.unacked_bytes = 50;
	for (int i = 0; i < 2; i++) {
		facts.n_delivered += 50;
		assert_false(broken_look(&broken, &facts));
	}
}

/* Our end is acknowledged, the peer's hasn't come, and TCP goes on bringing something. */
static const struct broken_facts ended = { .acked = 701, .received = 300, .n_arrived = 5000, .sent_end = true };

static bool after_four(struct broken_facts facts, void (*change)(struct broken_facts *facts))
{
	struct broken broken = { 0 };
	bool is_broken = broken_look(&broken, &ended);

	for (int i = 0; i < 4; i++) {
		assert_false(is_broken);
		facts.n_arrived += 1400;
		if (change)
			change(&facts);
		is_broken = broken_look(&broken, &facts);
	}
	return is_broken;
}

static void receive_more(struct broken_facts *facts)
{
	facts->received += 1400;
}

static void lose_a_subflow(struct broken_facts *facts)
{
	facts->n_arrived = facts->n_arrived == 5000 + 2 * 1400 ? 10 : facts->n_arrived;
}

static void test_peer_that_repeats_what_we_have(void **state)
{
	struct broken_facts facts = ended;

	assert_true(after_four(facts, NULL));
	assert_false(after_four(facts, receive_more));
	assert_false(after_four(facts, lose_a_subflow));
	facts.queued_bytes = 1400;   /* out of order: something is missing */
	assert_false(after_four(facts, NULL));
	facts = ended;
	facts.sent_end = false;      /* the peer may have somebody who looks */
	assert_false(after_four(facts, NULL));
	facts = ended;
	facts.unacked_bytes = 1;
	facts.under_way = true;
	assert_false(after_four(facts, NULL));
	facts = ended;
	facts.got_end = true;
	assert_false(after_four(facts, NULL));
}

static void test_quiet_between_repetitions_begins_anew(void **state)
{
	struct broken broken = { 0 };
	struct broken_facts facts = ended;

	for (int i = 0; i < 12; i++) {
		facts.n_arrived += i % 4 ? 1400 : 0;
		assert_false(broken_look(&broken, &facts));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_again_and_acknowledged_by_tcp_alone),
		cmocka_unit_test(test_reader_who_stands_still),
		cmocka_unit_test(test_what_is_under_way_says_nothing_either_way),
		cmocka_unit_test(test_data_ack_begins_anew),
		cmocka_unit_test(test_peer_that_repeats_what_we_have),
		cmocka_unit_test(test_quiet_between_repetitions_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
