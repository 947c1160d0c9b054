/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "signalling/pcp_client.h"

static const uint8_t nonce[PCP_NONCE_BYTES] = "nonce";

static void an_epoch_goes_on(void **state)
{
	struct pcp_epoch epoch = { .known = false };

	assert_int_equal(pcp_epoch_now(&epoch, 50), 0);
	assert_true(pcp_epoch_goes_on(&epoch, 1000, 50));
	assert_true(pcp_epoch_goes_on(&epoch, 1100, 150));
	assert_int_equal(pcp_epoch_now(&epoch, 160), 1110);
	assert_true(pcp_epoch_goes_on(&epoch, 1099, 150));    /* packets overtake each other */
	assert_true(pcp_epoch_goes_on(&epoch, 2699, 1750));
	assert_true(pcp_epoch_goes_on(&epoch, 4200, 3350));   /* a clock that is slow by 6 % */
	assert_true(pcp_epoch_goes_on(&epoch, 5800, 4850));
}

static void an_epoch_has_begun_anew(void **state)
{
	struct pcp_epoch epoch = { .known = false };

	assert_true(pcp_epoch_goes_on(&epoch, 1000, 50));
	assert_false(pcp_epoch_goes_on(&epoch, 998, 50));
	assert_true(pcp_epoch_goes_on(&epoch, 998, 50));
	assert_false(pcp_epoch_goes_on(&epoch, 1002, 1050));   /* it stood still */
	assert_false(pcp_epoch_goes_on(&epoch, 3000, 1060));   /* it ran ahead */
	assert_false(pcp_epoch_goes_on(&epoch, 0, 1061));
	assert_true(pcp_epoch_goes_on(&epoch, 1, 1062));
}

static struct pcp_request ask(const struct natpmp_request *request)
{
	struct address host = unit_address("10.0.0.7");
	uint8_t out[PCP_MESSAGE_BYTES];
	size_t n = pcp_of_natpmp(request, &host, nonce, out);
	struct pcp_request pcp;

	assert_int_equal(pcp_request_get(&pcp, out, n), 0);
	unit_expect_address("client", "10.0.0.7", &pcp.client);
	return pcp;
}

static void natpmp_becomes_pcp(void **state)
{
	struct natpmp_request request = { .opcode = NATPMP_ADDRESS };
	struct pcp_request pcp = ask(&request);

	assert_int_equal(pcp.opcode, PCP_ANNOUNCE);
	request = (struct natpmp_request){ .opcode = NATPMP_MAP_TCP, .internal_port = 80, .external_port = 20000,
					   .lifetime_s = 60 };
	pcp = ask(&request);
	assert_int_equal(pcp.opcode, PCP_MAP);
	assert_int_equal(pcp.mapping.protocol, 6);
	assert_int_equal(pcp.mapping.internal_port, 80);
	assert_int_equal(pcp.mapping.external.port, 20000);
	assert_true(address_is_v4(&pcp.mapping.external) && address_is_unspecified(&pcp.mapping.external));
	assert_int_equal(pcp.lifetime_s, 60);
	assert_memory_equal(pcp.mapping.nonce, nonce, sizeof(nonce));
	request.opcode = NATPMP_MAP_UDP;
	request.lifetime_s = 0;
	pcp = ask(&request);
	assert_int_equal(pcp.mapping.protocol, 17);
	assert_int_equal(pcp.mapping.external.port, 0);
}

static void pcp_becomes_natpmp(void **state)
{
	struct natpmp_request request = { .opcode = NATPMP_MAP_TCP, .internal_port = 80 },
			      address = { .opcode = NATPMP_ADDRESS };
	struct pcp_response response = { .opcode = PCP_MAP, .lifetime_s = 120, .epoch_s = 7,
					 .mapping.external = unit_address("198.51.100.1:20000") };
	struct address external = unit_address("198.51.100.1"), none = { .port = 0 }, v6 = unit_address("2001:db8::1"),
		       none_v4 = unit_address("0.0.0.0");
	struct natpmp_response out = natpmp_of_pcp(&request, &response, &external);

	assert_int_equal(out.opcode, NATPMP_MAP_TCP);
	assert_int_equal(out.result, NATPMP_SUCCESS);
	assert_int_equal(out.epoch_s, 7);
	assert_int_equal(out.internal_port, 80);
	assert_int_equal(out.external_port, 20000);
	assert_int_equal(out.lifetime_s, 120);
	out = natpmp_of_pcp(&address, &response, &external);
	assert_int_equal(out.result, NATPMP_SUCCESS);
	assert_int_equal(out.external_ip[0], 198);
	assert_int_equal(out.external_ip[3], 1);
	assert_int_equal(natpmp_of_pcp(&address, &response, &none).result, NATPMP_NETWORK_FAILURE);
	assert_int_equal(natpmp_of_pcp(&address, &response, &none_v4).result, NATPMP_NETWORK_FAILURE);
	assert_int_equal(natpmp_of_pcp(&address, &response, &v6).result, NATPMP_NETWORK_FAILURE);
}

static void every_result_has_one_in_natpmp(void **state)
{
	static const uint16_t expected[PCP_RESULTS + 1] = {
		[PCP_SUCCESS] = NATPMP_SUCCESS, [PCP_UNSUPP_VERSION] = NATPMP_NOT_AUTHORISED,
		[PCP_NOT_AUTHORIZED] = NATPMP_NOT_AUTHORISED, [PCP_MALFORMED_REQUEST] = NATPMP_NOT_AUTHORISED,
		[PCP_UNSUPP_OPCODE] = NATPMP_UNSUPPORTED_OPCODE, [PCP_UNSUPP_OPTION] = NATPMP_NOT_AUTHORISED,
		[PCP_MALFORMED_OPTION] = NATPMP_NOT_AUTHORISED, [PCP_NETWORK_FAILURE] = NATPMP_NETWORK_FAILURE,
		[PCP_NO_RESOURCES] = NATPMP_OUT_OF_RESOURCES, [PCP_UNSUPP_PROTOCOL] = NATPMP_UNSUPPORTED_OPCODE,
		[PCP_USER_EX_QUOTA] = NATPMP_OUT_OF_RESOURCES, [PCP_CANNOT_PROVIDE_EXTERNAL] = NATPMP_OUT_OF_RESOURCES,
		[PCP_ADDRESS_MISMATCH] = NATPMP_NOT_AUTHORISED, [PCP_EXCESSIVE_REMOTE_PEERS] = NATPMP_NOT_AUTHORISED,
		[PCP_RESULTS] = NATPMP_NOT_AUTHORISED,
	};
	struct natpmp_request request = { .opcode = NATPMP_MAP_TCP, .internal_port = 80 };
	struct address external = unit_address("198.51.100.1");

	for (uint8_t i = 0; i <= PCP_RESULTS; i++) {
		struct pcp_response response = { .result = i, .lifetime_s = 9, .mapping.external.port = 5 };
		struct natpmp_response out = natpmp_of_pcp(&request, &response, &external);

		assert_int_equal(out.result, expected[i]);
		assert_int_equal(out.external_port, i ? 0 : 5);
	}
}

static void refuses_without_the_server(void **state)
{
	struct unit_bytes announce = unit_hex("0200 0000 00000000 00000000000000000000ffff0a000007"),
			  other = unit_hex("0300"), silent = unit_hex("0280");
	struct unit_bytes odd = unit_hex("0200 0000 00000000 00000000000000000000ffff0a000007 00");
	uint8_t out[PCP_MESSAGE_BYTES];
	size_t n = pcp_refuse((struct bytes){ announce.at, announce.n }, PCP_NETWORK_FAILURE, 30, 9, out);

	unit_expect_bytes("parsed", "0280 0007 0000001e 00000009 000000000000000000000000", out, n);
	n = pcp_refuse((struct bytes){ odd.at, odd.n }, PCP_MALFORMED_REQUEST, 1800, 9, out);
	unit_expect_bytes("not parsed", "0280 0003 00000708 00000009 00000000 0000ffff 0a000007 00000000", out, n);
	n = pcp_refuse((struct bytes){ other.at, other.n }, PCP_NETWORK_FAILURE, 30, 9, out);
	assert_int_equal(out[3], PCP_UNSUPP_VERSION);
	assert_int_equal(pcp_refuse((struct bytes){ silent.at, silent.n }, PCP_NETWORK_FAILURE, 30, 9, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_epoch_goes_on),
		cmocka_unit_test(an_epoch_has_begun_anew),
		cmocka_unit_test(natpmp_becomes_pcp),
		cmocka_unit_test(pcp_becomes_natpmp),
		cmocka_unit_test(every_result_has_one_in_natpmp),
		cmocka_unit_test(refuses_without_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
