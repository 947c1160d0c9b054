/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

static const uint8_t digits[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void reads_in_network_order(void **state)
{
	struct cursor c = cursor_of(digits, 7);

	assert_int_equal(cursor_get_u8(&c), 1);
	assert_int_equal(cursor_get_u16be(&c), 0x0203);
	assert_int_equal(cursor_get_u32be(&c), 0x04050607);
	assert_int_equal(c.n_left, 0);
	assert_false(cursor_failed(&c));
	c = cursor_of(digits, 8);
	assert_true(cursor_get_u64be(&c) == 0x0102030405060708ull);
	assert_false(cursor_failed(&c));
}

/* Every read of 1, 2, 4 and 8 bytes at every distance from the end. */
static void reads_beyond_the_end_give_zero(void **state)
{
	for (size_t n = 0; n <= sizeof(digits); n++) {
		uint8_t *copy = unit_copy(digits, n);
		struct cursor c8 = cursor_of(copy, n), c16 = c8, c32 = c8, c64 = c8;

		assert_int_equal(cursor_get_u8(&c8), n < 1 ? 0 : 1);
		assert_int_equal(cursor_failed(&c8), n < 1);
		assert_int_equal(cursor_get_u16be(&c16), n < 2 ? 0 : 0x0102);
		assert_int_equal(cursor_failed(&c16), n < 2);
		assert_int_equal(cursor_get_u32be(&c32), n < 4 ? 0 : 0x01020304);
		assert_int_equal(cursor_failed(&c32), n < 4);
		assert_true(cursor_get_u64be(&c64) == (n < 8 ? 0 : 0x0102030405060708ull));
		assert_int_equal(cursor_failed(&c64), n < 8);
		free(copy);
	}
}

static void failure_sticks(void **state)
{
	struct cursor c = cursor_of(digits, 3);
	uint8_t out[2] = { 0xaa, 0xaa };

	assert_int_equal(cursor_get_u32be(&c), 0);
	assert_true(cursor_failed(&c));
	assert_int_equal(cursor_get_u8(&c), 0);   /* although three bytes are there */
	cursor_get_bytes(&c, out, sizeof(out));
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 0);
	assert_null(cursor_take(&c, 1).at);
	assert_int_equal(cursor_rest(&c).n, 0);
	assert_true(cursor_failed(&c));
}

static void skips_and_takes(void **state)
{
	struct cursor c = cursor_of(digits, sizeof(digits));
	struct bytes taken, rest;

	cursor_skip(&c, 2);
	taken = cursor_take(&c, 3);
	assert_ptr_equal(taken.at, digits + 2);
	assert_int_equal(taken.n, 3);
	rest = cursor_rest(&c);
	assert_ptr_equal(rest.at, digits + 5);
	assert_int_equal(rest.n, 4);
	assert_int_equal(c.n_left, 0);
	assert_false(cursor_failed(&c));
	assert_int_equal(cursor_rest(&c).n, 0);   /* nothing is left, and that is no failure */
	assert_false(cursor_failed(&c));
	cursor_skip(&c, 1);
	assert_true(cursor_failed(&c));
}

static void a_part_stays_in_its_bounds(void **state)
{
	struct cursor c = cursor_of(digits, 6), part = cursor_sub(&c, 2);

	assert_int_equal(cursor_get_u16be(&part), 0x0102);
	assert_int_equal(cursor_get_u8(&part), 0);   /* 3 follows, but isn't the part's */
	assert_true(cursor_failed(&part));
	assert_false(cursor_failed(&c));
	assert_int_equal(cursor_get_u8(&c), 3);
	part = cursor_sub(&c, 4);
	assert_true(cursor_failed(&part));
	assert_true(cursor_failed(&c));
}

static void lengths_do_not_wrap(void **state)
{
	struct cursor c = cursor_of(digits, 4);
	struct cursor_out o;
	uint8_t room[4] = { 0 };

	cursor_skip(&c, SIZE_MAX);
	assert_true(cursor_failed(&c));
	o = cursor_into(room, sizeof(room));
	cursor_put_zeros(&o, SIZE_MAX);
	assert_true(cursor_out_failed(&o));
	assert_int_equal(o.n_written, 0);
}

static void nothing_from_nothing(void **state)
{
	struct cursor c = cursor_of(NULL, 0);
	struct cursor_out o = cursor_into(NULL, 0);
	uint8_t byte = 7;

	cursor_get_bytes(&c, &byte, 0);
	cursor_skip(&c, 0);
	assert_int_equal(cursor_rest(&c).n, 0);
	assert_false(cursor_failed(&c));
	assert_int_equal(byte, 7);
	cursor_put_bytes(&o, NULL, 0);
	cursor_put_zeros(&o, 0);
	assert_false(cursor_out_failed(&o));
	cursor_put_u8(&o, 1);
	assert_true(cursor_out_failed(&o));
}

static void writes_in_network_order(void **state)
{
	uint8_t room[19];
	struct cursor_out c = cursor_into(room, sizeof(room));

	cursor_put_u8(&c, 1);
	cursor_put_u16be(&c, 0x0203);
	cursor_put_u32be(&c, 0x04050607);
	cursor_put_u64be(&c, 0x08090a0b0c0d0e0full);
	cursor_put_zeros(&c, 2);
	cursor_put_bytes(&c, "\xfe\xff", 2);
	assert_false(cursor_out_failed(&c));
	unit_expect_bytes("written", "01 0203 04050607 08090a0b0c0d0e0f 0000 feff", room, c.n_written);
}

static void a_write_that_does_not_fit_writes_nothing(void **state)
{
	uint8_t room[4] = { 0xee, 0xee, 0xee, 0xee };
	struct cursor_out c = cursor_into(room, 3);

	cursor_put_u16be(&c, 0x0102);
	cursor_put_u16be(&c, 0x0304);
	cursor_put_u8(&c, 5);   /* would fit, but the failure sticks */
	assert_true(cursor_out_failed(&c));
	assert_int_equal(c.n_written, 2);
	unit_expect_bytes("room", "01 02 ee ee", room, sizeof(room));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_network_order),
		cmocka_unit_test(reads_beyond_the_end_give_zero),
		cmocka_unit_test(failure_sticks),
		cmocka_unit_test(skips_and_takes),
		cmocka_unit_test(a_part_stays_in_its_bounds),
		cmocka_unit_test(lengths_do_not_wrap),
		cmocka_unit_test(nothing_from_nothing),
		cmocka_unit_test(writes_in_network_order),
		cmocka_unit_test(a_write_that_does_not_fit_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
