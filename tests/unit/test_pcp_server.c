/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "signalling/pcp_server.h"

#define NOW_S 5000u
#define EPOCH_S 4000u
#define HOST "10.0.0.7"

struct stage {
	struct pcp_server server;
	struct pcp_asker asker;
	struct pcp_request request;
	struct pcp_response response;    /* the last one; its options are in out */
	uint8_t out[PCP_MESSAGE_BYTES];
	size_t n_out;
};

static struct stage stage_of(uint16_t first_port, uint16_t last_port)
{
	struct mappings_options options = {
		.external = unit_address("198.51.100.1"), .first_port = first_port, .last_port = last_port,
		.least_s = 120, .most_s = 86400, .hold_s = 120,
	};
	struct stage stage = {
		.server = { .external = options.external, .began_s = NOW_S - EPOCH_S },
		.asker = { .subscriber = 3, .most = 2, .source = unit_address(HOST), .proven = true },
		.request = { .version = PCP_VERSION, .opcode = PCP_MAP, .lifetime_s = 3600,
			     .client = unit_address(HOST),
			     .mapping = { .nonce = "nonce", .protocol = 6, .internal_port = 80 } },
	};

	assert_int_equal(mappings_new(&options, &stage.server.table), 0);
	return stage;
}

static void stage_freep(struct stage *stage)
{
	mappings_freep(&stage->server.table);
}

/* These bytes are asked; -1: there was no answer. */
static int ask_bytes(struct stage *stage, const void *bytes, size_t n)
{
	_cleanup_(freep) uint8_t *copy = unit_copy(bytes, n);

	stage->n_out = pcp_server_answer(&stage->server, &stage->asker, (struct bytes){ copy, n }, NOW_S, stage->out);
	if (!stage->n_out)
		return -1;
	assert_int_equal(stage->n_out % 4, 0);
	assert_int_equal(stage->out[0], PCP_VERSION);
	pcp_response_get(&stage->response, stage->out, stage->n_out);
	assert_int_equal(stage->response.epoch_s, EPOCH_S);
	return stage->response.result;
}

static int ask(struct stage *stage)
{
	uint8_t bytes[PCP_MESSAGE_BYTES];

	return ask_bytes(stage, bytes, pcp_request_put(&stage->request, bytes, sizeof(bytes)));
}

/* The request with more behind it. */
static int ask_with(struct stage *stage, const char *hex)
{
	uint8_t bytes[PCP_MESSAGE_BYTES];
	size_t n = pcp_request_put(&stage->request, bytes, sizeof(bytes));
	struct unit_bytes more = unit_hex(hex);

	memcpy(bytes + n, more.at, more.n);
	return ask_bytes(stage, bytes, n + more.n);
}

static void expect_error(struct stage *stage, int result, enum pcp_result expected, uint32_t lifetime_s)
{
	assert_int_equal(result, expected);
	assert_int_equal(stage->response.lifetime_s, lifetime_s);
}

static void maps(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request.mapping.external = unit_address("198.51.100.1:20005");
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_int_equal(stage.response.lifetime_s, 3600);
	unit_expect_address("external", "198.51.100.1:20005", &stage.response.mapping.external);
	assert_int_equal(stage.response.mapping.internal_port, 80);
	assert_int_equal(stage.response.mapping.protocol, 6);
	assert_memory_equal(stage.response.mapping.nonce, stage.request.mapping.nonce, PCP_NONCE_BYTES);
	assert_int_equal(mappings_count(stage.server.table), 1);
	stage.request.lifetime_s = 1;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_int_equal(stage.response.lifetime_s, 120);
}

static void an_end_gives_back_what_was_suggested(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	assert_int_equal(ask(&stage), PCP_SUCCESS);
	stage.request.lifetime_s = 0;
	stage.request.mapping.external = unit_address("192.0.2.1:7");
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_int_equal(stage.response.lifetime_s, 0);
	unit_expect_address("external", "192.0.2.1:7", &stage.response.mapping.external);
	assert_int_equal(mappings_count(stage.server.table), 0);
	assert_int_equal(ask(&stage), PCP_SUCCESS);   /* as often as one likes */
}

static void an_end_of_all(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	assert_int_equal(ask(&stage), PCP_SUCCESS);
	stage.request.lifetime_s = 0;
	stage.request.mapping.protocol = 0;
	assert_int_equal(ask(&stage), PCP_MALFORMED_REQUEST);
	stage.request.mapping.internal_port = 0;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_int_equal(mappings_count(stage.server.table), 0);
}

static void announces(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request = (struct pcp_request){ .version = PCP_VERSION, .opcode = PCP_ANNOUNCE,
					      .client = unit_address(HOST) };
	stage.asker.most = 0;
	stage.asker.proven = false;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_int_equal(stage.response.opcode, PCP_ANNOUNCE);
	assert_int_equal(stage.n_out, PCP_HEADER_BYTES);
	assert_int_equal(pcp_server_epoch(&stage.server, NOW_S - EPOCH_S - 1), 0);
}

static void says_nothing_to_what_is_no_request(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	assert_int_equal(ask_bytes(&stage, "\x02", 1), -1);
	assert_int_equal(ask_bytes(&stage, "\x02\x81\0\0", 4), -1);
}

static void unsupp_version(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	expect_error(&stage, ask_bytes(&stage, "\x01\x01", 2), PCP_UNSUPP_VERSION, PCP_LONG_S);
	stage.request.version = 3;
	stage.request.client = unit_address("10.0.0.99");   /* isn't looked at */
	expect_error(&stage, ask(&stage), PCP_UNSUPP_VERSION, PCP_LONG_S);
}

static void not_authorized(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.asker.proven = false;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, PCP_LONG_S);
	stage.asker.proven = true;
	stage.asker.most = 0;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, PCP_LONG_S);
	stage.asker.most = 1;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	stage.request.mapping.nonce[0] ^= 1;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, 3600);   /* as long as the one in the way goes on */
	stage.request.lifetime_s = 0;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, 3600);
	assert_int_equal(mappings_count(stage.server.table), 1);
}

static void another_family_is_not_authorized(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.asker.source = stage.request.client = unit_address("2001:db8::7");
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, PCP_LONG_S);
}

static void malformed_request(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);
	uint8_t big[PCP_MESSAGE_BYTES + 4] = { 2, 1 };

	expect_error(&stage, ask_with(&stage, "00"), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	expect_error(&stage, ask_bytes(&stage, big, sizeof(big)), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	assert_int_equal(stage.n_out, PCP_MESSAGE_BYTES);
	expect_error(&stage, ask_bytes(&stage, big, 28), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	stage.request.mapping.protocol = 0;
	expect_error(&stage, ask(&stage), PCP_MALFORMED_REQUEST, PCP_LONG_S);
}

static void unsupp_opcode(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request.opcode = 3;
	expect_error(&stage, ask(&stage), PCP_UNSUPP_OPCODE, PCP_LONG_S);
	assert_int_equal(stage.response.opcode, 3);
}

static void unsupp_option(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	expect_error(&stage, ask_with(&stage, "7f000000"), PCP_UNSUPP_OPTION, PCP_LONG_S);
	assert_int_equal(stage.n_out, PCP_HEADER_BYTES + 36 + 4);   /* comes back with it */
	stage.request.has_third_party = true;
	stage.request.third_party = unit_address("10.0.0.8");
	expect_error(&stage, ask(&stage), PCP_UNSUPP_OPTION, PCP_LONG_S);
	stage.request.third_party = unit_address(HOST);
	expect_error(&stage, ask(&stage), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	assert_int_equal(mappings_count(stage.server.table), 0);
}

static void malformed_option(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	/* no port is suggested */
	expect_error(&stage, ask_with(&stage, "02000000"), PCP_MALFORMED_OPTION, PCP_LONG_S);
	expect_error(&stage, ask_with(&stage, "80000004"), PCP_MALFORMED_OPTION, PCP_LONG_S);
}

static void network_failure(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.server.external = (struct address){ .port = 0 };
	expect_error(&stage, ask(&stage), PCP_NETWORK_FAILURE, PCP_SHORT_S);
	stage.request.lifetime_s = 0;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
}

static void no_resources(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20000);

	assert_int_equal(ask(&stage), PCP_SUCCESS);
	stage.request.mapping.internal_port++;
	expect_error(&stage, ask(&stage), PCP_NO_RESOURCES, PCP_SHORT_S);
}

static void unsupp_protocol(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request.mapping.protocol = 17;
	expect_error(&stage, ask(&stage), PCP_UNSUPP_PROTOCOL, PCP_LONG_S);
	stage.request.mapping.protocol = 6;
	stage.request.mapping.internal_port = 0;   /* all ports */
	expect_error(&stage, ask(&stage), PCP_UNSUPP_PROTOCOL, PCP_LONG_S);
	stage.request.mapping.protocol = 0;
	expect_error(&stage, ask(&stage), PCP_UNSUPP_PROTOCOL, PCP_LONG_S);
}

static void user_ex_quota(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	for (; stage.request.mapping.internal_port < 82; stage.request.mapping.internal_port++)
		assert_int_equal(ask(&stage), PCP_SUCCESS);
	expect_error(&stage, ask(&stage), PCP_USER_EX_QUOTA, PCP_SHORT_S);
}

static void cannot_provide_external(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request.mapping.external.port = 19999;
	stage.request.prefer_failure = true;
	expect_error(&stage, ask(&stage), PCP_CANNOT_PROVIDE_EXTERNAL, PCP_SHORT_S);
	stage.request.mapping.external.port = 20000;
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	unit_expect_bytes("options", "02000000", stage.out + PCP_HEADER_BYTES + 36,
			  stage.n_out - PCP_HEADER_BYTES - 36);
}

static void address_mismatch(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	stage.request.client = unit_address("10.0.0.8");
	expect_error(&stage, ask(&stage), PCP_ADDRESS_MISMATCH, PCP_LONG_S);
	expect_error(&stage, ask_with(&stage, "7f000000"), PCP_ADDRESS_MISMATCH, PCP_LONG_S);
}

static void excessive_remote_peers(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);

	for (; stage.request.n_filters <= MAPPINGS_FILTERS; stage.request.n_filters++) {
		struct pcp_filter *filter = &stage.request.filters[stage.request.n_filters];

		*filter = (struct pcp_filter){ .n_bits = 128, .remote = unit_address("192.0.2.1:80") };
		filter->remote.port = (uint16_t)(filter->remote.port + stage.request.n_filters);
	}
	expect_error(&stage, ask(&stage), PCP_EXCESSIVE_REMOTE_PEERS, PCP_LONG_S);
	assert_int_equal(mappings_count(stage.server.table), 0);
}

static void filters_are_served_in_their_order(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);
	struct mapping found;
	struct address internal = unit_address(HOST ":80");

	stage.request.filters[0] = (struct pcp_filter){ .n_bits = 128, .remote = unit_address("192.0.2.1:80") };
	stage.request.filters[1] = (struct pcp_filter){ .n_bits = 0 };
	stage.request.filters[2] = (struct pcp_filter){ .n_bits = 116, .remote = unit_address("203.0.113.255") };
	stage.request.n_filters = 3;
	assert_int_equal(ask_with(&stage, "c0000000"), PCP_SUCCESS);
	assert_int_equal(stage.n_out, PCP_HEADER_BYTES + 36 + 3 * 24);   /* without the one that nobody knows */
	assert_true(mappings_find(stage.server.table, 3, 6, &internal, &found));
	assert_int_equal(found.n_filters, 1);
	assert_int_equal(found.filters[0].from.n_bits, 116);
	assert_int_equal(found.filters[0].from.ip[14], 112);
	assert_int_equal(found.filters[0].from.ip[15], 0);
}

static void static_ones_are_shown_and_stay(void **state)
{
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);
	struct mapping fixed = { .subscriber = 3, .protocol = 6, .internal = unit_address(HOST ":80"),
				 .external = unit_address("198.51.100.1:443") };

	assert_int_equal(mappings_add_static(stage.server.table, &fixed, NOW_S), 0);
	assert_int_equal(ask(&stage), PCP_SUCCESS);
	assert_true(stage.response.lifetime_s == UINT32_MAX);
	unit_expect_address("external", "198.51.100.1:443", &stage.response.mapping.external);
	stage.request.lifetime_s = 0;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, PCP_LONG_S);
	stage.request.opcode = PCP_PEER;
	stage.request.mapping.remote = unit_address("192.0.2.1:443");
	assert_int_equal(ask(&stage), PCP_CANNOT_PROVIDE_EXTERNAL);
}

static void peer_is_understood_and_refused(void **state)
{
	static const char *const nobody[] = { "192.0.2.1", "0.0.0.0:1", "127.0.0.1:1", "224.0.0.1:1", "[::1]:1",
					      "[ff02::1]:1", "[::]:1" };
	_cleanup_(stage_freep) struct stage stage = stage_of(20000, 20009);
	struct pcp_mapping *wanted = &stage.request.mapping;

	assert_int_equal(ask(&stage), PCP_SUCCESS);
	stage.request.opcode = PCP_PEER;
	for (size_t i = 0; i < ARRAY_SIZE(nobody); i++) {
		wanted->remote = unit_address(nobody[i]);
		expect_error(&stage, ask(&stage), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	}
	wanted->remote = unit_address("[2001:db8::1]:443");
	expect_error(&stage, ask(&stage), PCP_CANNOT_PROVIDE_EXTERNAL, PCP_LONG_S);
	wanted->nonce[0] ^= 1;
	expect_error(&stage, ask(&stage), PCP_NOT_AUTHORIZED, 3600);
	wanted->internal_port = 81;
	expect_error(&stage, ask(&stage), PCP_CANNOT_PROVIDE_EXTERNAL, PCP_LONG_S);
	wanted->protocol = 17;
	expect_error(&stage, ask(&stage), PCP_UNSUPP_PROTOCOL, PCP_LONG_S);
	wanted->protocol = 0;
	expect_error(&stage, ask(&stage), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	wanted->protocol = 6;
	wanted->internal_port = 0;
	expect_error(&stage, ask(&stage), PCP_MALFORMED_REQUEST, PCP_LONG_S);
	assert_int_equal(mappings_count(stage.server.table), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps),
		cmocka_unit_test(an_end_gives_back_what_was_suggested),
		cmocka_unit_test(an_end_of_all),
		cmocka_unit_test(announces),
		cmocka_unit_test(says_nothing_to_what_is_no_request),
		cmocka_unit_test(unsupp_version),
		cmocka_unit_test(not_authorized),
		cmocka_unit_test(another_family_is_not_authorized),
		cmocka_unit_test(malformed_request),
		cmocka_unit_test(unsupp_opcode),
		cmocka_unit_test(unsupp_option),
		cmocka_unit_test(malformed_option),
		cmocka_unit_test(network_failure),
		cmocka_unit_test(no_resources),
		cmocka_unit_test(unsupp_protocol),
		cmocka_unit_test(user_ex_quota),
		cmocka_unit_test(cannot_provide_external),
		cmocka_unit_test(address_mismatch),
		cmocka_unit_test(excessive_remote_peers),
		cmocka_unit_test(filters_are_served_in_their_order),
		cmocka_unit_test(static_ones_are_shown_and_stay),
		cmocka_unit_test(peer_is_understood_and_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
