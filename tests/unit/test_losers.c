/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is known to come over links that lose. */
#include "unit.h"
#include "unit_address.h"

#include "policy/losers.h"

static void test_is_known_until_its_time(void **state)
{
	struct losers losers = { 0 };
	struct address one = unit_address("192.0.2.1:1000"), again = unit_address("192.0.2.1:2000"),
		       other = unit_address("192.0.2.2:1000");

	assert_false(losers_know(&losers, &one, 0));
	losers_note(&losers, &one, 100);
	assert_true(losers_know(&losers, &again, 99));
	assert_false(losers_know(&losers, &again, 100));
	assert_false(losers_know(&losers, &other, 50));
	losers_note(&losers, &again, 200);
	assert_true(losers_know(&losers, &one, 199));
}

static void test_is_forgotten(void **state)
{
	struct losers losers = { 0 };
	struct address one = unit_address("192.0.2.1:1000"), other = unit_address("192.0.2.2:1000");

	losers_note(&losers, &one, 100);
	losers_note(&losers, &other, 0);
	assert_true(losers_know(&losers, &one, 50));
	losers_note(&losers, &one, 0);
	assert_false(losers_know(&losers, &one, 50));
}

static void test_the_oldest_makes_room(void **state)
{
	struct losers losers = { 0 };
	struct address address = unit_address("192.0.2.1:1000");

	for (unsigned int i = 0; i <= LOSERS_PLACES; i++) {
		address.ip[14] = (uint8_t)(i >> 8);
		address.ip[15] = (uint8_t)i;
		losers_note(&losers, &address, 1000 + i);
	}
	assert_true(losers_know(&losers, &address, 0));
	address.ip[14] = 0;
	address.ip[15] = 0;
	assert_false(losers_know(&losers, &address, 0));
	address.ip[15] = 1;
	assert_true(losers_know(&losers, &address, 0));
}

/* Of one whose place is full of others: forgetting it must not take theirs. */
static void test_forgetting_a_stranger_takes_no_place(void **state)
{
	struct losers losers = { 0 };
	struct address address = unit_address("192.0.2.1:1000"), stranger = unit_address("198.51.100.1:1");

	for (unsigned int i = 0; i < LOSERS_PLACES; i++) {
		address.ip[15] = (uint8_t)i;
		losers_note(&losers, &address, 1000);
	}
	losers_note(&losers, &stranger, 0);
	for (unsigned int i = 0; i < LOSERS_PLACES; i++) {
		address.ip[15] = (uint8_t)i;
		assert_true(losers_know(&losers, &address, 999));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_known_until_its_time),
		cmocka_unit_test(test_is_forgotten),
		cmocka_unit_test(test_the_oldest_makes_room),
		cmocka_unit_test(test_forgetting_a_stranger_takes_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
