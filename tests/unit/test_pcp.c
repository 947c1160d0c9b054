/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "wire/pcp.h"

#define CLIENT "00000000000000000000ffff0a000007"
#define HEAD "0201 0000 00000e10" CLIENT
#define NONCE "0102030405060708090a0b0c"
#define BODY NONCE "06000000 1f90 5000 00000000000000000000ffffc6336401"
#define PEER_BODY BODY "01bb 0000 00000000000000000000ffffc0000201"

static int get(const char *hex, struct pcp_request *out)
{
	struct unit_bytes bytes = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(bytes.at, bytes.n);
	int r = pcp_request_get(out, copy, bytes.n);

	out->options.at = NULL;   /* of the copy */
	return r;
}

static void expect_error(const char *hex, int expected)
{
	struct pcp_request request;
	int seen = get(hex, &request);

	if (seen != expected)
		fail_msg("%s: expected %d, saw %d", hex, expected, seen);
}

static void reads_a_map(void **state)
{
	struct pcp_request request;

	assert_int_equal(get(HEAD BODY, &request), 0);
	assert_int_equal(request.version, 2);
	assert_int_equal(request.opcode, PCP_MAP);
	assert_int_equal(request.lifetime_s, 3600);
	assert_int_equal(request.mapping.protocol, 6);
	assert_int_equal(request.mapping.internal_port, 8080);
	unit_expect_address("client", "10.0.0.7", &request.client);
	unit_expect_address("external", "198.51.100.1:20480", &request.mapping.external);
	unit_expect_bytes("nonce", NONCE, request.mapping.nonce, sizeof(request.mapping.nonce));
	assert_false(request.has_third_party || request.prefer_failure || request.n_filters);
}

static void reads_a_peer(void **state)
{
	struct pcp_request request;

	assert_int_equal(get("0202 0000 00000e10" CLIENT PEER_BODY, &request), 0);
	unit_expect_address("remote", "192.0.2.1:443", &request.mapping.remote);
}

static void reads_options(void **state)
{
	struct pcp_request request;

	assert_int_equal(get(HEAD BODY "01000010 20010db8000000000000000000000009" "02000000" "03000014 00780050 "
											      "00000000000000000000ffffc000020003000014 00400000 20010db8000000000000000000000000" "03000014 00000000 00000000000000000000ffff00000000" "80000003 aabbcc00", &request), 0);
	assert_true(request.has_third_party && request.prefer_failure);
	unit_expect_address("third party", "2001:db8::9", &request.third_party);
	assert_int_equal(request.n_filters, 3);
	assert_int_equal(request.filters[0].n_bits, 120);
	unit_expect_address("filter", "192.0.2.0:80", &request.filters[0].remote);
	assert_int_equal(request.filters[1].n_bits, 64);
	assert_int_equal(request.filters[2].n_bits, 0);
}

static void what_is_no_request_is_passed_over(void **state)
{
	expect_error("", PCP_E_SILENT);
	expect_error("02", PCP_E_SILENT);
	expect_error("0281 0000 00000e10" CLIENT BODY, PCP_E_SILENT);
	expect_error("0201 0000 00000e10 00000000000000000000ffff0a0000", PCP_E_SILENT);
	expect_error("0101", PCP_E_VERSION);
	expect_error("0301 0000 00000e10" CLIENT BODY, PCP_E_VERSION);
}

static void sizes_are_held_to(void **state)
{
	uint8_t bytes[PCP_MESSAGE_BYTES + 4] = { 2, PCP_ANNOUNCE };
	struct pcp_request request;

	expect_error(HEAD NONCE "06000000 1f90 5000 00000000000000000000ffffc63364", PCP_E_REQUEST);
	expect_error(HEAD NONCE "06000000 1f90 5000 00000000000000000000ffff", PCP_E_REQUEST);
	expect_error("0202 0000 00000e10" CLIENT BODY "01bb0000", PCP_E_REQUEST);
	expect_error(HEAD BODY "00", PCP_E_REQUEST);
	assert_int_equal(pcp_request_get(&request, bytes, sizeof(bytes)), PCP_E_REQUEST);
	memset(bytes, 0x80, sizeof(bytes));   /* options of 0x8080 bytes */
	bytes[0] = 2;
	bytes[1] = PCP_ANNOUNCE;
	assert_int_equal(pcp_request_get(&request, bytes, PCP_MESSAGE_BYTES), PCP_E_OPTION_MALFORMED);
	expect_error("0203 0000 00000e10" CLIENT, PCP_E_OPCODE);
}

static void options_have_their_sizes_and_places(void **state)
{
	expect_error(HEAD BODY "0100000c 20010db80000000000000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "01000011 20010db8000000000000000000000009 09000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "01000010 20010db8000000000000000000000009 01000010 20010db8000000000000000000000009",
		     PCP_E_OPTION_MALFORMED);
	expect_error("0200 0000 00000000" CLIENT "01000010 20010db8000000000000000000000009", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "02000004 00000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "02000000 02000000", PCP_E_OPTION_MALFORMED);
	expect_error("0202 0000 00000e10" CLIENT PEER_BODY "02000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD NONCE "06000000 1f90 0000 00000000000000000000ffffc6336401" "02000000",
		     PCP_E_OPTION_MALFORMED);
	expect_error("0201 0000 00000000" CLIENT BODY "02000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "03000010 00780050 00000000000000000000ffff", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "03000018 00780050 00000000000000000000ffffc0000200 00000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "03000014 005f0050 00000000000000000000ffffc0000200", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "03000014 00810050 20010db8000000000000000000000000", PCP_E_OPTION_MALFORMED);
	expect_error("0202 0000 00000e10" CLIENT PEER_BODY "03000014 00780050 00000000000000000000ffffc0000200",
		     PCP_E_OPTION_MALFORMED);
	expect_error("0201 0000 00000000" CLIENT BODY "03000014 00780050 00000000000000000000ffffc0000200",
		     PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "80000008 00000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "7f000000", PCP_E_OPTION);
	expect_error(HEAD BODY "00000000", PCP_E_OPTION);
	expect_error(HEAD BODY "7f000000 02000000 02000000", PCP_E_OPTION_MALFORMED);
	expect_error(HEAD BODY "02000000 02000000 7f000000", PCP_E_OPTION_MALFORMED);
	expect_error("0200 0000 00000000" CLIENT "ff000000", 0);
}

static void every_filter_that_fits_is_taken(void **state)
{
	struct pcp_request request = { .version = PCP_VERSION, .opcode = PCP_MAP, .lifetime_s = 1,
				       .n_filters = PCP_FILTERS_MOST }, again;
	uint8_t room[PCP_MESSAGE_BYTES];
	size_t n;

	request.has_third_party = request.prefer_failure = true;
	request.mapping.external.port = 80;
	assert_int_equal(pcp_request_put(&request, room, sizeof(room)), 0);
	request.n_filters = 1;
	n = pcp_request_put(&request, room, sizeof(room));
	assert_int_equal(n, 24 + 36 + 20 + 4 + 24);
	assert_int_equal(pcp_request_get(&again, room, n), 0);
	assert_true(again.has_third_party && again.prefer_failure);
	request = (struct pcp_request){ .version = PCP_VERSION, .opcode = PCP_MAP, .lifetime_s = 1,
					.n_filters = PCP_FILTERS_MOST };
	for (size_t i = 0; i < PCP_FILTERS_MOST; i++)
		request.filters[i] = (struct pcp_filter){ .n_bits = 128, .remote = unit_address("192.0.2.1:80") };
	n = pcp_request_put(&request, room, sizeof(room));
	assert_int_equal(n, 24 + 36 + 24 * PCP_FILTERS_MOST);
	assert_in_range(n, PCP_MESSAGE_BYTES - 23, PCP_MESSAGE_BYTES);
	assert_int_equal(pcp_request_get(&again, room, n), 0);
	assert_int_equal(again.n_filters, PCP_FILTERS_MOST);
	assert_int_equal(pcp_request_put(&request, room, n - 1), 0);
}

static int get_response(const char *hex, struct pcp_response *out)
{
	struct unit_bytes bytes = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(bytes.at, bytes.n);
	int r = pcp_response_get(out, copy, bytes.n);

	out->options.at = NULL;
	return r;
}

static void reads_responses(void **state)
{
	struct pcp_response response;
	struct unit_bytes longer = unit_hex("0280 00 00 00000000 00000009 000000000000000000000000");

	assert_int_equal(get_response("0281 00 08 0000001e 00000102 000000000000000000000000" BODY "02000000",
				      &response), 0);
	assert_int_equal(response.opcode, PCP_MAP);
	assert_int_equal(response.result, PCP_NO_RESOURCES);
	assert_int_equal(response.lifetime_s, 30);
	assert_int_equal(response.epoch_s, 258);
	assert_int_equal(response.mapping.internal_port, 8080);
	assert_int_equal(response.options.n, 4);
	assert_int_equal(get_response("0280 00 00 00000000 00000009 000000000000000000000000", &response), 0);
	assert_int_equal(get_response("0282 00 00 00000000 00000009 000000000000000000000000" PEER_BODY, &response), 0);
	unit_expect_address("remote", "192.0.2.1:443", &response.mapping.remote);
	assert_int_equal(get_response("0280 00 00 00000000 00000009 0000000000000000000000", &response), PCP_E_SILENT);
	assert_int_equal(get_response("0200 00 00 00000000 00000009 000000000000000000000000", &response),
			 PCP_E_SILENT);
	assert_int_equal(get_response("0080 00 00 00000000 00000009 000000000000000000000000", &response),
			 PCP_E_VERSION);
	assert_int_equal(get_response("0281 00 00 00000000 00000009 000000000000000000000000", &response),
			 PCP_E_REQUEST);
	assert_int_equal(get_response("0280 00 00 00000000 00000009 000000000000000000000000 00", &response),
			 PCP_E_REQUEST);
	assert_int_equal(get_response("0283 00 00 00000000 00000009 000000000000000000000000", &response),
			 PCP_E_OPCODE);
	assert_int_equal(pcp_response_get(&response, longer.at, PCP_MESSAGE_BYTES + 4), PCP_E_REQUEST);
}

static void writes_responses(void **state)
{
	static const uint8_t option[] = { 2, 0, 0, 0 };
	struct pcp_request request;
	struct pcp_response response = { .opcode = PCP_MAP, .lifetime_s = 120, .epoch_s = 7,
					 .options = { option, sizeof(option) } };
	uint8_t room[PCP_MESSAGE_BYTES];
	size_t n;

	assert_int_equal(get(HEAD BODY, &request), 0);
	response.mapping = request.mapping;
	n = pcp_response_put(&response, room, sizeof(room));
	unit_expect_bytes("response", "0281 00 00 00000078 00000007 000000000000000000000000" BODY "02000000", room, n);
	assert_int_equal(pcp_response_put(&response, room, n - 1), 0);
	assert_int_equal(get("0202 0000 00000e10" CLIENT PEER_BODY, &request), 0);
	response = (struct pcp_response){ .opcode = PCP_PEER, .result = 11, .mapping = request.mapping };
	n = pcp_response_put(&response, room, sizeof(room));
	unit_expect_bytes("response", "0282 00 0b 00000000 00000000 000000000000000000000000" PEER_BODY, room, n);
	response = (struct pcp_response){ .opcode = PCP_ANNOUNCE };
	n = pcp_response_put(&response, room, sizeof(room));
	unit_expect_bytes("response", "0280 00 00 00000000 00000000 000000000000000000000000", room, n);
}

static void an_error_repeats_the_request(void **state)
{
	struct unit_bytes request = unit_hex(HEAD BODY "ff"), empty = unit_hex("0102");
	uint8_t room[PCP_MESSAGE_BYTES + 8], big[PCP_MESSAGE_BYTES + 8];
	size_t n = pcp_error_put((struct bytes){ request.at, request.n }, PCP_MALFORMED_REQUEST, false, 1800, 5, room,
				 sizeof(room));

	unit_expect_bytes("not parsed", "0281 00 03 00000708 00000005 00000000 0000ffff 0a000007" BODY "ff000000", room,
			  n);
	n = pcp_error_put((struct bytes){ request.at, request.n - 1 }, PCP_NO_RESOURCES, true, 30, 5, room,
			  sizeof(room));
	unit_expect_bytes("parsed", "0281 00 08 0000001e 00000005 000000000000000000000000" BODY, room, n);
	n = pcp_error_put((struct bytes){ empty.at, empty.n }, PCP_UNSUPP_VERSION, false, 1800, 5, room, sizeof(room));
	unit_expect_bytes("short", "0282 00 01 00000708 00000005 000000000000000000000000", room, n);
	memset(big, 0xee, sizeof(big));
	n = pcp_error_put((struct bytes){ big, sizeof(big) }, PCP_MALFORMED_REQUEST, false, 1800, 5, room,
			  sizeof(room));
	assert_int_equal(n, PCP_MESSAGE_BYTES);
	assert_memory_equal(room + PCP_HEADER_BYTES, big, PCP_MESSAGE_BYTES - PCP_HEADER_BYTES);
	assert_int_equal(pcp_error_put((struct bytes){ big, sizeof(big) }, PCP_MALFORMED_REQUEST, false, 1800, 5, room,
				       PCP_MESSAGE_BYTES - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_map),
		cmocka_unit_test(reads_a_peer),
		cmocka_unit_test(reads_options),
		cmocka_unit_test(what_is_no_request_is_passed_over),
		cmocka_unit_test(sizes_are_held_to),
		cmocka_unit_test(options_have_their_sizes_and_places),
		cmocka_unit_test(every_filter_that_fits_is_taken),
		cmocka_unit_test(reads_responses),
		cmocka_unit_test(writes_responses),
		cmocka_unit_test(an_error_repeats_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
