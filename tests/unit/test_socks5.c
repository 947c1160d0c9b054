/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOCKS5's messages: read, written, cut at each byte, and broken. */
#include "unit_address.h"

#include "wire/socks5.h"

#define NAME_255 255

/* What each decoder makes of the bytes. */
static int methods(const void *bytes, size_t n, size_t *n_message)
{
	struct socks5_methods out;
	int r = socks5_methods_get(&out, bytes, n);

	*n_message = out.n_bytes;
	return r;
}

static int choice(const void *bytes, size_t n, size_t *n_message)
{
	uint8_t method;

	*n_message = SOCKS5_CHOICE_BYTES;
	return socks5_choice_get(&method, bytes, n);
}

static int password(const void *bytes, size_t n, size_t *n_message)
{
	struct socks5_password out;
	int r = socks5_password_get(&out, bytes, n);

	*n_message = out.n_bytes;
	return r;
}

static int status(const void *bytes, size_t n, size_t *n_message)
{
	uint8_t value;

	*n_message = SOCKS5_STATUS_BYTES;
	return socks5_status_get(&value, bytes, n);
}

static int endpoint(const void *bytes, size_t n, size_t *n_message)
{
	struct socks5_endpoint out;
	int r = socks5_endpoint_get(&out, bytes, n);

	*n_message = out.n_bytes;
	return r;
}

/* Each prefix of the message is short; the message is whole, with and without something behind. */
static void expect_whole(const char *hex, int (*get)(const void *bytes, size_t n, size_t *n_message))
{
	struct unit_bytes bytes = unit_hex(hex);
	size_t n_message;

	for (size_t n = 0; n < bytes.n; n++) {
		_cleanup_(freep) uint8_t *cut = unit_copy(bytes.at, n);

		assert_int_equal(get(cut, n, &n_message), SOCKS5_E_SHORT);
	}
	bytes.at[bytes.n] = 5;
	for (size_t n = bytes.n; n <= bytes.n + 1; n++) {
		_cleanup_(freep) uint8_t *whole = unit_copy(bytes.at, n);

		assert_int_equal(get(whole, n, &n_message), 0);
		assert_int_equal(n_message, bytes.n);
	}
}

/* Bad from the last of these bytes on, and with whatever follows. */
static void expect_bad(const char *hex, int (*get)(const void *bytes, size_t n, size_t *n_message), int expected)
{
	struct unit_bytes bytes = unit_hex(hex);
	size_t n_message;

	for (size_t n = 0; n < bytes.n; n++)
		assert_int_equal(get(bytes.at, n, &n_message), SOCKS5_E_SHORT);
	for (size_t n = bytes.n; n < bytes.n + 4; n++)
		assert_int_equal(get(bytes.at, n, &n_message), expected);
}

static void every_message_is_read_when_it_is_whole(void **state)
{
	expect_whole("05 01 00", methods);
	expect_whole("05 03 000102", methods);
	expect_whole("05 00", choice);
	expect_whole("05 ff", choice);
	expect_whole("01 03 626f62 02 7077", password);
	expect_whole("01 01", status);
	expect_whole("05 01 00 01 c0000201 01bb", endpoint);
	expect_whole("05 02 00 04 20010db8000000000000000000000001 0015", endpoint);
	expect_whole("05 01 00 03 0b 6578616d706c652e6f7267 0050", endpoint);
}

static void what_is_bad_is_bad_at_once(void **state)
{
	int (*const all[])(const void *bytes, size_t n, size_t *n_message) = { methods, choice, endpoint };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		expect_bad("04", all[i], SOCKS5_E_VERSION);
	expect_bad("05", password, SOCKS5_E_VERSION);
	expect_bad("05", status, SOCKS5_E_VERSION);
	expect_bad("05 00", methods, SOCKS5_E_MALFORMED);
	expect_bad("01 00", password, SOCKS5_E_MALFORMED);
	expect_bad("01 01 61 00", password, SOCKS5_E_MALFORMED);
	expect_bad("05 01 01", endpoint, SOCKS5_E_MALFORMED);
	expect_bad("05 01 00 03 00", endpoint, SOCKS5_E_MALFORMED);
	expect_bad("05 01 00 03 03 610062", endpoint, SOCKS5_E_MALFORMED);
	expect_bad("05 01 00 02", endpoint, SOCKS5_E_ADDRESS_TYPE);
	expect_bad("05 01 00 00", endpoint, SOCKS5_E_ADDRESS_TYPE);
}

static struct socks5_endpoint endpoint_of(const char *hex)
{
	static struct unit_bytes bytes;
	struct socks5_endpoint out;

	bytes = unit_hex(hex);
	assert_int_equal(socks5_endpoint_get(&out, bytes.at, bytes.n), 0);
	return out;
}

static void fields_are_what_they_are(void **state)
{
	struct socks5_endpoint asked = endpoint_of("05 01 00 01 c0000201 01bb");
	struct unit_bytes bytes = unit_hex("01 03 626f62 02 7077");
	struct socks5_password login;
	struct socks5_methods offered;
	uint8_t value;

	assert_int_equal(asked.code, SOCKS5_CONNECT);
	assert_int_equal(asked.name.n, 0);
	unit_expect_address("IPv4", "192.0.2.1:443", &asked.address);
	asked = endpoint_of("05 02 00 04 20010db8000000000000000000000001 0015");
	assert_int_equal(asked.code, SOCKS5_BIND);
	unit_expect_address("IPv6", "[2001:db8::1]:21", &asked.address);
	asked = endpoint_of("05 03 00 03 02 6162 0050");
	assert_int_equal(asked.code, SOCKS5_UDP_ASSOCIATE);
	assert_int_equal(asked.address.port, 80);
	assert_memory_equal(asked.name.at, "ab", 2);
	assert_true(address_is_unspecified(&asked.address));
	assert_int_equal(socks5_password_get(&login, bytes.at, bytes.n), 0);
	assert_memory_equal(login.user.at, "bob", 3);
	assert_memory_equal(login.password.at, "pw", 2);
	assert_int_equal(socks5_status_get(&value, "\1\5", 2), 0);
	assert_int_equal(value, 5);
	assert_int_equal(socks5_choice_get(&value, "\5\2", 2), 0);
	assert_int_equal(value, SOCKS5_PASSWORD);
	assert_int_equal(socks5_methods_get(&offered, "\5\2\0\2", 4), 0);
	assert_int_equal(offered.methods.n, 2);
	assert_memory_equal(offered.methods.at, "\0\2", 2);
}

static void every_message_is_written(void **state)
{
	uint8_t room[SOCKS5_PASSWORD_BYTES];
	struct socks5_methods offered = { .methods = { (const uint8_t *)"\0\2", 2 } };
	struct socks5_password login = { .user = { (const uint8_t *)"bob", 3 },
					 .password = { (const uint8_t *)"pw", 2 } };
	struct socks5_endpoint asked = { .code = SOCKS5_CONNECT, .address = unit_address("192.0.2.1:443") };

	unit_expect_bytes("methods", "05020002", room, socks5_methods_put(&offered, room, sizeof(room)));
	unit_expect_bytes("choice", "05ff", room, socks5_choice_put(SOCKS5_NO_METHOD, room, sizeof(room)));
	unit_expect_bytes("password", "0103626f62027077", room, socks5_password_put(&login, room, sizeof(room)));
	unit_expect_bytes("status", "0101", room, socks5_status_put(1, room, sizeof(room)));
	unit_expect_bytes("IPv4", "05010001c000020101bb", room, socks5_endpoint_put(&asked, room, sizeof(room)));
	asked.address = unit_address("[2001:db8::1]:21");
	unit_expect_bytes("IPv6", "0501000420010db80000000000000000000000010015", room,
			  socks5_endpoint_put(&asked, room, sizeof(room)));
	asked.name = (struct bytes){ (const uint8_t *)"ab", 2 };
	unit_expect_bytes("name", "0501000302 6162 0015", room, socks5_endpoint_put(&asked, room, sizeof(room)));
	asked = (struct socks5_endpoint){ .code = SOCKS5_REFUSED };
	unit_expect_bytes("nothing", "05050001000000000000", room, socks5_endpoint_put(&asked, room, sizeof(room)));
}

static void what_cannot_be_written_is_not(void **state)
{
	uint8_t room[SOCKS5_PASSWORD_BYTES + 1], text[NAME_255 + 1];
	struct bytes longest = { text, NAME_255 }, too_long = { text, NAME_255 + 1 }, none = { text, 0 };
	struct socks5_endpoint asked = { .code = SOCKS5_CONNECT, .name = longest };

	memset(text, 'x', sizeof(text));
	assert_int_equal(socks5_methods_put(&(struct socks5_methods){ .methods = longest }, room, sizeof(room)),
			 SOCKS5_METHODS_BYTES);
	assert_int_equal(socks5_methods_put(&(struct socks5_methods){ .methods = too_long }, room, sizeof(room)), 0);
	assert_int_equal(socks5_methods_put(&(struct socks5_methods){ .methods = none }, room, sizeof(room)), 0);
	assert_int_equal(socks5_methods_put(&(struct socks5_methods){ .methods = longest }, room,
					    SOCKS5_METHODS_BYTES - 1), 0);
	assert_int_equal(socks5_password_put(&(struct socks5_password){ longest, longest, 0 }, room, sizeof(room)),
			 SOCKS5_PASSWORD_BYTES);
	assert_int_equal(socks5_password_put(&(struct socks5_password){ none, longest, 0 }, room, sizeof(room)), 0);
	assert_int_equal(socks5_password_put(&(struct socks5_password){ longest, none, 0 }, room, sizeof(room)), 0);
	assert_int_equal(socks5_password_put(&(struct socks5_password){ longest, too_long, 0 }, room, sizeof(room)), 0);
	assert_int_equal(socks5_password_put(&(struct socks5_password){ longest, longest, 0 }, room,
					     SOCKS5_PASSWORD_BYTES - 1), 0);
	assert_int_equal(socks5_choice_put(0, room, 1), 0);
	assert_int_equal(socks5_status_put(0, room, 1), 0);
	assert_int_equal(socks5_endpoint_put(&asked, room, sizeof(room)), SOCKS5_ENDPOINT_BYTES);
	assert_int_equal(socks5_endpoint_put(&asked, room, SOCKS5_ENDPOINT_BYTES - 1), 0);
	text[7] = 0;
	assert_int_equal(socks5_endpoint_put(&asked, room, sizeof(room)), 0);
	asked.name = too_long;
	assert_int_equal(socks5_endpoint_put(&asked, room, sizeof(room)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_read_when_it_is_whole),
		cmocka_unit_test(what_is_bad_is_bad_at_once),
		cmocka_unit_test(fields_are_what_they_are),
		cmocka_unit_test(every_message_is_written),
		cmocka_unit_test(what_cannot_be_written_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
