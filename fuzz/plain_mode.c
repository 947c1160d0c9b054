/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain mode, both sides. A server hears the input whole and in pieces of sizes that its first byte chooses: the
 * verdict is the same, what it takes is what it echoes, and is written back unchanged. A client takes exactly what it
 * has sent.
 */
#include "fuzz.h"

#include "signalling/scheme.h"
#include "wire/plain_mode.h"

static const struct signalling_result connected = { .outcome = OUTCOME_CONNECTED };

static struct signalling_step hear(struct conversation *c, const uint8_t *bytes, size_t n,
				   struct signalling_request *request)
{
	uint8_t *copy = fuzz_copy(bytes, n), out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = scheme_plain_mode.server_feed(c, copy, n, out, request);

	free(copy);
	expect(step.n_consumed <= n && !step.n_out);
	expect(step.verdict == SIGNALLING_DONE || !step.n_consumed);
	return step;
}

static struct signalling_step hear_in_pieces(struct conversation *c, const uint8_t *bytes, size_t n, uint32_t state,
					     struct signalling_request *request)
{
	struct signalling_step step = hear(c, bytes, 0, request);
	size_t n_fed = 0;

	while (n_fed < n && step.verdict == SIGNALLING_NEED_MORE) {
		n_fed = fuzz_more(n_fed, n, &state);
		step = hear(c, bytes, n_fed, request);
	}
	return step;
}

static void check_echo(struct conversation *c, const uint8_t *bytes, size_t n)
{
	uint8_t echo[SIGNALLING_MESSAGE_BYTES], room[PLAIN_MODE_BYTES];
	size_t n_echo = scheme_plain_mode.server_answer(c, &connected, echo);
	struct plain_mode message;

	expect(n_echo == n && !memcmp(echo, bytes, n));
	expect(!plain_mode_get(&message, bytes, n) && message.n_bytes == n);
	expect(plain_mode_put(&message, room) == n && !memcmp(room, bytes, n));
}

static void check_client(const struct signalling_request *request, const uint8_t *bytes, size_t n)
{
	struct conversation c;
	uint8_t out[SIGNALLING_MESSAGE_BYTES], sent[SIGNALLING_MESSAGE_BYTES];
	size_t n_sent = scheme_plain_mode.client_begin(&c, request, sent).n_out;
	struct signalling_step step = scheme_plain_mode.client_feed(&c, bytes, n, out);
	bool same = n >= n_sent && !memcmp(bytes, sent, n_sent);

	expect((step.verdict == SIGNALLING_DONE) == same);
	expect(!same || step.n_consumed == n_sent);
	expect(scheme_plain_mode.client_feed(&c, sent, n_sent, out).verdict == SIGNALLING_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct conversation whole = { 0 }, pieces = { 0 };
	struct signalling_request request = { 0 }, again = { 0 };
	struct signalling_step step, other;

	if (!n)
		return 0;
	step = hear(&whole, bytes + 1, n - 1, &request);
	other = hear_in_pieces(&pieces, bytes + 1, n - 1, bytes[0], &again);
	expect(step.verdict == other.verdict && step.n_consumed == other.n_consumed &&
	       step.result.outcome == other.result.outcome);
	if (step.verdict != SIGNALLING_DONE)
		return 0;
	expect(address_equal(&request.destination, &again.destination) &&
	       address_equal(&request.source, &again.source));
	check_echo(&whole, bytes + 1, step.n_consumed);
	check_client(&request, bytes + 1, n - 1);
	return 0;
}
