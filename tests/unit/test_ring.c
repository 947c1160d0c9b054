/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "role/stripe/ring.h"

#define CHUNK ((uint64_t)RING_CHUNK_BYTES)
#define WINDOW ((uint64_t)STRIPE_WIDE_WINDOW_BYTES)

static struct ring *ring_new(void)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	assert_non_null(ring);
	return ring;
}

static void end(struct ring *ring)
{
	ring_free(ring);
	assert_int_equal(ring->n_chunks, 0);
	free(ring);
}

static void bytes_are_where_they_were_put(void **state)
{
	static uint8_t in[3 * RING_CHUNK_BYTES], out[3 * RING_CHUNK_BYTES];
	static const uint64_t offsets[] = { 0, 1, CHUNK - 1, WINDOW - 5, WINDOW + CHUNK - 100, 0x1fffffff0 };

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 31 + (i >> 8));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct ring *ring = ring_new();

		assert_true(ring_put(ring, offsets[i], (struct bytes){ in, sizeof(in) }));
		ring_get(ring, offsets[i], out, sizeof(out));
		assert_memory_equal(in, out, sizeof(in));
		assert_true(ring->n_chunks <= 4);
		end(ring);
	}
}

static void what_nobody_wants_is_given_back(void **state)
{
	struct ring *ring = ring_new();
	uint8_t byte = 'x';

	for (uint64_t at = 0; at < 4 * CHUNK; at += CHUNK / 2)
		assert_true(ring_put(ring, at, (struct bytes){ &byte, 1 }));
	assert_int_equal(ring->n_chunks, 4);
	ring_give_up(ring, 0, CHUNK - 1, false);
	assert_int_equal(ring->n_chunks, 4);
	ring_give_up(ring, CHUNK - 1, CHUNK, false);
	assert_int_equal(ring->n_chunks, 3);
	ring_give_up(ring, CHUNK, 3 * CHUNK + 10, false);
	assert_int_equal(ring->n_chunks, 1);
	ring_give_up(ring, 3 * CHUNK + 10, 3 * CHUNK + 20, true);
	assert_int_equal(ring->n_chunks, 0);
	end(ring);
}

/* The last byte of the window stands in a chunk of its own, not in that of the first one. */
static void a_whole_window_has_room(void **state)
{
	struct ring *ring = ring_new();
	uint8_t first = 'a', last = 'z', got;
	uint64_t at = 5 * WINDOW + CHUNK / 2;

	assert_true(ring_put(ring, at, (struct bytes){ &first, 1 }));
	assert_true(ring_put(ring, at + WINDOW - 1, (struct bytes){ &last, 1 }));
	ring_get(ring, at, &got, 1);
	assert_int_equal(got, 'a');
	ring_give_up(ring, at, at + CHUNK, false);
	ring_get(ring, at + WINDOW - 1, &got, 1);
	assert_int_equal(got, 'z');
	end(ring);
}

static void room_ends_with_its_chunk(void **state)
{
	struct ring *ring = ring_new();
	size_t n = 100;

	assert_non_null(ring_room(ring, CHUNK - 10, &n));
	assert_int_equal(n, 10);
	n = 100;
	assert_non_null(ring_room(ring, 0, &n));
	assert_int_equal(n, 100);
	end(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_where_they_were_put),
		cmocka_unit_test(what_nobody_wants_is_given_back),
		cmocka_unit_test(a_whole_window_has_room),
		cmocka_unit_test(room_ends_with_its_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
