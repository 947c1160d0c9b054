/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets, alone and behind the window in which they count. */
#include "unit.h"

#include "policy/replay.h"
#include "signalling/scheme.h"
#include "signalling/ticket.h"

#define NOW_S 1700000000u
#define WINDOW_S 120u

static const uint8_t key[TICKET_KEY_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static struct address destination_of(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(&a, text, 0), 0);
	return a;
}

static void make(uint32_t time_s, uint8_t first_of_nonce, const struct address *destination, uint8_t out[TICKET_BYTES])
{
	struct ticket ticket = { .time_s = time_s, .nonce = { first_of_nonce, [TICKET_NONCE_BYTES - 1] = 0xaa } };

	ticket_put(&ticket, key, destination, out);
}

static void has_the_layout_of_its_header(void **state)
{
	struct address destination = destination_of("192.0.2.1:443");
	uint8_t ticket[TICKET_BYTES], fingerprint[TICKET_FINGERPRINT_BYTES];

	make(NOW_S, 7, &destination, ticket);
	ticket_fingerprint(key, fingerprint);
	unit_expect_bytes("version", "01000000", ticket, 4);
	assert_memory_equal(ticket + 4, fingerprint, sizeof(fingerprint));
	unit_expect_bytes("time and nonce", "6553f100 07000000 00000000 000000aa", ticket + 12, 16);
}

/* Computed by another implementation of BLAKE2b (Python's hashlib) from the layout of the header. */
static void is_what_others_compute(void **state)
{
	struct address destination = destination_of("192.0.2.1:443");
	uint8_t ticket[TICKET_BYTES];

	make(NOW_S, 7, &destination, ticket);
	unit_expect_bytes("ticket",
			  "010000008f08f5deee7e93b56553f1000700000000000000000000aa7c502af7a5e2542167afea513e649057",
			  ticket, sizeof(ticket));
}

static void a_converter_proves_that_it_has_the_key(void **state)
{
	struct address destination = destination_of("192.0.2.1:443"), converter = destination_of("203.0.113.7:5124"),
		       elsewhere = destination_of("203.0.113.8:5124");
	uint8_t ticket[TICKET_BYTES], proof[TICKET_PROOF_BYTES], other_key[TICKET_KEY_BYTES] = { 0 };

	make(NOW_S, 7, &destination, ticket);
	ticket_prove(ticket, key, &converter, proof);
	unit_expect_bytes("proof, as others compute it", "035a9139ab93a54f90e999990c200169", proof, sizeof(proof));
	assert_true(ticket_is_proof(proof, ticket, key, &converter));
	assert_false(ticket_is_proof(proof, ticket, key, &elsewhere));   /* handed on */
	assert_false(ticket_is_proof(proof, ticket, other_key, &converter));
	make(NOW_S, 8, &destination, ticket);
	assert_false(ticket_is_proof(proof, ticket, key, &converter));   /* kept from before */
	make(NOW_S, 7, &destination, ticket);
	/* the ticket's own */
	assert_false(ticket_is_proof(ticket + TICKET_BYTES - TICKET_PROOF_BYTES, ticket, key, &converter));
}

/* In the answer to a question, as the client hears it. */
static void an_offer_brings_a_proof(void **state)
{
	static const uint8_t proof[SIGNALLING_PROOF_BYTES] = { 1, 2, 3, [15] = 0xff };
	struct unit_bytes asked = unit_hex("01072263 01010000 cf050000 01020300 00000000 00000000 000000ff");
	uint8_t offer[SIGNALLING_MESSAGE_BYTES], out[SIGNALLING_MESSAGE_BYTES];
	size_t n = scheme_convert.server_offer(&(struct signalling_offer){ .kin = true, .proof = proof }, offer);
	struct conversation client = { 0 }, server = { 0 };
	struct signalling_request request;
	struct signalling_step step = scheme_convert.client_feed(&client, offer, n, out);

	unit_expect_bytes("offer",
			  "010b2263 15020000 04081e00 c1030002 00000000 00000000 cf050000 01020300 00000000 00000000 "
			  "000000ff", offer, n);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_true(step.kin && step.has_proof);
	assert_memory_equal(step.proof, proof, sizeof(proof));
	n = scheme_convert.server_offer(&(struct signalling_offer){ .kin = true }, offer);
	assert_false(scheme_convert.client_feed(&client, offer, n, out).has_proof);
	step = scheme_convert.server_feed(&server, asked.at, asked.n, out, &request);   /* no client sends one */
	assert_int_equal(step.verdict, SIGNALLING_REFUSED);
}

static void proves_its_key_and_destination(void **state)
{
	static const char *const others[] = { "192.0.2.1:444", "192.0.2.2:443", "[2001:db8::1]:443", "192.0.2.1:0" };
	struct address destination = destination_of("192.0.2.1:443");
	uint8_t bytes[TICKET_BYTES], other_key[TICKET_KEY_BYTES];
	struct ticket ticket;

	make(NOW_S, 7, &destination, bytes);
	assert_int_equal(ticket_get(&ticket, bytes, sizeof(bytes)), 0);
	assert_int_equal(ticket.time_s, NOW_S);
	assert_int_equal(ticket.nonce[0], 7);
	assert_int_equal(ticket_verify(bytes, sizeof(bytes), key, &destination), 0);
	for (size_t i = 0; i < 8 * sizeof(other_key); i++) {
		memcpy(other_key, key, sizeof(key));
		other_key[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(ticket_verify(bytes, sizeof(bytes), other_key, &destination), TICKET_E_MAC);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct address other = destination_of(others[i]);

		assert_int_equal(ticket_verify(bytes, sizeof(bytes), key, &other), TICKET_E_MAC);
	}
}

static void no_bit_can_be_changed(void **state)
{
	struct address destination = destination_of("[2001:db8::1]:443");
	uint8_t bytes[TICKET_BYTES];

	make(NOW_S, 7, &destination, bytes);
	for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(ticket_verify(bytes, sizeof(bytes), key, &destination),
				 i < 32 ? TICKET_E_SYNTAX : TICKET_E_MAC);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(ticket_verify(bytes, sizeof(bytes), key, &destination), 0);
}

static void every_other_length_is_none(void **state)
{
	struct address destination = destination_of("192.0.2.1:443");
	uint8_t bytes[TICKET_BYTES + 8] = { 0 };
	struct ticket ticket;

	make(NOW_S, 7, &destination, bytes);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		uint8_t *copy = unit_copy(bytes, n);
		int expected = n == TICKET_BYTES ? 0 : TICKET_E_SYNTAX;

		assert_int_equal(ticket_get(&ticket, copy, n), expected);
		assert_int_equal(ticket_verify(copy, n, key, &destination), expected);
		free(copy);
	}
}

static void keys_have_fingerprints_of_their_own(void **state)
{
	uint8_t one[TICKET_FINGERPRINT_BYTES], two[TICKET_FINGERPRINT_BYTES], other[TICKET_KEY_BYTES];

	memcpy(other, key, sizeof(key));
	other[TICKET_KEY_BYTES - 1] ^= 1;
	ticket_fingerprint(key, one);
	ticket_fingerprint(other, two);
	assert_memory_not_equal(one, two, sizeof(one));
	ticket_fingerprint(key, two);
	assert_memory_equal(one, two, sizeof(one));
}

/* As the converter does: prove first, then look at time and nonce. */
static int admit(struct replay *replay, const uint8_t *bytes, const struct address *destination, uint32_t now_s)
{
	struct ticket ticket;
	uint64_t holder = 0;

	assert_int_equal(ticket_verify(bytes, TICKET_BYTES, key, destination), 0);
	assert_int_equal(ticket_get(&ticket, bytes, TICKET_BYTES), 0);
	return replay_admit(replay, ticket.nonce, sizeof(ticket.nonce), ticket.time_s, now_s, &holder);
}

static void counts_once_and_in_time(void **state)
{
	static const struct { uint32_t time_s; int expected; } cases[] = {
		{ NOW_S, 0 }, { NOW_S - WINDOW_S, 0 }, { NOW_S + WINDOW_S, 0 },
		{ NOW_S - WINDOW_S - 1, REPLAY_E_STALE }, { NOW_S + WINDOW_S + 1, REPLAY_E_STALE },
		{ 0, REPLAY_E_STALE }, { UINT32_MAX, REPLAY_E_STALE },
	};
	struct address destination = destination_of("192.0.2.1:443");
	struct replay *replay;
	uint8_t bytes[TICKET_BYTES];

	assert_int_equal(replay_new(1024, WINDOW_S, &replay), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make(cases[i].time_s, (uint8_t)i, &destination, bytes);
		assert_int_equal(admit(replay, bytes, &destination, NOW_S), cases[i].expected);
		assert_int_equal(admit(replay, bytes, &destination, NOW_S),
				 cases[i].expected ? cases[i].expected : REPLAY_E_SEEN);
	}
	replay_freep(&replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_layout_of_its_header),
		cmocka_unit_test(is_what_others_compute),
		cmocka_unit_test(a_converter_proves_that_it_has_the_key), cmocka_unit_test(an_offer_brings_a_proof),
		cmocka_unit_test(proves_its_key_and_destination), cmocka_unit_test(no_bit_can_be_changed),
		cmocka_unit_test(every_other_length_is_none),
		cmocka_unit_test(keys_have_fingerprints_of_their_own),
		cmocka_unit_test(counts_once_and_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
