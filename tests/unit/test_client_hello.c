/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's name in a ClientHello: in records of every size, cut at every byte, without a name, with other things
 * before it, and with lengths that lie. */
#include "unit.h"

#include "wire/client_hello.h"

#define MOST CLIENT_HELLO_MOST_BYTES

/* Parts of a message's body: TLS 1.2's version, a random number; a session of 2 bytes, two cipher suites, two
 * compressions. */
#define RANDOM "0303 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD RANDOM "02abcd 0004130113ff 020001"
/* Extensions: a.b as the name, GREASE (RFC 8701), versions, encrypted ClientHello. */
#define SNI "0000 0008 0006 00 0003 612e62"
#define GREASE "8a8a 0001 00"
#define VERSIONS "002b 0003 020304"
#define ECH "fe0d 000a 00 00010001 07 0002 ffff"

struct text {
	uint8_t at[6 * MOST];
	size_t n;
};

static void add(struct text *out, const void *bytes, size_t n)
{
	assert_true(n <= sizeof(out->at) - out->n);
	if (n)
		memcpy(out->at + out->n, bytes, n);
	out->n += n;
}

static void add_u16(struct text *out, size_t value)
{
	add(out, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void add_hex(struct text *out, const char *hex)
{
	struct unit_bytes bytes = unit_hex(hex);

	add(out, bytes.at, bytes.n);
}

static struct text message_of(const struct text *body)
{
	struct text out = { .n = 0 };

	add_hex(&out, "0100");
	add_u16(&out, body->n);
	add(&out, body->at, body->n);
	return out;
}

/* In records of so many bytes each. */
static struct text records_of(const struct text *message, size_t n_record)
{
	struct text out = { .n = 0 };

	for (size_t at = 0; at < message->n; at += n_record) {
		size_t n = message->n - at < n_record ? message->n - at : n_record;

		add_hex(&out, "160301");
		add_u16(&out, n);
		add(&out, message->at + at, n);
	}
	return out;
}

static struct text body_of(const struct text *extensions)
{
	struct text out = { .n = 0 };

	add_hex(&out, HEAD);
	add_u16(&out, extensions->n);
	add(&out, extensions->at, extensions->n);
	return out;
}

static struct text hello_in(const char *extensions_hex, size_t n_record)
{
	struct text extensions = { .n = 0 }, body, message;

	add_hex(&extensions, extensions_hex);
	body = body_of(&extensions);
	message = message_of(&body);
	return records_of(&message, n_record);
}

static struct text hello(const char *extensions_hex)
{
	return hello_in(extensions_hex, MOST);
}

/* An extension with this as the one name of a host. */
static struct text hello_to(const void *name, size_t n)
{
	struct text extensions = { .n = 0 }, body, message;

	add_u16(&extensions, 0);
	add_u16(&extensions, n + 5);
	add_u16(&extensions, n + 3);
	add(&extensions, "", 1);
	add_u16(&extensions, n);
	add(&extensions, name, n);
	body = body_of(&extensions);
	message = message_of(&body);
	return records_of(&message, MOST);
}

static int look(const void *bytes, size_t n, char name[CLIENT_HELLO_NAME_BYTES])
{
	uint8_t *copy = unit_copy(bytes, n);
	int r = client_hello_name((struct bytes){ copy, n }, name);

	free(copy);
	return r;
}

static void expect(struct text text, int wanted)
{
	char name[CLIENT_HELLO_NAME_BYTES];

	assert_int_equal(look(text.at, text.n, name), wanted);
}

static void expect_name(struct text text, const char *wanted)
{
	char name[CLIENT_HELLO_NAME_BYTES] = "";

	assert_int_equal(look(text.at, text.n, name), 0);
	assert_string_equal(name, wanted);
}

static struct text changed(struct text text, size_t at, uint8_t to)
{
	assert_true(at < text.n);
	text.at[at] = to;
	return text;
}

static void what_is_cut_asks_for_more(void **state)
{
	struct text whole = hello(VERSIONS SNI);
	char name[CLIENT_HELLO_NAME_BYTES];

	expect_name(whole, "a.b");
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(look(whole.at, n, name), CLIENT_HELLO_E_MORE);
}

static void what_comes_behind_changes_nothing(void **state)
{
	struct text early = hello(SNI), second = hello(SNI);

	add_hex(&early, "140303000101 1703030002abcd");   /* change of cipher, early data */
	expect_name(early, "a.b");
	add_hex(&second, "16030100");
	expect_name(second, "a.b");
}

static void a_message_in_several_records(void **state)
{
	char name[CLIENT_HELLO_NAME_BYTES];

	for (size_t n_record = 1; n_record < 90; n_record++) {
		struct text whole = hello_in(VERSIONS SNI, n_record);

		expect_name(whole, "a.b");
		for (size_t n = 0; n < whole.n; n++)
			assert_int_equal(look(whole.at, n, name), CLIENT_HELLO_E_MORE);
	}
}

/* The first record has 20 bytes of the message. */
static void something_else_between_records(void **state)
{
	struct text whole = hello_in(SNI, 20);

	expect(changed(whole, 25, 23), CLIENT_HELLO_E_NONE);
	expect(changed(whole, 26, 2), CLIENT_HELLO_E_NONE);
	whole.n = 26;
	expect(changed(whole, 25, 21), CLIENT_HELLO_E_NONE);   /* an alert, cut */
}

static void records_have_a_length_and_a_version(void **state)
{
	struct text whole = hello(SNI), text = { .n = 0 };

	expect_name(changed(whole, 2, 3), "a.b");
	expect_name(changed(whole, 2, 0), "a.b");
	expect(changed(whole, 1, 2), CLIENT_HELLO_E_NONE);
	add_hex(&text, "1603010000");
	expect(text, CLIENT_HELLO_E_NONE);
	text = changed(text, 3, 0x40);      /* 16384 bytes: the most that there may be */
	expect(text, CLIENT_HELLO_E_MORE);
	text = changed(text, 4, 1);
	expect(text, CLIENT_HELLO_E_NONE);
}

static void other_protocols_are_known_by_their_first_bytes(void **state)
{
	static const char *const others[] = { "G", "\200", "\27", "\26\2", "\26G", "\26\3\1\0\1\2",
					      "\26\3\1\0\4\2\0\0\0" };
	static const size_t n_bytes[] = { 1, 1, 1, 2, 2, 6, 9 };
	char name[CLIENT_HELLO_NAME_BYTES];

	assert_int_equal(look("", 0, name), CLIENT_HELLO_E_MORE);
	assert_int_equal(look("\26", 1, name), CLIENT_HELLO_E_MORE);
	assert_int_equal(look("GET / HTTP/1.1\r\nHost: a.b\r\n\r\n", 29, name), CLIENT_HELLO_E_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(look(others[i], n_bytes[i], name), CLIENT_HELLO_E_NONE);
}

static void no_name(void **state)
{
	struct text body = { .n = 0 }, message;

	expect(hello(""), CLIENT_HELLO_E_NONE);
	expect(hello(GREASE VERSIONS ECH), CLIENT_HELLO_E_NONE);
	add_hex(&body, HEAD);               /* without extensions, as TLS 1.2 may be */
	message = message_of(&body);
	expect(records_of(&message, MOST), CLIENT_HELLO_E_NONE);
	body.n = 0;
	message = message_of(&body);
	expect(records_of(&message, MOST), CLIENT_HELLO_E_NONE);
}

static void the_name_may_be_anywhere_among_extensions(void **state)
{
	expect_name(hello(SNI GREASE ECH), "a.b");
	expect_name(hello(GREASE ECH VERSIONS SNI GREASE), "a.b");
	expect_name(hello(ECH SNI "0000 0008 0006 00 0003 632e64"), "a.b");   /* the first of two */
}

static void names_of_another_type(void **state)
{
	expect(hello("0000 0008 0006 01 0003 612e62"), CLIENT_HELLO_E_NONE);
	expect_name(hello("0000 000e 000c 01 0003 612e62 00 0003 632e64"), "c.d");
	expect_name(hello("0000 000e 000c 00 0003 612e62 00 0003 632e64"), "a.b");
	expect(hello("0000 0006 0004 01 0004 61"), CLIENT_HELLO_E_NONE);   /* and of a length that lies */
	expect(hello("0000 0002 0000"), CLIENT_HELLO_E_NONE);
	expect(hello("0000 0000"), CLIENT_HELLO_E_NONE);
}

static void which_names_are_names(void **state)
{
	uint8_t longest[CLIENT_HELLO_NAME_BYTES];
	char wanted[CLIENT_HELLO_NAME_BYTES] = "";

	expect_name(hello_to("WWW.Example-1.COM", 17), "www.example-1.com");
	expect_name(hello_to("AZaz09-_.", 9), "azaz09-_.");           /* a last dot is left to the rules */
	for (size_t i = 0; i < 8; i++)
		/* next to letters, digits; what ends a text */
		expect(hello_to(&"@[`{/:\0 "[i], 1), CLIENT_HELLO_E_NONE);
	expect(hello_to("a.b\0c", 5), CLIENT_HELLO_E_NONE);
	expect(hello_to("\303\244.b", 4), CLIENT_HELLO_E_NONE);
	expect(hello_to("", 0), CLIENT_HELLO_E_NONE);
	memset(longest, 'X', sizeof(longest));
	memset(wanted, 'x', sizeof(wanted) - 1);
	expect_name(hello_to(longest, sizeof(longest) - 1), wanted);
	expect(hello_to(longest, sizeof(longest)), CLIENT_HELLO_E_NONE);
}

/* Each length's low byte, by its place in hello(GREASE SNI): one too much is more than there is of what it is in, or
 * shifts all that comes behind. */
static void lengths_that_lie(void **state)
{
	enum { RECORD = 4, MESSAGE = 8, SESSION = 43, SUITES = 47, COMPRESSION = 52, EXTENSIONS = 56, GREASES = 60,
	       EXTENSION = 65, LIST = 67, NAME = 70 };
	static const uint8_t places[] = { SESSION, SUITES, COMPRESSION, EXTENSIONS, GREASES, EXTENSION, LIST, NAME };
	struct text whole = hello(GREASE SNI);

	for (size_t i = 0; i < sizeof(places); i++) {
		expect(changed(whole, places[i], (uint8_t)(whole.at[places[i]] + 1)), CLIENT_HELLO_E_NONE);
		expect(changed(whole, places[i], 0xff), CLIENT_HELLO_E_NONE);
	}
	expect(changed(whole, EXTENSIONS, 1), CLIENT_HELLO_E_NONE);   /* not one extension's head */
	expect(changed(whole, EXTENSION, 7), CLIENT_HELLO_E_NONE);
	expect(changed(whole, LIST, 5), CLIENT_HELLO_E_NONE);
	expect(changed(whole, LIST, 1), CLIENT_HELLO_E_NONE);
	expect(changed(whole, MESSAGE, (uint8_t)(whole.at[MESSAGE] - 1)), CLIENT_HELLO_E_NONE);
	expect(changed(whole, MESSAGE, (uint8_t)(whole.at[MESSAGE] + 1)), CLIENT_HELLO_E_MORE);
	/* the message is whole, the record may be later */
	expect(changed(whole, RECORD, (uint8_t)(whole.at[RECORD] + 1)), 0);
	expect(changed(whole, RECORD, (uint8_t)(whole.at[RECORD] - 1)), CLIENT_HELLO_E_NONE);
}

/* A message of n bytes, the name behind all else. */
static struct text huge(size_t n)
{
	struct text extensions = { .n = 0 }, name = { .n = 0 }, body, message;
	static const uint8_t zeros[MOST];
	size_t n_padding;

	add_hex(&name, SNI);
	n_padding = n - unit_hex(HEAD).n - 4 - 2 - 4 - name.n;
	add_u16(&extensions, 21);
	add_u16(&extensions, n_padding);
	add(&extensions, zeros, n_padding);
	add(&extensions, name.at, name.n);
	body = body_of(&extensions);
	message = message_of(&body);
	assert_int_equal(message.n, n);
	return message;
}

static void a_message_that_is_too_long_is_not_waited_for(void **state)
{
	struct text fits = huge(MOST - 5), large = huge(MOST - 4), larger = huge(MOST + 1), text;

	expect_name(records_of(&fits, MOST), "a.b");
	text = records_of(&large, MOST);    /* one byte of it is beyond what is looked at */
	expect(text, CLIENT_HELLO_E_NONE);
	text.n = MOST - 1;
	expect(text, CLIENT_HELLO_E_MORE);
	text = records_of(&larger, MOST);
	text.n = 9;                         /* its length says enough */
	expect(text, CLIENT_HELLO_E_NONE);
	text = hello(SNI);
	expect(changed(text, 6, 1), CLIENT_HELLO_E_NONE);
	text.n = 7;
	expect(changed(text, 6, 1), CLIENT_HELLO_E_NONE);
	fits = huge(MOST / 4);
	expect(records_of(&fits, 1), CLIENT_HELLO_E_NONE);   /* a record each byte */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cut_asks_for_more),
		cmocka_unit_test(what_comes_behind_changes_nothing),
		cmocka_unit_test(a_message_in_several_records),
		cmocka_unit_test(something_else_between_records),
		cmocka_unit_test(records_have_a_length_and_a_version),
		cmocka_unit_test(other_protocols_are_known_by_their_first_bytes),
		cmocka_unit_test(no_name),
		cmocka_unit_test(the_name_may_be_anywhere_among_extensions),
		cmocka_unit_test(names_of_another_type),
		cmocka_unit_test(which_names_are_names),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(a_message_that_is_too_long_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
