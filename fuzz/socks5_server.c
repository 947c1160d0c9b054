/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's SOCKS5 conversation, in one piece and in pieces of sizes that the first byte of the input chooses: the
 * same verdict, the same bytes said and the same bytes taken. The second byte says whether the client may come without
 * a credential, and whether the one that it shows is good.
 */
#include "fuzz.h"

#include "signalling/scheme.h"

struct heard {
	struct conversation conversation;
	enum signalling_verdict verdict;
	enum signalling_outcome outcome;
	struct address destination;
	size_t n_name, n_said;
	uint8_t said[SIGNALLING_MESSAGE_BYTES];
	size_t n_taken;
};

static void say(struct heard *h, const uint8_t *bytes, size_t n)
{
	expect(h->n_said + n <= sizeof(h->said));
	memcpy(h->said + h->n_said, bytes, n);
	h->n_said += n;
}

/* All that there is so far, behind what was taken; false: there is a verdict. */
static bool feed(struct heard *h, bool good, const uint8_t *bytes, size_t n)
{
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_request request;

	for (;;) {
		uint8_t *copy = fuzz_copy(bytes + h->n_taken, n - h->n_taken);
		struct signalling_step step = scheme_socks5.server_feed(&h->conversation, copy, n - h->n_taken, out,
									&request);

		free(copy);
		expect(step.n_consumed <= n - h->n_taken);
		h->n_taken += step.n_consumed;
		say(h, out, step.n_out);
		h->verdict = step.verdict;
		h->outcome = step.result.outcome;
		h->destination = request.destination;
		h->n_name = request.name.n;
		if (step.verdict != SIGNALLING_CREDENTIAL)
			return step.verdict == SIGNALLING_NEED_MORE;
		expect(request.n_user && request.n_password);
		say(h, out, scheme_socks5.server_admit(&h->conversation, good, out));
		if (!good)
			return false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct heard whole = { .n_said = 0 }, pieces;
	uint32_t state;
	bool good;
	size_t n_fed = 0;

	if (n < 2)
		return 0;
	state = bytes[0];
	good = bytes[1] & 1;
	whole.conversation.anonymous = bytes[1] >> 1 & 1;
	pieces = whole;
	bytes += 2;
	n -= 2;
	feed(&whole, good, bytes, n);
	do {
		n_fed = fuzz_more(n_fed, n, &state);
	} while (feed(&pieces, good, bytes, n_fed) && n_fed < n);
	expect(whole.verdict == pieces.verdict && whole.outcome == pieces.outcome && whole.n_taken == pieces.n_taken);
	expect(whole.n_said == pieces.n_said && !memcmp(whole.said, pieces.said, whole.n_said));
	expect(address_equal(&whole.destination, &pieces.destination) && whole.n_name == pieces.n_name);
	return 0;
}
