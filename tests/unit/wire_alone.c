/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody else's program is who links libbraidwire and nothing else of Braid. */
#include <stdio.h>
#include "wire/convert.h"

int main(void)
{
	uint8_t room[64];
	struct convert_writer writer = convert_begin(room, sizeof(room));
	struct convert_connect connect = { 0 };
	struct convert_message message;
	size_t n;

	if (address_parse(&connect.remote, "192.0.2.1:443", 0))
		return 1;
	convert_put_connect(&writer, &connect);
	n = convert_end(&writer);
	if (convert_message_get(&message, room, n) || !message.has_connect ||
	    !address_equal(&message.connect.remote, &connect.remote)) {
		printf("expected a message of 24 bytes with Connect to 192.0.2.1:443, saw %zu bytes\n", n);
		return 1;
	}
	return 0;
}
