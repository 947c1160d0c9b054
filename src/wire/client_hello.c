/* SPDX-License-Identifier: MIT */
#include "wire/client_hello.h"

#include <stdbool.h>
#include <stddef.h>

#define RECORD_HANDSHAKE 22
#define RECORD_MAJOR 3              /* of its version, from SSL 3 to TLS 1.3 */
#define RECORD_MOST_BYTES 16384
#define MESSAGE_CLIENT_HELLO 1
#define MESSAGE_HEAD_BYTES 4
#define VERSION_AND_RANDOM_BYTES 34
#define EXTENSION_SERVER_NAME 0
#define NAME_OF_HOST 0

/* A head that is cut is judged by what is there, so that another protocol's few first bytes are not waited on. */
static int begin_record(struct cursor *c, size_t *n_record)
{
	size_t n_there = c->n_left;
	uint8_t type = cursor_get_u8(c), major = cursor_get_u8(c);

	cursor_skip(c, 1);          /* minor */
	*n_record = cursor_get_u16be(c);
	if ((n_there > 0 && type != RECORD_HANDSHAKE) || (n_there > 1 && major != RECORD_MAJOR))
		return CLIENT_HELLO_E_NONE;
	if (cursor_failed(c))
		return CLIENT_HELLO_E_MORE;
	return *n_record && *n_record <= RECORD_MOST_BYTES ? 0 : CLIENT_HELLO_E_NONE;
}

/* The handshake's bytes without their records; out has room for all of c. Returns what may come behind them:
 * CLIENT_HELLO_E_*. */
static int join_records(struct cursor c, uint8_t *out, size_t *n_out)
{
	size_t n_record;
	int r;

	for (*n_out = 0; !(r = begin_record(&c, &n_record)); *n_out += n_record) {
		if (n_record > c.n_left)
			n_record = c.n_left;
		cursor_get_bytes(&c, out + *n_out, n_record);
	}
	return r;
}

static bool is_of_name(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
	       byte == '.';
}

static int get_host(struct bytes host, char *name)
{
	if (!host.n || host.n >= CLIENT_HELLO_NAME_BYTES)
		return CLIENT_HELLO_E_NONE;
	for (size_t i = 0; i < host.n; i++) {
		uint8_t byte = host.at[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (uint8_t)(byte + 'a' - 'A');
		if (!is_of_name(byte))
			return CLIENT_HELLO_E_NONE;
		name[i] = (char)byte;
	}
	name[host.n] = 0;
	return 0;
}

static int get_names(struct cursor extension, char *name)
{
	struct cursor names = cursor_sub(&extension, cursor_get_u16be(&extension));

	while (names.n_left && !cursor_failed(&names)) {
		uint8_t type = cursor_get_u8(&names);
		struct bytes host = cursor_take(&names, cursor_get_u16be(&names));

		if (type == NAME_OF_HOST)
			return get_host(host, name);
	}
	return CLIENT_HELLO_E_NONE;
}

static int get_hello(struct cursor c, char *name)
{
	struct cursor extensions;

	cursor_skip(&c, VERSION_AND_RANDOM_BYTES);
	cursor_skip(&c, cursor_get_u8(&c));         /* session */
	cursor_skip(&c, cursor_get_u16be(&c));      /* cipher suites */
	cursor_skip(&c, cursor_get_u8(&c));         /* compression */
	extensions = cursor_sub(&c, cursor_get_u16be(&c));   /* TLS 1.2 and before: there may be none */
	while (extensions.n_left && !cursor_failed(&extensions)) {
		uint16_t type = cursor_get_u16be(&extensions);
		struct cursor extension = cursor_sub(&extensions, cursor_get_u16be(&extensions));

		if (type == EXTENSION_SERVER_NAME)
			return get_names(extension, name);
	}
	return CLIENT_HELLO_E_NONE;
}

int client_hello_name(struct bytes first, char name[CLIENT_HELLO_NAME_BYTES])
{
	uint8_t joined[CLIENT_HELLO_MOST_BYTES];
	bool is_all = first.n >= sizeof(joined);
	size_t n_joined, n_hello;
	int r = join_records(cursor_of(first.at, is_all ? sizeof(joined) : first.n), joined, &n_joined);
	struct cursor c = cursor_of(joined, n_joined);
	uint8_t type = cursor_get_u8(&c);

	n_hello = (size_t)cursor_get_u8(&c) << 16;
	n_hello |= cursor_get_u16be(&c);
	if ((n_joined && type != MESSAGE_CLIENT_HELLO) || n_hello > sizeof(joined) - MESSAGE_HEAD_BYTES)
		return CLIENT_HELLO_E_NONE;
	if (cursor_failed(&c) || n_hello > c.n_left)
		return is_all ? CLIENT_HELLO_E_NONE : r;
	return get_hello(cursor_sub(&c, n_hello), name);
}
