/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's conversation, in one piece and in pieces of sizes that the first byte of the input chooses: the verdict is
 * the same, and each answer is a message that a client takes.
 */
#include "fuzz.h"

#include "signalling/scheme.h"
#include "wire/convert.h"

#define CODE_AT 6   /* of the error, in an answer that is an Error TLV alone */

struct heard {
	struct conversation conversation;
	struct signalling_step step;
	struct signalling_request request;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
};

static void hear(struct heard *h, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n);

	h->step = scheme_convert.server_feed(&h->conversation, copy, n, h->out, &h->request);
	free(copy);
	expect(h->step.n_consumed <= n && h->step.n_out <= sizeof(h->out));
	if (h->step.verdict == SIGNALLING_NEED_MORE)
		expect(!h->step.n_consumed && !h->step.n_out);
}

static void hear_in_pieces(struct heard *h, const uint8_t *bytes, size_t n, uint32_t seed)
{
	size_t n_fed = 0;

	while (n_fed < n) {
		n_fed = fuzz_more(n_fed, n, &seed);
		hear(h, bytes, n_fed);
		if (h->step.verdict != SIGNALLING_NEED_MORE)
			return;
	}
}

/* What is no Convert message at all is echoed as far as it came. */
static bool same_answer(const struct heard *a, const struct heard *b)
{
	if (!a->step.n_out || !b->step.n_out || a->out[CODE_AT] != CONVERT_ERROR_MALFORMED_MESSAGE)
		return a->step.n_out == b->step.n_out && !memcmp(a->out, b->out, a->step.n_out);
	return !memcmp(a->out + CODE_AT, b->out + CODE_AT, 2 + CONVERT_HEADER_BYTES);
}

static void check_request(const struct heard *a, const struct heard *b)
{
	expect(address_equal(&a->request.destination, &b->request.destination));
	expect(address_equal(&a->request.source, &b->request.source));
	expect(a->request.wants_mptcp == b->request.wants_mptcp);
	expect(a->request.n_credential == b->request.n_credential);
	expect(a->request.has_claim == b->request.has_claim &&
	       a->request.failure.outcome == b->request.failure.outcome);
	expect(!memcmp(a->request.claim, b->request.claim, sizeof(a->request.claim)));
	expect(!memcmp(a->request.credential, b->request.credential, a->request.n_credential));
}

static enum signalling_verdict verdict_of_client(const uint8_t *answer, size_t n, enum signalling_outcome *outcome)
{
	const struct signalling_request request = { .probe = 1 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct conversation conversation;
	struct signalling_step step;

	scheme_convert.client_begin(&conversation, &request, out);
	step = scheme_convert.client_feed(&conversation, answer, n, out);
	expect(step.n_consumed == n);
	*outcome = step.result.outcome;
	return step.verdict;
}

static void check_answers(struct heard *h)
{
	for (unsigned int i = 0; i < OUTCOME_N; i++) {
		struct signalling_result result = { .outcome = i, .icmp_code = 3, .mss_bytes = 1460, .window_scale = 7,
						    .sack = 1, .timestamps = 1 };
		size_t n = scheme_convert.server_answer(&h->conversation, &result, h->out);
		enum signalling_outcome heard;

		expect(n >= CONVERT_HEADER_BYTES);
		expect(verdict_of_client(h->out, n, &heard) ==
		       (i == OUTCOME_CONNECTED ? SIGNALLING_DONE : SIGNALLING_REFUSED));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct heard whole = { .request.wants_mptcp = 0 }, pieces = whole;
	enum signalling_outcome outcome;

	if (n < 2)
		return 0;
	hear(&whole, bytes + 1, n - 1);
	hear_in_pieces(&pieces, bytes + 1, n - 1, bytes[0]);
	expect(whole.step.verdict == pieces.step.verdict);
	expect(whole.step.n_consumed == pieces.step.n_consumed);
	expect(whole.step.result.outcome == pieces.step.result.outcome);
	expect(same_answer(&whole, &pieces));
	if (whole.step.verdict == SIGNALLING_REFUSED && whole.step.n_out) {
		expect(verdict_of_client(whole.out, whole.step.n_out, &outcome) == SIGNALLING_REFUSED);
		expect(outcome == whole.step.result.outcome);
	} else if (whole.step.verdict == SIGNALLING_ANSWERED) {
		expect(verdict_of_client(whole.out, whole.step.n_out, &outcome) == SIGNALLING_DONE);
	} else if (whole.step.verdict == SIGNALLING_DONE) {
		check_request(&whole, &pieces);
		check_answers(&whole);
	}
	return 0;
}
