/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway's own mappings: asked for, kept, moved, refused, given back. */
#include "unit_address.h"

#include "signalling/pcp_lease.h"

static struct pcp_lease lease_of(const char *host)
{
	return (struct pcp_lease){ .host = unit_address(host), .wanted_port = 8080, .nonce = { 128, 1, 2, 3 } };
}

static struct pcp_response granted(const struct pcp_lease *lease, const char *external, uint32_t lifetime_s)
{
	struct pcp_response response = { .opcode = PCP_MAP, .lifetime_s = lifetime_s,
					 .mapping = { .protocol = 6, .internal_port = lease->host.port,
						      .external = unit_address(external) } };

	memcpy(response.mapping.nonce, lease->nonce, sizeof(lease->nonce));
	return response;
}

static struct pcp_request read_back(const uint8_t *bytes, size_t n)
{
	struct pcp_request request;

	assert_int_equal(pcp_request_get(&request, bytes, n), 0);
	return request;
}

static void expect_suggested(const struct pcp_lease *lease, const char *suggested)
{
	uint8_t out[PCP_MESSAGE_BYTES];
	struct pcp_request request = read_back(out, pcp_lease_request(lease, false, out));

	assert_int_equal(request.opcode, PCP_MAP);
	assert_int_equal(request.lifetime_s, PCP_LEASE_S);
	assert_int_equal(request.mapping.internal_port, lease->host.port);
	assert_memory_equal(request.mapping.nonce, lease->nonce, sizeof(lease->nonce));
	assert_true(address_equal_ip(&request.client, &lease->host));
	unit_expect_address("suggested", suggested, &request.mapping.external);
}

static void it_is_asked_for_and_kept(void **state)
{
	struct pcp_lease lease = lease_of("10.0.0.9:80");
	struct pcp_response response = granted(&lease, "203.0.113.5:20001", 800);

	expect_suggested(&lease, "0.0.0.0:8080");
	pcp_lease_asked(&lease, 1000);
	assert_int_equal(lease.again_at_s, 1003);
	assert_true(pcp_lease_hear(&lease, &response, 1001));
	unit_expect_address("granted", "203.0.113.5:20001", &lease.external);
	assert_int_equal(lease.ends_at_s, 1801);
	assert_int_equal(lease.again_at_s, 1001 + 400 + 50);
	expect_suggested(&lease, "203.0.113.5:20001");
	assert_false(pcp_lease_hear(&lease, &response, 1451));   /* renewed */
	assert_int_equal(lease.ends_at_s, 2251);
	response = granted(&lease, "203.0.113.5:20002", 1);
	assert_true(pcp_lease_hear(&lease, &response, 1500));
	assert_int_equal(lease.again_at_s, 1504);
}

static void without_an_answer_it_is_asked_for_ever_more_rarely(void **state)
{
	struct pcp_lease lease = lease_of("[2001:db8::9]:80");
	static const unsigned int pauses_s[] = { 3, 6, 12, 24, 48, 96, 192, 192 };

	expect_suggested(&lease, "[::]:8080");
	for (size_t i = 0; i < ARRAY_SIZE(pauses_s); i++) {
		pcp_lease_asked(&lease, 100);
		assert_int_equal(lease.again_at_s, 100 + pauses_s[i]);
	}
	pcp_lease_forgotten(&lease, 200);
	assert_int_equal(lease.again_at_s, 200);
	pcp_lease_asked(&lease, 200);
	assert_int_equal(lease.again_at_s, 203);
}

static void a_refusal_is_not_for_ever(void **state)
{
	struct pcp_lease lease = lease_of("10.0.0.9:80");
	struct pcp_response response = granted(&lease, "0.0.0.0:0", 0);

	response.result = PCP_USER_EX_QUOTA;
	assert_true(pcp_lease_hear(&lease, &response, 100));
	assert_int_equal(lease.again_at_s, 130);
	response.lifetime_s = 86400;
	assert_false(pcp_lease_hear(&lease, &response, 200));   /* the same as before */
	assert_int_equal(lease.again_at_s, 2000);
	response.lifetime_s = 60;
	response.result = PCP_NO_RESOURCES;
	assert_true(pcp_lease_hear(&lease, &response, 300));
	assert_int_equal(lease.again_at_s, 360);
	assert_true(address_is_unspecified(&lease.external));
	response = granted(&lease, "203.0.113.5:20001", 100);
	assert_true(pcp_lease_hear(&lease, &response, 400));
}

static void what_is_about_something_else_says_nothing(void **state)
{
	struct pcp_lease lease = lease_of("10.0.0.9:80"), before = lease;
	struct pcp_response response;

	for (unsigned int i = 0; i < 4; i++) {
		response = granted(&lease, "203.0.113.5:20001", 100);
		if (!i)
			response.opcode = PCP_ANNOUNCE;
		if (i == 1)
			response.mapping.protocol = 17;
		if (i == 2)
			response.mapping.internal_port = 81;
		if (i == 3)
			response.mapping.nonce[11] ^= 1;
		assert_false(pcp_lease_hear(&lease, &response, 1));
		assert_memory_equal(&lease, &before, sizeof(lease));
	}
}

static void it_ends_when_nobody_answers_for_long(void **state)
{
	struct pcp_lease lease = lease_of("10.0.0.9:80");
	struct pcp_response response = granted(&lease, "203.0.113.5:20001", 100);

	assert_false(pcp_lease_turn(&lease, 0));
	pcp_lease_hear(&lease, &response, 0);
	assert_false(pcp_lease_turn(&lease, 99));
	assert_true(pcp_lease_turn(&lease, 100));
	assert_false(pcp_lease_turn(&lease, 101));
	assert_true(address_is_unspecified(&lease.external));
	expect_suggested(&lease, "[::]:20001");
	assert_true(pcp_lease_hear(&lease, &response, 200));
}

static void it_is_given_back(void **state)
{
	struct pcp_lease lease = lease_of("10.0.0.9:80");
	uint8_t out[PCP_MESSAGE_BYTES];
	struct pcp_request one = read_back(out, pcp_lease_request(&lease, true, out)),
			   all = read_back(out, pcp_lease_end_all(&lease, out));

	assert_int_equal(one.lifetime_s, 0);
	assert_int_equal(one.mapping.internal_port, 80);
	assert_int_equal(one.mapping.external.port, 0);
	assert_int_equal(all.lifetime_s, 0);
	assert_int_equal(all.mapping.internal_port, 0);
	assert_int_equal(all.mapping.protocol, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_for_and_kept),
		cmocka_unit_test(without_an_answer_it_is_asked_for_ever_more_rarely),
		cmocka_unit_test(a_refusal_is_not_for_ever),
		cmocka_unit_test(what_is_about_something_else_says_nothing),
		cmocka_unit_test(it_ends_when_nobody_answers_for_long),
		cmocka_unit_test(it_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
