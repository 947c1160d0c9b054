/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of TCP options: what is listed, with the padding between, makes up the whole; and a Connect takes what a
 * list takes. */
#include "fuzz.h"

#include "wire/convert.h"

#define OPTIONS_MOST_BYTES 992   /* what a Connect in a whole message can hold */

static bool connect_takes(const uint8_t *bytes, size_t n)
{
	uint8_t room[CONVERT_MESSAGE_BYTES];
	struct convert_writer w = convert_begin(room, sizeof(room));
	struct convert_connect connect = { .options = { bytes, n } };
	struct convert_message m;
	int r;

	convert_put_connect(&w, &connect);
	r = convert_message_get(&m, room, convert_end(&w));
	expect(r == 0 || r == CONVERT_E_MALFORMED);
	if (!r)
		expect(m.connect.options.n >= n && m.connect.options.n < n + 4 &&
		       !memcmp(m.connect.options.at, bytes, n));
	return !r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct cursor c = cursor_of(bytes, n);
	struct convert_option option;
	const uint8_t *at = bytes;

	while (convert_option_next(&c, &option)) {
		while (*at < 2)
			at++;
		expect(option.kind == at[0] && option.content.n == at[1] - 2u);
		expect(option.content.at == at + 2 || !option.content.n);
		at += at[1];
		expect(at == c.at && at + c.n_left == bytes + n);
	}
	if (!cursor_failed(&c))
		for (; at < bytes + n; at++)
			expect(*at < 2);
	if (n % 4 == 0 && n && n <= OPTIONS_MOST_BYTES)   /* else padding could complete the last one */
		expect(connect_takes(bytes, n) == !cursor_failed(&c));
	return 0;
}
