/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include "base/slab.h"

#define OBJECTS 5

struct object {
	uint64_t number;
	uint8_t tail[5];   /* an odd size, to be rounded up */
};

static struct slab slab_of(uint32_t n_most)
{
	struct slab slab;

	assert_int_equal(slab_init(&slab, sizeof(struct object), n_most), 0);
	return slab;
}

static void gives_out_as_many_as_there_are(void **state)
{
	struct slab slab = slab_of(OBJECTS);
	struct object *objects[OBJECTS];

	for (uint32_t i = 0; i < OBJECTS; i++) {
		objects[i] = slab_take(&slab);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 8, 0);
		memset(objects[i], 0xff, sizeof(*objects[i]));   /* must not touch its neighbours */
		assert_int_equal(slab.n_taken, i + 1);
	}
	assert_null(slab_take(&slab));
	assert_null(slab_at(&slab, OBJECTS));
	for (uint32_t i = 0; i < OBJECTS; i++) {
		assert_ptr_equal(slab_at(&slab, i), objects[i]);
		assert_int_equal(slab_name_of(&slab, objects[i]).index, i);
		assert_ptr_equal(slab_get(&slab, slab_name_of(&slab, objects[i])), objects[i]);
	}
	slab_give(&slab, objects[2]);
	assert_int_equal(slab.n_taken, OBJECTS - 1);
	assert_ptr_equal(slab_take(&slab), objects[2]);
	assert_null(slab_take(&slab));
	slab_fini(&slab);
}

static void objects_come_zeroed(void **state)
{
	struct slab slab = slab_of(1);
	static const struct object zeros;

	for (unsigned int i = 0; i < 3; i++) {
		struct object *object = slab_take(&slab);

		assert_memory_equal(object, &zeros, sizeof(zeros));
		memset(object, 0xff, sizeof(*object));
		slab_give(&slab, object);
	}
	slab_fini(&slab);
}

static void old_names_find_nothing(void **state)
{
	struct slab slab = slab_of(2);
	struct object *object = slab_take(&slab);
	struct slab_name old = slab_name_of(&slab, object), next;

	assert_ptr_equal(slab_get(&slab, old), object);
	slab_give(&slab, object);
	assert_null(slab_get(&slab, old));
	assert_null(slab_at(&slab, old.index));
	assert_ptr_equal(slab_take(&slab), object);   /* the same slot */
	next = slab_name_of(&slab, object);
	assert_int_equal(next.index, old.index);
	assert_int_equal(next.generation, old.generation + 1);
	assert_null(slab_get(&slab, old));
	assert_ptr_equal(slab_get(&slab, next), object);
	slab_fini(&slab);
}

static void names_that_never_were_find_nothing(void **state)
{
	struct slab slab = slab_of(3);

	assert_non_null(slab_take(&slab));
	assert_null(slab_get(&slab, (struct slab_name){ .index = 1 }));   /* not touched yet */
	assert_null(slab_get(&slab, (struct slab_name){ .index = 3 }));   /* beyond the end */
	assert_null(slab_get(&slab, (struct slab_name){ .index = SLAB_NONE }));
	assert_null(slab_at(&slab, 1));
	assert_null(slab_at(&slab, SLAB_NONE));
	slab_fini(&slab);
}

/* Many turns of taking and giving in an order that a generator chooses, compared with a plain table. */
static void keeps_count_over_many_turns(void **state)
{
	enum { N = 50, TURNS = 200000 };
	struct slab slab = slab_of(N);
	struct object *objects[N] = { 0 };
	struct slab_name names[N];
	uint32_t n_taken = 0, number = 12345;

	for (unsigned int turn = 0; turn < TURNS; turn++) {
		unsigned int i = (number = number * 1664525u + 1013904223u) >> 16 & 63;

		if (i >= N)
			continue;
		if (!objects[i]) {
			objects[i] = slab_take(&slab);
			assert_non_null(objects[i]);
			objects[i]->number = i;
			names[i] = slab_name_of(&slab, objects[i]);
			n_taken++;
		} else {
			assert_ptr_equal(slab_get(&slab, names[i]), objects[i]);
			assert_int_equal(objects[i]->number, i);
			slab_give(&slab, objects[i]);
			assert_null(slab_get(&slab, names[i]));
			objects[i] = NULL;
			n_taken--;
		}
		assert_int_equal(slab.n_taken, n_taken);
	}
	slab_fini(&slab);
}

static void an_empty_slab_has_nothing(void **state)
{
	struct slab slab = slab_of(0);

	assert_null(slab_take(&slab));
	assert_null(slab_at(&slab, 0));
	slab_fini(&slab);
	assert_null(slab_take(&slab));
}

static void says_when_there_is_no_memory(void **state)
{
	struct slab slab;

	assert_int_equal(slab_init(&slab, SIZE_MAX / 16, 1000), -ENOMEM);   /* the product is beyond any size */
	assert_null(slab.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_out_as_many_as_there_are),
		cmocka_unit_test(objects_come_zeroed),
		cmocka_unit_test(old_names_find_nothing),
		cmocka_unit_test(names_that_never_were_find_nothing),
		cmocka_unit_test(keeps_count_over_many_turns),
		cmocka_unit_test(says_when_there_is_no_memory),
		cmocka_unit_test(an_empty_slab_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
