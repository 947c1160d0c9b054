/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions from the converter's side: the offer, what is told on a watch, and the claim. */
#include "unit.h"

#include "signalling/scheme.h"

#define CONNECT "0a0501bb 00000000000000000000ffff c0000201"
#define CLAIM "c3070000 000102030405060708090a0b0c0d0e0f1011121314151617"
#define BEHIND "c4050050 00000000000000000000ffff c0a8010a"
#define NONCE "c2040000 000102030405060708090a0b"

static const struct scheme *const scheme = &scheme_convert;

struct heard {
	struct signalling_step step;
	struct signalling_request request;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
};

static struct heard server_hears(const char *hex)
{
	struct unit_bytes in = unit_hex(hex);
	struct conversation conversation = { 0 };
	uint8_t *copy = unit_copy(in.at, in.n);
	struct heard h = { .request.probe = 0 };

	h.step = scheme->server_feed(&conversation, copy, in.n, h.out, &h.request);
	free(copy);
	return h;
}

static size_t begin(const struct signalling_request *request, uint8_t *out)
{
	struct conversation conversation;

	return scheme->client_begin(&conversation, request, out).n_out;
}

static void expect_step(const struct heard *h, enum signalling_verdict verdict, size_t n_consumed)
{
	assert_int_equal(h->step.verdict, verdict);
	assert_int_equal(h->step.n_consumed, n_consumed);
}

static void expect_refused(const char *hex, const char *answer)
{
	struct heard h = server_hears(hex);

	expect_step(&h, SIGNALLING_REFUSED, 0);
	assert_int_equal(h.step.result.outcome, OUTCOME_UNSUPPORTED_MESSAGE);
	unit_expect_bytes(hex, answer, h.out, h.step.n_out);
}

static void a_gateway_takes_inbound_or_not(void **state)
{
	struct signalling_request request = { .probe = 1, .takes_inbound = 1 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct heard h = server_hears("01022263 01010000");

	expect_step(&h, SIGNALLING_ANSWERED, 8);
	assert_false(h.request.takes_inbound);
	unit_expect_bytes("Info, offer", "01032263 01010000 c3010000", out, begin(&request, out));
	h = server_hears("01032263 01010000 c3010000");
	expect_step(&h, SIGNALLING_ANSWERED, 12);
	assert_true(h.request.takes_inbound && !h.request.has_claim);
}

static struct signalling_step hears_inbound(const uint8_t *in, size_t n, struct signalling_inbound *inbound)
{
	uint8_t *copy = unit_copy(in, n);
	struct signalling_step step = scheme->client_inbound(copy, n, inbound);

	free(copy);
	return step;
}

static void a_session_from_the_servers_side_is_told(void **state)
{
	struct signalling_inbound inbound =
		{ .claim = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23 } },
		heard;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct signalling_step step;
	size_t n;

	assert_int_equal(address_parse(&inbound.remote, "192.0.2.1:443", 0), 0);
	assert_int_equal(address_parse(&inbound.host, "192.168.1.10:80", 0), 0);
	n = scheme->server_inbound(&inbound, out);
	unit_expect_bytes("told", "01122263" CONNECT CLAIM BEHIND, out, n);
	for (size_t n_in = 0; n_in < n; n_in++)
		assert_int_equal(hears_inbound(out, n_in, &heard).verdict, SIGNALLING_NEED_MORE);
	step = hears_inbound(out, n, &heard);
	assert_int_equal(step.verdict, SIGNALLING_DONE);
	assert_int_equal(step.n_consumed, n);
	assert_true(address_equal(&heard.remote, &inbound.remote) && address_equal(&heard.host, &inbound.host));
	assert_memory_equal(heard.claim, inbound.claim, sizeof(heard.claim));
}

static void what_the_remote_host_says_first_goes_along(void **state)
{
	struct signalling_inbound inbound = { .remote.port = 443, .host.port = 80 }, heard;
	uint8_t first[SIGNALLING_FIRST_BYTES + 1], out[SIGNALLING_MESSAGE_BYTES];
	size_t n;

	memset(first, 0xa5, sizeof(first));
	for (inbound.first = (struct bytes){ first, 0 }; inbound.first.n <= SIGNALLING_FIRST_BYTES; inbound.first.n++) {
		n = scheme->server_inbound(&inbound, out);
		assert_true(n);
		assert_int_equal(scheme->client_inbound(out, n, &heard).verdict, SIGNALLING_DONE);
		assert_int_equal(heard.first.n, inbound.first.n);
		if (heard.first.n)
			assert_memory_equal(heard.first.at, first, heard.first.n);
	}
	assert_int_equal(scheme->server_inbound(&inbound, out), 0);   /* one byte more finds no place */
	inbound.first.n = 0;
	inbound.again = true;
	n = scheme->server_inbound(&inbound, out);
	assert_int_equal(scheme->client_inbound(out, n, &heard).verdict, SIGNALLING_DONE);
	assert_true(heard.again && !heard.first.n);
	inbound.again = false;
	n = scheme->server_inbound(&inbound, out);
	assert_int_equal(scheme->client_inbound(out, n, &heard).verdict, SIGNALLING_DONE);
	assert_false(heard.again);
}

static void what_tells_of_no_session(void **state)
{
	static const char *const messages[] = { "01012263", "010d2263" CONNECT CLAIM, "010b2263" CONNECT BEHIND,
						"010d2263" CLAIM BEHIND, "01052263" NONCE,
						"010c2263" CONNECT "c3010000" BEHIND, "02122263" CONNECT CLAIM BEHIND,
						"47455420" };

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		struct unit_bytes m = unit_hex(messages[i]);
		struct signalling_inbound inbound;
		struct signalling_step step = hears_inbound(m.at, m.n, &inbound);

		assert_int_equal(step.verdict, SIGNALLING_REFUSED);
		assert_int_equal(step.n_consumed, 0);
	}
}

static void a_claim_says_whether_its_host_is_there(void **state)
{
	struct signalling_request request = { .has_claim = 1 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct heard h;

	assert_int_equal(address_parse(&request.destination, "192.0.2.1:443", 0), 0);
	for (size_t i = 0; i < sizeof(request.claim); i++)
		request.claim[i] = (uint8_t)i;
	unit_expect_bytes("claim", "010d2263" CONNECT CLAIM, out, begin(&request, out));
	request.failure.outcome = OUTCOME_REFUSED;
	unit_expect_bytes("claim, refused", "010e2263" CONNECT CLAIM "1e016000", out, begin(&request, out));
	h = server_hears("010d2263" CONNECT CLAIM);
	expect_step(&h, SIGNALLING_DONE, 52);
	assert_true(address_equal(&h.request.destination, &request.destination));
	assert_true(h.request.has_claim && h.request.failure.outcome == OUTCOME_CONNECTED);
	assert_memory_equal(h.request.claim, request.claim, sizeof(request.claim));
	h = server_hears("010e2263" CONNECT CLAIM "1e0161ff");
	expect_step(&h, SIGNALLING_DONE, 56);
	assert_int_equal(h.request.failure.outcome, OUTCOME_TIMED_OUT);
	h = server_hears("01072263" CONNECT "1e016000");   /* without a claim it says nothing */
	expect_step(&h, SIGNALLING_DONE, 28);
	assert_true(!h.request.has_claim && h.request.failure.outcome == OUTCOME_CONNECTED);
}

static void a_claim_says_how_much_its_host_has(void **state)
{
	struct signalling_request request = { .has_claim = 1, .n_first = 258 };
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	struct heard h;

	assert_int_equal(address_parse(&request.destination, "192.0.2.1:443", 0), 0);
	for (size_t i = 0; i < sizeof(request.claim); i++)
		request.claim[i] = (uint8_t)i;
	unit_expect_bytes("claim, 258", "010e2263" CONNECT CLAIM "c9010102", out, begin(&request, out));
	h = server_hears("010e2263" CONNECT CLAIM "c9010102");
	expect_step(&h, SIGNALLING_DONE, 56);
	assert_int_equal(h.request.n_first, 258);
	expect_refused("01072263" CONNECT "c9010001", "01092263 1e080200 01072263" CONNECT "c9010001");
	expect_refused("010f2263" CONNECT CLAIM "1e016000 c9010001",
		       "01112263 1e100200 010f2263" CONNECT CLAIM "1e016000 c9010001");
	expect_refused("010f2263" CONNECT CLAIM "c9020001 a5000000",
		       "01112263 1e100200 010f2263" CONNECT CLAIM "c9020001 a5000000");
	expect_refused("01032263 01010000 c9010001", "01052263 1e040200 01032263 01010000 c9010001");
}

static void claims_that_make_no_sense(void **state)
{
	expect_refused("01072263" CONNECT "c3010000", "01092263 1e080200 01072263" CONNECT "c3010000");
	expect_refused("01092263 01010000" CLAIM, "010b2263 1e0a0200 01092263 01010000" CLAIM);
	expect_refused("01022263 c3010000", "01042263 1e030200 01022263 c3010000");
	expect_refused("010b2263" CONNECT BEHIND, "010d2263 1e0c0200 010b2263" CONNECT BEHIND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_takes_inbound_or_not),
		cmocka_unit_test(a_session_from_the_servers_side_is_told),
		cmocka_unit_test(what_the_remote_host_says_first_goes_along),
		cmocka_unit_test(what_tells_of_no_session),
		cmocka_unit_test(a_claim_says_how_much_its_host_has),
		cmocka_unit_test(a_claim_says_whether_its_host_is_there),
		cmocka_unit_test(claims_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
