/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/clock.h"
#include "policy/provisions.h"

static struct provisions_address told(uint8_t converter, const char *text)
{
	struct provisions_address address = { .converter = converter };

	assert_int_equal(address_parse(&address.address, text, 0), 0);
	return address;
}

static void expect(const struct provisions_one *one, size_t i, const char *expected)
{
	char seen[2 * ADDRESS_TEXT_BYTES] = "", text[ADDRESS_TEXT_BYTES];

	assert_true(i < one->n);
	for (size_t j = 0; j < one->converters[i].n; j++) {
		strcat(seen, j ? " " : "");
		strcat(seen, address_format(&one->converters[i].addresses[j], text));
	}
	assert_string_equal(seen, expected);
}

static void families_are_paired(void **state)
{
	struct provisions provisions = { 0 };
	const struct provisions_address list[] = {
		told(0, "2001:db8::1"), told(0, "192.0.2.1"), told(0, "192.0.2.2"), told(1, "192.0.2.3"),
		told(1, "2001:db8::3"),
	};
	const struct provisions_one *one = &provisions.each[3];

	provisions_set(&provisions, 3, list, ARRAY_SIZE(list), 10);
	assert_int_equal(one->n, 3);
	expect(one, 0, "2001:db8::1 192.0.2.1");
	expect(one, 1, "192.0.2.2");               /* another converter's address doesn't go with it */
	expect(one, 2, "192.0.2.3 2001:db8::3");
	assert_int_equal(provisions.each[2].n, 0);
}

static void more_than_are_kept(void **state)
{
	struct provisions provisions = { 0 };
	const struct provisions_address list[] = {
		told(0, "192.0.2.1"), told(1, "192.0.2.2"), told(2, "192.0.2.3"), told(3, "192.0.2.4"),
		told(3, "192.0.2.5"), told(3, "2001:db8::4"), told(4, "2001:db8::5"),
	};

	provisions_set(&provisions, 0, list, ARRAY_SIZE(list), 10);
	assert_int_equal(provisions.each[0].n, PROVISIONS_CONVERTERS);
	expect(&provisions.each[0], 3, "192.0.2.4 2001:db8::4");
}

static void what_is_said_replaces_what_was(void **state)
{
	struct provisions provisions = { 0 };
	const struct provisions_address one = told(0, "192.0.2.1"), other = told(0, "192.0.2.2");

	provisions_set(&provisions, 0, &one, 1, 10);
	provisions_set(&provisions, 0, &other, 1, 20);
	assert_int_equal(provisions.each[0].n, 1);
	expect(&provisions.each[0], 0, "192.0.2.2");
	provisions_set(&provisions, 0, NULL, 0, 30);
	assert_int_equal(provisions.each[0].n, 0);
	assert_true(provisions_next_us(&provisions) == CLOCK_NEVER_US);
}

static void each_has_its_time(void **state)
{
	struct provisions provisions = { 0 };
	const struct provisions_address one = told(0, "192.0.2.1");

	assert_true(provisions_next_us(&provisions) == CLOCK_NEVER_US);
	provisions_set(&provisions, 0, &one, 1, CLOCK_NEVER_US);
	assert_true(provisions_next_us(&provisions) == CLOCK_NEVER_US);
	provisions_set(&provisions, 1, &one, 1, 30);
	provisions_set(&provisions, 2, &one, 1, 20);
	assert_int_equal(provisions_next_us(&provisions), 20);
	assert_false(provisions_expire(&provisions, 19));
	assert_true(provisions_expire(&provisions, 20));
	assert_false(provisions_expire(&provisions, 20));
	assert_int_equal(provisions.each[2].n, 0);
	assert_int_equal(provisions_next_us(&provisions), 30);
	assert_true(provisions_expire(&provisions, 100));
	assert_int_equal(provisions.each[0].n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_are_paired), cmocka_unit_test(more_than_are_kept),
		cmocka_unit_test(what_is_said_replaces_what_was), cmocka_unit_test(each_has_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
