/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection's first bytes, as they come: what was said of some of them holds when there are more, and a name is
 * one that rules can be asked for. */
#include "fuzz.h"

#include "wire/client_hello.h"

static int look(const uint8_t *bytes, size_t n, char name[CLIENT_HELLO_NAME_BYTES])
{
	uint8_t *copy = fuzz_copy(bytes, n);
	int r = client_hello_name((struct bytes){ copy, n }, name);

	free(copy);
	return r;
}

static void expect_host(const char *name)
{
	size_t n = strnlen(name, CLIENT_HELLO_NAME_BYTES);

	expect(n > 0 && n < CLIENT_HELLO_NAME_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char name[CLIENT_HELLO_NAME_BYTES], again[CLIENT_HELLO_NAME_BYTES];
	int r = look(bytes, n, name);
	uint32_t state = (uint32_t)n;

	expect(r == 0 || r == CLIENT_HELLO_E_NONE || (r == CLIENT_HELLO_E_MORE && n < CLIENT_HELLO_MOST_BYTES));
	if (!r)
		expect_host(name);
	for (size_t n_there = 0; n_there < n; n_there += fuzz_piece(&state)) {
		int before = look(bytes, n_there, again);

		if (before == CLIENT_HELLO_E_MORE)
			continue;
		expect(before == r && (r || !strcmp(name, again)));
		break;
	}
	return 0;
}
