/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places found by a fingerprint. */
#include "unit.h"

#include "policy/directory.h"

static struct directory_entry entry_of(uint64_t number, uint32_t place)
{
	struct directory_entry entry = { .place = place };

	for (size_t i = 0; i < DIRECTORY_FINGERPRINT_BYTES; i++)
		entry.fingerprint[i] = (uint8_t)(number >> 8 * i);
	return entry;
}

static const struct directory_entry *find(const struct directory_entry *entries, size_t n, uint64_t number)
{
	struct directory_entry wanted = entry_of(number, 0);

	return directory_find(entries, n, wanted.fingerprint);
}

static void test_each_is_found_and_no_other(void **state)
{
	struct directory_entry entries[100];

	for (size_t n = 0; n <= ARRAY_SIZE(entries); n++) {
		for (uint32_t i = 0; i < n; i++)
			entries[i] = entry_of((i + 1) * 0x9e3779b97f4a7c15ull, i);
		directory_sort(entries, n);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(find(entries, n, (i + 1) * 0x9e3779b97f4a7c15ull)->place, i);
		assert_null(find(entries, n, 0));
		assert_null(find(entries, n, 12345));
		assert_null(find(entries, n, UINT64_MAX));
	}
}

static void test_the_first_of_equal_ones_is_found(void **state)
{
	struct directory_entry entries[] = { entry_of(7, 5), entry_of(7, 2), entry_of(7, 2), entry_of(7, 9),
					     entry_of(6, 0) };

	directory_sort(entries, ARRAY_SIZE(entries));
	assert_int_equal(find(entries, ARRAY_SIZE(entries), 7)->place, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_found_and_no_other),
		cmocka_unit_test(test_the_first_of_equal_ones_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
