/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/hash.h"
#include "unit_address.h"

#define PLACES 61

/* Values that FNV's authors give. */
static void is_fnv_1a(void **state)
{
	static const struct {
		const char *text;
		uint32_t hash;
	} known[] = { { "", 0x811c9dc5 }, { "a", 0xe40c292c }, { "b", 0xe70c2de5 }, { "foobar", 0xbf9cf968 } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(hash_add(HASH_BEGIN, known[i].text, strlen(known[i].text)), known[i].hash);
}

static void goes_on_from_what_there_was(void **state)
{
	assert_int_equal(hash_add(hash_add(HASH_BEGIN, "foo", 3), "bar", 3), hash_add(HASH_BEGIN, "foobar", 6));
	assert_int_equal(hash_add(0x12345678, NULL, 0), 0x12345678);
}

static void an_address_is_its_ip_and_its_port(void **state)
{
	struct address a = unit_address("192.0.2.1:443"), b = a;
	uint32_t hash = hash_add_address(HASH_BEGIN, &a);

	assert_int_equal(hash, hash_add(hash_add(HASH_BEGIN, a.ip, sizeof(a.ip)), &a.port, sizeof(a.port)));
	b.port++;
	assert_int_not_equal(hash, hash_add_address(HASH_BEGIN, &b));
	b = a;
	b.ip[15]++;
	assert_int_not_equal(hash, hash_add_address(HASH_BEGIN, &b));
}

static void every_place_is_one_of_the_table(void **state)
{
	unsigned int n_at[PLACES] = { 0 };

	for (uint32_t i = 0; i < 20 * PLACES; i++) {
		size_t place = hash_place(hash_add(HASH_BEGIN, &i, sizeof(i)), PLACES);

		assert_true(place < PLACES);
		n_at[place]++;
	}
	for (size_t i = 0; i < PLACES; i++)
		assert_true(n_at[i]);
	assert_int_equal(hash_place(UINT32_MAX, 1), 0);
	assert_int_equal(hash_place(0x10000, 16), 1);   /* the upper half counts */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_fnv_1a),
		cmocka_unit_test(goes_on_from_what_there_was),
		cmocka_unit_test(an_address_is_its_ip_and_its_port),
		cmocka_unit_test(every_place_is_one_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
