/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/pairs.h"
#include "unit_address.h"

#define OBJECTS 50
#define BUCKETS 7        /* so that each has several */

struct object {
	uint8_t head[3];
	struct address from, to;
	uint32_t next;
};

struct table {
	struct slab slab;
	struct pairs pairs;
	uint32_t buckets[BUCKETS];
};

static const struct pairs_fields fields = { offsetof(struct object, from), offsetof(struct object, to),
					    offsetof(struct object, next) };

static void begin(struct table *table)
{
	memset(table->buckets, 0, sizeof(table->buckets));
	pairs_init(&table->pairs, &table->slab, fields, table->buckets, BUCKETS);
	assert_int_equal(slab_init(&table->slab, sizeof(struct object), OBJECTS), 0);
}

static struct address numbered(const char *text, unsigned int number)
{
	struct address a = unit_address(text);

	a.port = (uint16_t)(a.port + number);
	return a;
}

static struct object *add(struct table *table, unsigned int from, unsigned int to)
{
	struct object *object = slab_take(&table->slab);

	object->from = numbered("192.0.2.1:1", from);
	object->to = numbered("[2001:db8::1]:1", to);
	pairs_add(&table->pairs, object);
	return object;
}

static struct object *find(const struct table *table, unsigned int from, unsigned int to)
{
	struct address one = numbered("192.0.2.1:1", from), other = numbered("[2001:db8::1]:1", to);

	return pairs_find(&table->pairs, &one, &other);
}

static void an_empty_table_has_nothing(void **state)
{
	struct table table;

	begin(&table);
	assert_null(find(&table, 0, 0));
	slab_fini(&table.slab);
}

static void each_is_found_by_both_of_its_ends(void **state)
{
	struct object *objects[OBJECTS];
	struct table table;

	begin(&table);
	for (unsigned int i = 0; i < OBJECTS; i++)
		objects[i] = add(&table, i % 10, i / 10);
	for (unsigned int i = 0; i < OBJECTS; i++)
		assert_ptr_equal(find(&table, i % 10, i / 10), objects[i]);
	assert_null(find(&table, 10, 0));
	assert_null(find(&table, 0, OBJECTS / 10));
	/* the other way round it is another connection */
	assert_null(pairs_find(&table.pairs, &objects[0]->to, &objects[0]->from));
	slab_fini(&table.slab);
}

static void what_is_removed_is_gone_and_the_others_stay(void **state)
{
	struct object *objects[OBJECTS];
	struct table table;

	begin(&table);
	for (unsigned int i = 0; i < OBJECTS; i++)
		objects[i] = add(&table, i, 0);
	for (unsigned int i = 0; i < OBJECTS; i += 3) {   /* first, last and in the midst of their buckets */
		assert_true(pairs_remove(&table.pairs, objects[i]));
		assert_false(pairs_remove(&table.pairs, objects[i]));
		slab_give(&table.slab, objects[i]);
	}
	for (unsigned int i = 0; i < OBJECTS; i++)
		assert_ptr_equal(find(&table, i, 0), i % 3 ? objects[i] : NULL);
	objects[0] = add(&table, 0, 0);   /* in a place that was another one's */
	assert_ptr_equal(find(&table, 0, 0), objects[0]);
	for (unsigned int i = 1; i < OBJECTS; i++)
		assert_int_equal(!!find(&table, i, 0), !!(i % 3));
	slab_fini(&table.slab);
}

static void what_was_never_added_is_not_removed(void **state)
{
	struct object *object;
	struct table table;

	begin(&table);
	for (unsigned int i = 0; i < OBJECTS - 1; i++)
		add(&table, i, 0);
	object = slab_take(&table.slab);
	object->from = numbered("192.0.2.1:1", 5);
	object->to = numbered("[2001:db8::1]:1", 0);
	assert_false(pairs_remove(&table.pairs, object));
	assert_ptr_not_equal(find(&table, 5, 0), object);
	slab_fini(&table.slab);
}

static void of_two_alike_the_later_one_is_found(void **state)
{
	struct object *earlier, *later;
	struct table table;

	begin(&table);
	earlier = add(&table, 1, 1);
	later = add(&table, 1, 1);
	assert_ptr_equal(find(&table, 1, 1), later);
	assert_true(pairs_remove(&table.pairs, later));
	assert_ptr_equal(find(&table, 1, 1), earlier);
	slab_fini(&table.slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(each_is_found_by_both_of_its_ends),
		cmocka_unit_test(what_is_removed_is_gone_and_the_others_stay),
		cmocka_unit_test(what_was_never_added_is_not_removed),
		cmocka_unit_test(of_two_alike_the_later_one_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
