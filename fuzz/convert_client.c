/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's conversation. The input: a byte that chooses the pieces, a byte with the length of the credential, then
 * what the server says. The verdict is the same in pieces and whole; what the client asked is what our server hears.
 */
#include "fuzz.h"

#include "signalling/scheme.h"

static struct signalling_step hear(struct conversation *c, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n), out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = scheme_convert.client_feed(c, copy, n, out);

	free(copy);
	expect(step.n_consumed <= n && !step.n_out);
	expect((unsigned int)step.result.outcome < OUTCOME_N);
	if (step.verdict == SIGNALLING_NEED_MORE)
		expect(!step.n_consumed);
	if (step.verdict == SIGNALLING_DONE)
		expect(step.result.outcome == OUTCOME_CONNECTED && step.n_consumed);
	return step;
}

/* Asks, and hands what was asked to a server. */
static void ask(struct conversation *c, struct signalling_request *request)
{
	uint8_t message[SIGNALLING_MESSAGE_BYTES], out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step asked = scheme_convert.client_begin(c, request, message), step;
	struct conversation server = { .step = 0 };
	struct signalling_request heard;

	expect(asked.verdict == SIGNALLING_NEED_MORE && asked.n_out);
	step = scheme_convert.server_feed(&server, message, asked.n_out, out, &heard);
	expect(step.verdict == (request->probe ? SIGNALLING_ANSWERED : SIGNALLING_DONE));
	expect(step.n_consumed == asked.n_out);
	expect(heard.n_credential >= request->n_credential && heard.n_credential < request->n_credential + 4);
	expect(!memcmp(heard.credential, request->credential, request->n_credential));
	expect(request->probe || address_equal(&heard.destination, &request->destination));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct signalling_request request = { .destination = address_from_v4(0x010200c0, 443) };
	struct conversation c;
	struct signalling_step whole, pieces = { .verdict = SIGNALLING_NEED_MORE };
	uint32_t state;
	size_t n_fed = 0;

	if (n < 3)
		return 0;
	state = bytes[0];
	request.probe = bytes[1] >> 7;
	request.n_credential = (uint8_t)((bytes[1] & 0x7f) % (SIGNALLING_CREDENTIAL_BYTES + 1));
	memset(request.credential, bytes[0], sizeof(request.credential));
	ask(&c, &request);
	bytes += 2;
	n -= 2;
	whole = hear(&c, bytes, n);
	ask(&c, &request);
	while (n_fed < n && pieces.verdict == SIGNALLING_NEED_MORE) {
		n_fed = fuzz_more(n_fed, n, &state);
		pieces = hear(&c, bytes, n_fed);
	}
	expect(whole.verdict == pieces.verdict && whole.n_consumed == pieces.n_consumed);
	expect(whole.result.outcome == pieces.result.outcome);
	expect(whole.result.icmp_code == pieces.result.icmp_code &&
	       whole.result.retry_after_s == pieces.result.retry_after_s);
	return 0;
}
