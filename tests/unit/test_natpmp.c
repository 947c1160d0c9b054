/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "wire/natpmp.h"

static int get(const char *hex, struct natpmp_request *out)
{
	struct unit_bytes bytes = unit_hex(hex);
	_cleanup_(freep) uint8_t *copy = unit_copy(bytes.at, bytes.n);

	return natpmp_request_get(out, copy, bytes.n);
}

static void reads_requests(void **state)
{
	struct natpmp_request request;

	assert_int_equal(get("0000", &request), 0);
	assert_int_equal(request.opcode, NATPMP_ADDRESS);
	assert_int_equal(get("0002 0000 1f90 5000 00000e10", &request), 0);
	assert_int_equal(request.opcode, NATPMP_MAP_TCP);
	assert_int_equal(request.internal_port, 8080);
	assert_int_equal(request.external_port, 20480);
	assert_int_equal(request.lifetime_s, 3600);
	assert_int_equal(get("0001 0000 1f90 5000 00000e10 ff", &request), 0);
	assert_int_equal(request.opcode, NATPMP_MAP_UDP);
}

static void turns_others_away(void **state)
{
	struct natpmp_request request;

	assert_int_equal(get("", &request), NATPMP_E_SILENT);
	assert_int_equal(get("00", &request), NATPMP_E_SILENT);
	assert_int_equal(get("0080", &request), NATPMP_E_SILENT);
	assert_int_equal(get("0002 0000 1f90 5000 00000e", &request), NATPMP_E_SILENT);
	assert_int_equal(get("0003", &request), NATPMP_E_OPCODE);
	assert_int_equal(request.opcode, 3);
	assert_int_equal(get("0104", &request), NATPMP_E_VERSION);
	assert_int_equal(request.opcode, 4);
}

static void writes_responses(void **state)
{
	uint8_t room[NATPMP_RESPONSE_BYTES];
	struct natpmp_response response = { .opcode = NATPMP_ADDRESS, .epoch_s = 9,
					    .external_ip = { 198, 51, 100, 1 } };

	unit_expect_bytes("address", "0080 0000 00000009 c6336401", room, natpmp_response_put(&response, room));
	response = (struct natpmp_response){ .opcode = NATPMP_MAP_TCP, .result = NATPMP_OUT_OF_RESOURCES,
					     .internal_port = 80, .external_port = 20480, .lifetime_s = 60 };
	unit_expect_bytes("map", "0082 0004 00000000 0050 5000 0000003c", room, natpmp_response_put(&response, room));
	response = (struct natpmp_response){ .opcode = 5, .result = NATPMP_UNSUPPORTED_OPCODE };
	unit_expect_bytes("opcode", "0085 0005 00000000", room, natpmp_response_put(&response, room));
	response = (struct natpmp_response){ .opcode = 1, .result = NATPMP_UNSUPPORTED_VERSION };
	unit_expect_bytes("version", "0081 0001 00000000", room, natpmp_response_put(&response, room));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_requests),
		cmocka_unit_test(turns_others_away),
		cmocka_unit_test(writes_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
