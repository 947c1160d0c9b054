/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link emulator's application layer gateway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/util.h"
#include "random.h"
#include "rewrite.h"
#include "unit_frame.h"

#define SYN 0x02
#define ACK 0x10
#define SACK_OPTION "\x01\x01\x05\x0a" "\0\0\0\1" "\0\0\0\2"

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_u32(struct frame *f, size_t at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		f->bytes[f->tcp_at + at + i] = (uint8_t)(value >> (24 - 8 * i));
	put_sum(f->bytes + f->tcp_at + 16, 0);
	memset(f->bytes + f->tcp_at + 16, 0, 2);
	put_sum(f->bytes + f->tcp_at + 16, tcp_sum(f));
}

static struct frame at_seq(bool v6, uint8_t flags, uint32_t seq, const char *data)
{
	struct frame f = simple(v6, flags, "", 0, data);

	put_u32(&f, 4, seq);
	return f;
}

/* From the other end. */
static struct frame answer(bool v6, uint32_t ack)
{
	struct frame f = simple(v6, ACK, SACK_OPTION, 12, "");
	size_t n = v6 ? 16 : 4;
	uint8_t *addresses = f.bytes + 14 + (v6 ? 8 : 12), first[16], ports[2];

	memcpy(first, addresses, n);
	memcpy(addresses, addresses + n, n);
	memcpy(addresses + n, first, n);
	memcpy(ports, f.bytes + f.tcp_at, 2);
	memcpy(f.bytes + f.tcp_at, f.bytes + f.tcp_at + 2, 2);
	memcpy(f.bytes + f.tcp_at + 2, ports, 2);
	put_u32(&f, 8, ack);
	return f;
}

static uint32_t seq_of(const struct frame *f)
{
	return get_u32(f->bytes + f->tcp_at + 4);
}

static void assert_data(const struct frame *f, const char *data)
{
	size_t at = f->tcp_at + (f->bytes[f->tcp_at + 12] >> 4) * 4u;

	assert_int_equal(f->n - at, strlen(data));
	assert_memory_equal(f->bytes + at, data, strlen(data));
	assert_int_equal(tcp_sum(f), 0xffff);
	if (!f->v6)
		assert_int_equal(ipv4_sum(f), 0xffff);
}

static uint64_t rewrite(struct rewrites *rewrites, uint64_t how, struct frame *f)
{
	uint64_t n = 0;

	f->n = rewrite_frame(rewrites, how, f->bytes, f->n, FRAME_MOST, &n);
	return n;
}

static struct rewrites *none(void)
{
	static struct rewrites rewrites;

	memset(&rewrites, 0, sizeof(rewrites));
	return &rewrites;
}

static void test_bytes(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct rewrites *rewrites = none();
		struct frame f = at_seq(v6, ACK, 7, "say PORT 10,0,0,9"), other = at_seq(v6, ACK, 24, "say POR"),
			     before = other;

		assert_int_equal(rewrite(rewrites, REWRITE_NOT, &f), 0);
		assert_data(&f, "say PORT 10,0,0,9");
		assert_int_equal(rewrite(rewrites, REWRITE_BYTES, &f), 1);
		assert_data(&f, "say port 10,0,0,9");
		assert_int_equal(rewrite(rewrites, REWRITE_BYTES, &other), 0);
		assert_memory_equal(other.bytes, before.bytes, sizeof(other.bytes));
	}
}

/* The word, all that follows, what is sent again, and what the other end says of it. */
static void test_length(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		static const struct { uint32_t seq; const char *data; uint32_t seq_then; const char *data_then;
				      } rows[] = {
			{ 0xfffffffe, "a PORT b", 0xfffffffe, "a LONGPORT b" },
			{ 6, "next PORT", 10, "next PORT" },
			{ 0xfffffffe, "a ", 0xfffffffe, "a " },
			{ 0xfffffffe, "a PO", 0xfffffffe, "a LONGPO" },
			{ 0, "PORT b", 0, "LONGPORT b" },
			{ 2, "RT b", 6, "RT b" },
			{ 0xfffffffd, "x", 0xfffffffd, "x" },
			{ 6, "", 10, "" },
		};
		static const struct { uint32_t ack, then; } acks[] = {
			{ 0xfffffff0, 0xfffffff0 }, { 0, 0 }, { 1, 0 }, { 4, 0 }, { 5, 1 }, { 10, 6 },
			{ 0x7ffffff0, 0x7fffffec },
		};
		struct rewrites *rewrites = none();

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct frame f = at_seq(v6, ACK, rows[i].seq, rows[i].data);

			assert_int_equal(rewrite(rewrites, i ? REWRITE_NOT : REWRITE_LENGTH, &f),
					 strlen(rows[i].data_then) > strlen(rows[i].data));
			assert_int_equal(seq_of(&f), rows[i].seq_then);
			assert_data(&f, rows[i].data_then);
		}
		for (size_t i = 0; i < ARRAY_SIZE(acks); i++) {
			struct frame f = answer(v6, acks[i].ack);

			rewrite(rewrites, REWRITE_NOT, &f);
			assert_int_equal(get_u32(f.bytes + f.tcp_at + 8), acks[i].then);
			assert_memory_equal(f.bytes + f.tcp_at + 20, "\1\1\1\1\1\1\1\1\1\1\1\1", 12);
			assert_data(&f, "");
		}
	}
}

static void test_without_acknowledgement(void **state)
{
	struct rewrites *rewrites = none();
	struct frame f = at_seq(false, ACK, 100, "PORT"), reset = answer(false, 200);

	rewrite(rewrites, REWRITE_LENGTH, &f);
	reset.bytes[reset.tcp_at + 13] = 0x04;
	rewrite(rewrites, REWRITE_LENGTH, &reset);
	assert_int_equal(get_u32(reset.bytes + reset.tcp_at + 8), 200);
}

static void test_in_the_syn(void **state)
{
	struct rewrites *rewrites = none();
	struct frame syn = at_seq(false, SYN, 100, "ab PORT"), bare = at_seq(false, SYN, 100, ""),
		     next = at_seq(false, ACK, 108, "x");

	assert_int_equal(rewrite(rewrites, REWRITE_LENGTH, &syn), 1);
	assert_data(&syn, "ab LONGPORT");
	rewrite(rewrites, REWRITE_LENGTH, &bare);
	assert_int_equal(seq_of(&bare), 100);
	rewrite(rewrites, REWRITE_LENGTH, &next);
	assert_int_equal(seq_of(&next), 112);
}

static void test_same_ports_again(void **state)
{
	struct rewrites *rewrites = none();
	struct frame first = at_seq(false, ACK, 100, "PORT"), syn = at_seq(false, SYN, 0x40000000, ""),
		     next = at_seq(false, ACK, 0x40000001, "a");

	rewrite(rewrites, REWRITE_LENGTH, &first);
	rewrite(rewrites, REWRITE_LENGTH, &syn);
	assert_int_equal(seq_of(&syn), 0x40000000);
	rewrite(rewrites, REWRITE_LENGTH, &next);
	assert_int_equal(seq_of(&next), 0x40000001);
}

static void test_no_room_and_fragments(void **state)
{
	struct rewrites *rewrites = none();
	struct frame f = at_seq(false, ACK, 100, "PORT"), before = f;
	uint64_t n = 0;

	assert_int_equal(rewrite_frame(rewrites, REWRITE_LENGTH, f.bytes, f.n, f.n + 3, &n), f.n);
	assert_int_equal(n, 0);
	assert_memory_equal(f.bytes, before.bytes, sizeof(f.bytes));
	assert_int_equal(rewrites->n_made, 0);
	f.bytes[20] = 0x20;
	put_sum(f.bytes + 24, 0);
	assert_int_equal(rewrite(rewrites, REWRITE_BYTES, &f), 0);
}

/* The oldest connection makes room; nothing is written beyond the frame's room. */
static void test_many_and_mangled(void **state)
{
	struct rewrites *rewrites = none();
	uint64_t random = random_stream(20, 25), n_rewritten = 0;

	for (unsigned int i = 0; i < 100000; i++) {
		struct frame f = at_seq(i % 2, i % 3 ? ACK : SYN, (uint32_t)random_next(&random),
					"the word PORT, and more");
		size_t n = i % 5 ? f.n : random_below(&random, f.n + 1), n_most = n + random_below(&random, 8), n_then;
		uint8_t *exact = malloc(n_most ? n_most : 1);

		f.bytes[f.tcp_at] = (uint8_t)random_next(&random);
		for (uint64_t n_changes = i % 4 ? 0 : random_below(&random, 4); n_changes; n_changes--)
			f.bytes[12 + random_below(&random, f.n - 12)] = (uint8_t)random_next(&random);
		assert_non_null(exact);
		memcpy(exact, f.bytes, n);
		n_then = rewrite_frame(rewrites, random_below(&random, REWRITE_N), exact, n, n_most, &n_rewritten);
		assert_true(n_then <= n_most);
		free(exact);
	}
	assert_true(n_rewritten > REWRITE_FLOWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_without_acknowledgement),
		cmocka_unit_test(test_in_the_syn),
		cmocka_unit_test(test_same_ports_again),
		cmocka_unit_test(test_no_room_and_fragments),
		cmocka_unit_test(test_many_and_mangled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
