/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a converter tells of a session from its side: in pieces as whole, and what is heard can be said again. The
 * first byte chooses the pieces. */
#include "fuzz.h"

#include "signalling/scheme.h"

struct told {
	struct signalling_step step;
	struct signalling_inbound inbound;
	uint8_t first[SIGNALLING_MESSAGE_BYTES];   /* inbound borrows from what is freed */
};

static struct told hear(const uint8_t *bytes, size_t n)
{
	struct told told = { .inbound.remote.port = 0 };
	uint8_t *copy = fuzz_copy(bytes, n);

	told.step = scheme_convert.client_inbound(copy, n, &told.inbound);
	if (told.step.verdict == SIGNALLING_DONE) {
		expect(told.inbound.first.n <= n);
		if (told.inbound.first.n)
			memcpy(told.first, told.inbound.first.at, told.inbound.first.n);
		told.inbound.first.at = NULL;
	}
	free(copy);
	expect(told.step.verdict != SIGNALLING_ANSWERED && told.step.n_consumed <= n && !told.step.n_out);
	expect((told.step.verdict == SIGNALLING_DONE) == (told.step.n_consumed > 0));
	return told;
}

static bool same(const struct told *a, const struct told *b)
{
	if (a->step.verdict == SIGNALLING_DONE &&
	    (a->inbound.again != b->inbound.again || a->inbound.first.n != b->inbound.first.n ||
	     memcmp(a->first, b->first, a->inbound.first.n)))
		return false;
	return a->step.verdict == b->step.verdict && address_equal(&a->inbound.remote, &b->inbound.remote) &&
	       address_equal(&a->inbound.host, &b->inbound.host) &&
	       !memcmp(a->inbound.claim, b->inbound.claim, sizeof(a->inbound.claim));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct told whole, pieces = { .step.verdict = SIGNALLING_NEED_MORE }, again;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	uint32_t state;
	size_t n_fed = 0;

	if (n < 2)
		return 0;
	state = *bytes++;
	n--;
	whole = hear(bytes, n);
	while (n_fed < n && pieces.step.verdict == SIGNALLING_NEED_MORE) {
		n_fed = fuzz_more(n_fed, n, &state);
		pieces = hear(bytes, n_fed);
	}
	expect(same(&whole, &pieces) && whole.step.n_consumed == pieces.step.n_consumed);
	if (whole.step.verdict != SIGNALLING_DONE)
		return 0;
	whole.inbound.first.at = whole.first;
	if (whole.inbound.first.n > SIGNALLING_FIRST_BYTES)   /* a message without a word too many has more room for
							       * them */
		return 0;
	again = hear(out, scheme_convert.server_inbound(&whole.inbound, out));
	expect(same(&whole, &again));
	return 0;
}
