/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a converter says of one connection on another: in pieces as whole, and what is heard can be said again. The
 * first byte chooses the pieces. */
#include "fuzz.h"

#include "signalling/scheme.h"

struct early {
	struct signalling_step step;
	uint8_t nonce[SIGNALLING_NONCE_BYTES];
};

static struct early hear(const uint8_t *bytes, size_t n)
{
	struct early early = { .nonce = { 0 } };
	uint8_t *copy = fuzz_copy(bytes, n);

	early.step = scheme_convert.client_early(copy, n, early.nonce);
	free(copy);
	expect(early.step.verdict != SIGNALLING_ANSWERED && early.step.n_consumed <= n && !early.step.n_out);
	expect((early.step.verdict == SIGNALLING_DONE) == (early.step.n_consumed > 0));
	expect((unsigned int)early.step.result.outcome < OUTCOME_N);
	return early;
}

static bool same(const struct early *a, const struct early *b)
{
	return a->step.verdict == b->step.verdict && a->step.result.outcome == b->step.result.outcome &&
	       a->step.result.icmp_code == b->step.result.icmp_code &&
	       a->step.result.retry_after_s == b->step.result.retry_after_s &&
	       !memcmp(a->nonce, b->nonce, sizeof(a->nonce));
}

/* Another kind of message on such a connection: what is one is written again as it was. */
static void hear_host(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n), out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_host_message message, again;
	struct signalling_step step = scheme_convert.host_get(copy, n, &message);

	expect((step.verdict == SIGNALLING_DONE) == (step.n_consumed > 0) && step.n_consumed <= n);
	if (step.verdict == SIGNALLING_DONE) {
		step = scheme_convert.host_get(out, scheme_convert.host_put(&message, out), &again);
		expect(step.verdict == SIGNALLING_DONE && again.id == message.id &&
		       again.message.n == message.message.n);
		expect(address_equal(&again.host, &message.host) &&
		       !memcmp(again.message.at, message.message.at, message.message.n));
	}
	free(copy);
}

static void hear_limited(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n), out[SIGNALLING_MESSAGE_BYTES];
	enum signalling_limited what, again;
	struct signalling_step step = scheme_convert.client_limited(copy, n, &what);

	expect((step.verdict == SIGNALLING_DONE) == (step.n_consumed > 0) && step.n_consumed <= n);
	if (step.verdict == SIGNALLING_DONE)
		expect(scheme_convert.client_limited(out, scheme_convert.server_limited(what, out), &again).verdict ==
		       SIGNALLING_DONE && again == what);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct early whole, pieces = { .step.verdict = SIGNALLING_NEED_MORE }, again;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	uint32_t state;
	size_t n_fed = 0;

	if (n < 2)
		return 0;
	state = *bytes++;
	n--;
	hear_host(bytes, n);
	hear_limited(bytes, n);
	whole = hear(bytes, n);
	while (n_fed < n && pieces.step.verdict == SIGNALLING_NEED_MORE) {
		n_fed = fuzz_more(n_fed, n, &state);
		pieces = hear(bytes, n_fed);
	}
	expect(same(&whole, &pieces) && whole.step.n_consumed == pieces.step.n_consumed);
	if (whole.step.verdict != SIGNALLING_DONE)
		return 0;
	again = hear(out, scheme_convert.server_early(whole.nonce, &whole.step.result, out));
	if (whole.step.result.outcome == OUTCOME_MISSING_CREDENTIAL)
		whole.step.result.outcome = OUTCOME_NOT_AUTHORISED;   /* one error for both (doc/wire.md) */
	expect(same(&whole, &again));
	return 0;
}
