/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link emulator's editing of TCP segments: checksums are verified by summing everything up anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "edit.h"
#include "random.h"
#include "unit_frame.h"

/* MSS, MP_CAPABLE of 4 bytes at an odd place, window scale, MPTCP of 12 bytes. */
static const char options_with_two[] = "\x02\x04\x05\xb4\x01\x1e\x04\x01\x81\x03\x03\x07\x1e\x0c\x10\x01" "ABCDEFGH";
static const char options_stripped[] =
	"\x02\x04\x05\xb4\x01\x01\x01\x01\x01\x03\x03\x07\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
#define N_OPTIONS (sizeof(options_with_two) - 1)

static void test_strip(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame f = simple(v6, 2, options_with_two, N_OPTIONS, "abc"), before = f;

		assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 2);
		assert_memory_equal(f.bytes + f.tcp_at + 20, options_stripped, N_OPTIONS);
		assert_int_equal(tcp_sum(&f), 0xffff);
		memcpy(f.bytes + f.tcp_at + 20, options_with_two, N_OPTIONS);
		memcpy(f.bytes + f.tcp_at + 16, before.bytes + f.tcp_at + 16, 2);
		assert_memory_equal(f.bytes, before.bytes, f.n);   /* nothing else was touched */
		assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 2);
		assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 0);
	}
}

static void test_strip_some(void **state)
{
	static const struct { uint8_t flags; uint64_t which; unsigned int n_stripped; } rows[] = {
		{ 0x02, STRIP_SYNS, 2 }, { 0x12, STRIP_SYNS, 2 }, { 0x10, STRIP_SYNS, 0 },
		{ 0x02, STRIP_OTHERS, 0 }, { 0x12, STRIP_OTHERS, 0 }, { 0x10, STRIP_OTHERS, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame f = simple(i % 2, rows[i].flags, options_with_two, N_OPTIONS, "abc");

		assert_int_equal(edit_strip_mptcp(f.bytes, f.n, rows[i].which), rows[i].n_stripped);
		assert_int_equal(tcp_sum(&f), 0xffff);
	}
}

static void test_mptcp_syn(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame syn = simple(v6, 2, options_with_two, N_OPTIONS, ""),
			     later = simple(v6, 0x10, options_with_two, N_OPTIONS, "");
		struct frame plain = simple(v6, 2, "\x02\x04\x05\xb4", 4, "");

		assert_true(edit_is_mptcp_syn(syn.bytes, syn.n));
		assert_false(edit_is_mptcp_syn(later.bytes, later.n));
		assert_false(edit_is_mptcp_syn(plain.bytes, plain.n));
		assert_false(edit_is_mptcp_syn(syn.bytes, 20));
	}
}

static void test_strip_behind_extension_headers(void **state)
{
	static const char chain[] =
		"\x2b\0\x01\x04\0\0\0\0" "\x3c\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x2c\0\x01\x04\0\0\0\0" "\x06\0\0\0\0\0\0\x07";
	struct frame f = segment(true, 2, options_with_two, N_OPTIONS, "", chain, sizeof(chain) - 1, 0);

	assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 2);
	assert_int_equal(tcp_sum(&f), 0xffff);
}

static void test_options_that_end_the_walk(void **state)
{
	static const struct { const char *options; unsigned int n_stripped; } rows[] = {
		{ "\x00\x1e\x04\x00", 0 },          /* behind the end of options */
		{ "\x05\x00\x1e\x03", 0 },          /* an option of length 0 */
		{ "\x05\x01\x1e\x03", 0 },          /* of length 1 */
		{ "\x1e\x05\x00\x00", 0 },          /* longer than the header */
		{ "\x01\x01\x01\x1e", 0 },          /* without a length */
		{ "\x1e\x02\x1e\x02", 2 },
		{ "\x01\x1e\x03\x00", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame f = simple(i % 2, 0x10, rows[i].options, 4, "x"), before = f;

		assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), rows[i].n_stripped);
		assert_int_equal(tcp_sum(&f), 0xffff);
		if (!rows[i].n_stripped)
			assert_memory_equal(f.bytes, before.bytes, f.n);
	}
}

static void test_syn_with_data(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame with = simple(v6, 2, "\x22\x02\x01\x01", 4, "hello"),
			     without = simple(v6, 2, "\x22\x02\x01\x01", 4, "");
		struct frame later = simple(v6, 0x10, "", 0, "hello");
		size_t n = with.n;

		assert_true(edit_syn_has_data(with.bytes, with.n));
		assert_false(edit_syn_has_data(without.bytes, without.n));
		assert_false(edit_syn_has_data(later.bytes, later.n));
		with.n = edit_cut_syn_data(with.bytes, n);
		assert_int_equal(with.n, without.n);
		assert_int_equal(tcp_sum(&with), 0xffff);
		if (!v6)
			assert_int_equal(ipv4_sum(&with), 0xffff);
		assert_memory_equal(with.bytes, without.bytes, without.n);
	}
}

/* Bytes behind the IP packet, as Ethernet pads short frames, are no data. */
static void test_padding_is_no_data(void **state)
{
	struct frame f = simple(false, 2, "", 0, "");

	add(&f, "\0\0\0\0\0\0", 6);
	assert_false(edit_syn_has_data(f.bytes, f.n));
	f = simple(false, 2, "", 0, "x");
	add(&f, "\0\0\0\0\0\0", 6);
	assert_int_equal(edit_cut_syn_data(f.bytes, f.n), f.n - 7);
}

static void assert_untouched(struct frame f)
{
	struct frame before = f;

	assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 0);
	assert_false(edit_syn_has_data(f.bytes, f.n));
	assert_int_equal(edit_cut_syn_data(f.bytes, f.n), f.n);
	assert_memory_equal(f.bytes, before.bytes, sizeof(f.bytes));
}

static void test_what_is_no_segment_stays(void **state)
{
	static const struct { bool v6; size_t at; uint8_t byte; } rows[] = {
		{ false, 12, 0x86 }, { false, 13, 0x06 },   /* another kind of frame */
		{ false, 14, 0x66 }, { false, 14, 0x44 },   /* version; header too short */
		{ false, 14, 0x4f }, { false, 23, 17 },     /* header longer than the packet leaves to TCP; UDP */
		{ false, 17, 20 }, { false, 16, 1 },        /* total length: shorter than the header; longer than the
							     * frame */
		{ false, 20, 0x01 }, { false, 21, 1 },      /* a later fragment */
		{ false, 17, 24 + 19 },                     /* a piece of a TCP header */
		{ false, 14 + 24 + 12, 0x40 }, { false, 14 + 24 + 12, 0xf0 },   /* data offset */
		{ true, 14, 0x40 }, { true, 18, 1 }, { true, 20, 17 }, { true, 20, 59 }, { true, 19, 19 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame f = simple(rows[i].v6, 2, "\x1e\x04\x01\x81", 4, "hello");

		f.bytes[rows[i].at] = rows[i].byte;
		assert_untouched(f);
	}
}

static void test_broken_extension_headers(void **state)
{
	static const char *const chains[] = {
		"\x06\0\0\x08\0\0\0\x07",    /* a fragment that isn't the first */
		"\x06\xff\0\0\0\0\0\0",      /* longer than the packet */
	};
	static const uint8_t kinds[] = { 44, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_untouched(segment(true, 2, "\x1e\x04\x01\x81", 4, "hello", chains[i], 8, kinds[i]));
}

/* The data of a first fragment goes on in the next one: its options are ours, its data stays. */
static void test_first_fragment(void **state)
{
	struct frame f = simple(false, 2, "\x1e\x04\x01\x81", 4, "hello");

	f.bytes[20] = 0x20;
	put_sum(f.bytes + 24, 0);
	assert_false(edit_syn_has_data(f.bytes, f.n));
	assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 1);
	assert_int_equal(tcp_sum(&f), 0xffff);
	f = segment(true, 2, "\x1e\x04\x01\x81", 4, "hello", "\x06\0\0\x01\0\0\0\x07", 8, 44);
	assert_false(edit_syn_has_data(f.bytes, f.n));
	assert_int_equal(edit_strip_mptcp(f.bytes, f.n, STRIP_ALL), 1);
}

/* Cut short or with bytes changed, in memory of exactly its size, so that sanitizers see each byte read or written
 * too far. */
static void test_mangled_frames(void **state)
{
	static const char chain[] = "\x3c\0\x01\x04\0\0\0\0" "\x06\0\x01\x04\0\0\0\0";
	uint64_t random = random_stream(20, 24);

	for (unsigned int i = 0; i < 200000; i++) {
		struct frame f = i % 3 == 2 ?
				 segment(true, 2, options_with_two, N_OPTIONS, "hello", chain, sizeof(chain) - 1, 0)
					    : simple(i % 3, 2, options_with_two, N_OPTIONS, "hello");
		size_t n = i % 2 ? random_below(&random, f.n + 1) : f.n;
		uint8_t *exact;

		for (uint64_t n_changes = random_below(&random, 4); n_changes; n_changes--)
			f.bytes[12 + random_below(&random, f.n - 12)] = (uint8_t)random_next(&random);
		exact = malloc(n ? n : 1);
		assert_non_null(exact);
		memcpy(exact, f.bytes, n);
		edit_strip_mptcp(exact, n, STRIP_ALL);
		if (edit_syn_has_data(exact, n)) {
			size_t n_cut = edit_cut_syn_data(exact, n);

			assert_true(n_cut < n);
			assert_false(edit_syn_has_data(exact, n_cut));
		}
		assert_int_equal(edit_strip_mptcp(exact, n, STRIP_ALL), 0);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_strip_some),
		cmocka_unit_test(test_mptcp_syn),
		cmocka_unit_test(test_strip_behind_extension_headers),
		cmocka_unit_test(test_options_that_end_the_walk),
		cmocka_unit_test(test_syn_with_data),
		cmocka_unit_test(test_padding_is_no_data),
		cmocka_unit_test(test_what_is_no_segment_stays),
		cmocka_unit_test(test_broken_extension_headers),
		cmocka_unit_test(test_first_fragment),
		cmocka_unit_test(test_mangled_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
