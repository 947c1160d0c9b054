/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOCKS5's messages, each as all that they may be: what is read can be written, and is read from that as the same;
 * what is no message stays none, whatever comes behind. */
#include "fuzz.h"

#include "wire/socks5.h"

static bool same(struct bytes a, struct bytes b)
{
	return a.n == b.n && (!a.n || !memcmp(a.at, b.at, a.n));
}

static int methods(const uint8_t *bytes, size_t n)
{
	uint8_t room[SOCKS5_METHODS_BYTES];
	struct socks5_methods message, again;
	int r = socks5_methods_get(&message, bytes, n);

	if (r)
		return r;
	expect(message.n_bytes <= n && socks5_methods_put(&message, room, sizeof(room)) == message.n_bytes &&
	       !memcmp(room, bytes, message.n_bytes));
	expect(!socks5_methods_get(&again, room, message.n_bytes) && same(again.methods, message.methods));
	return 0;
}

static int password(const uint8_t *bytes, size_t n)
{
	uint8_t room[SOCKS5_PASSWORD_BYTES];
	struct socks5_password message;
	int r = socks5_password_get(&message, bytes, n);

	if (r)
		return r;
	expect(message.n_bytes <= n && socks5_password_put(&message, room, sizeof(room)) == message.n_bytes &&
	       !memcmp(room, bytes, message.n_bytes));
	return 0;
}

static int endpoint(const uint8_t *bytes, size_t n)
{
	uint8_t room[SOCKS5_ENDPOINT_BYTES];
	struct socks5_endpoint message, again;
	int r = socks5_endpoint_get(&message, bytes, n);
	size_t n_room;

	if (r)
		return r;
	expect(message.n_bytes <= n);
	n_room = socks5_endpoint_put(&message, room, sizeof(room));   /* a mapped address, and none, are IPv4's then:
								       * shorter */
	expect(n_room && n_room <= message.n_bytes);
	expect(!socks5_endpoint_get(&again, room, n_room) && again.n_bytes == n_room && again.code == message.code &&
	       same(again.name, message.name));
	expect(address_equal(&again.address, &message.address) ||
	       (address_is_unspecified(&again.address) && again.address.port == message.address.port));
	return 0;
}

static int choice(const uint8_t *bytes, size_t n)
{
	uint8_t room[SOCKS5_CHOICE_BYTES], value;
	int r = socks5_choice_get(&value, bytes, n);

	expect(r || (socks5_choice_put(value, room, sizeof(room)) == sizeof(room) &&
		     !memcmp(room, bytes, sizeof(room))));
	return r;
}

static int status(const uint8_t *bytes, size_t n)
{
	uint8_t room[SOCKS5_STATUS_BYTES], value;
	int r = socks5_status_get(&value, bytes, n);

	expect(r || (socks5_status_put(value, room, sizeof(room)) == sizeof(room) &&
		     !memcmp(room, bytes, sizeof(room))));
	return r;
}

/* From the first verdict on, all longer ones have the same. */
static void grow(int (*read)(const uint8_t *bytes, size_t n), const uint8_t *bytes, size_t n)
{
	int verdict = SOCKS5_E_SHORT;

	for (size_t i = 0; i <= n; i++) {
		uint8_t *copy = fuzz_copy(bytes, i);
		int r = read(copy, i);

		free(copy);
		expect(verdict == SOCKS5_E_SHORT || r == verdict);
		verdict = r;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n > SOCKS5_PASSWORD_BYTES + 8)
		return 0;
	grow(methods, bytes, n);
	grow(password, bytes, n);
	grow(endpoint, bytes, n);
	grow(choice, bytes, n);
	grow(status, bytes, n);
	return 0;
}
