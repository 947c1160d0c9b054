/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's SOCKS5 conversation. The input: a byte that chooses the pieces, a byte of flags (with a password; a
 * question; listens; pipelined), then what the server says. The verdict is the same in pieces and whole; what the
 * client says in either case is what our server asks for.
 */
#include "fuzz.h"

#include "signalling/scheme.h"

enum { WITH_PASSWORD = 1, QUESTION = 2, LISTENS = 4, PIPELINED = 8 };

struct said {
	struct conversation conversation;
	struct signalling_step step;
	uint8_t bytes[SIGNALLING_MESSAGE_BYTES];
	size_t n, n_taken;
	bool listening;
};

static void begin(struct said *said, const struct signalling_request *request)
{
	said->step = scheme_socks5.client_begin(&said->conversation, request, said->bytes);
	said->n = said->step.n_out;
	expect(said->step.verdict == SIGNALLING_NEED_MORE && said->n);
}

static bool feed(struct said *said, const uint8_t *bytes, size_t n)
{
	do {
		uint8_t *copy = fuzz_copy(bytes + said->n_taken, n - said->n_taken), out[SIGNALLING_MESSAGE_BYTES];

		said->step = scheme_socks5.client_feed(&said->conversation, copy, n - said->n_taken, out);
		free(copy);
		expect(said->step.n_consumed <= n - said->n_taken &&
		       (unsigned int)said->step.result.outcome < OUTCOME_N);
		said->n_taken += said->step.n_consumed;
		expect(said->n + said->step.n_out <= sizeof(said->bytes));
		memcpy(said->bytes + said->n, out, said->step.n_out);
		said->n += said->step.n_out;
		expect(said->step.verdict != SIGNALLING_LISTENING || !said->listening);
		said->listening |= said->step.verdict == SIGNALLING_LISTENING;
	} while (said->step.verdict == SIGNALLING_LISTENING);
	return said->step.verdict == SIGNALLING_NEED_MORE;
}

/* What a client that was let in has said. */
static void check(const struct said *said, const struct signalling_request *request)
{
	struct conversation c = { .anonymous = 1 };
	struct signalling_request heard;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step = scheme_socks5.server_feed(&c, said->bytes, said->n, out, &heard);
	size_t n = step.n_consumed;

	if (request->n_user) {
		expect(step.verdict == SIGNALLING_CREDENTIAL && heard.n_user == request->n_user &&
		       !memcmp(heard.user, request->user, heard.n_user));
		scheme_socks5.server_admit(&c, true, out);
		step = scheme_socks5.server_feed(&c, said->bytes + n, said->n - n, out, &heard);
		n += step.n_consumed;
	}
	expect(n == said->n && step.verdict == (request->probe ? SIGNALLING_ANSWERED : SIGNALLING_DONE));
	expect(request->probe ||
	       (address_equal(&heard.destination, &request->destination) && heard.listens == request->listens));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct signalling_request request = { .destination = address_from_v4(0x010200c0, 443) };
	struct said whole = { .n = 0 }, pieces = whole;
	uint32_t state;
	size_t n_fed = 0;

	if (n < 2)
		return 0;
	state = bytes[0];
	request.n_user = request.n_password = bytes[1] & WITH_PASSWORD;
	memset(request.user, 'u', sizeof(request.user));
	memset(request.password, 'p', sizeof(request.password));
	request.probe = !!(bytes[1] & QUESTION);
	request.listens = !!(bytes[1] & LISTENS);
	request.pipelined = !!(bytes[1] & PIPELINED);
	bytes += 2;
	n -= 2;
	begin(&whole, &request);
	begin(&pieces, &request);
	feed(&whole, bytes, n);
	do {
		n_fed = fuzz_more(n_fed, n, &state);
	} while (feed(&pieces, bytes, n_fed) && n_fed < n);
	expect(whole.step.verdict == pieces.step.verdict && whole.step.result.outcome == pieces.step.result.outcome);
	expect(whole.n_taken == pieces.n_taken && whole.n == pieces.n && !memcmp(whole.bytes, pieces.bytes, whole.n));
	if (whole.step.verdict == SIGNALLING_DONE)
		check(&whole, &request);
	return 0;
}
