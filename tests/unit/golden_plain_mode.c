/* SPDX-License-Identifier: GPL-2.0-or-later */
/* golden_plain_mode FILE: as golden_convert, for the messages of plain mode. */
#include "unit_golden.h"

#include "wire/plain_mode.h"

static void show_record(FILE *out, struct bytes in)
{
	struct plain_mode message;
	char text[ADDRESS_TEXT_BYTES];
	uint8_t room[PLAIN_MODE_BYTES];
	int r = plain_mode_get(&message, in.at, in.n);
	size_t n;

	if (r) {
		fputs(r == PLAIN_MODE_E_SHORT ? "text more bytes are needed\n" : "text malformed\n", out);
		return;
	}
	fprintf(out, "text message of %zu bytes, %zu follow\n", message.n_bytes, in.n - message.n_bytes);
	if (message.has_destination)
		fprintf(out, "text destination %s\n", address_format(&message.destination, text));
	if (message.has_source)
		fprintf(out, "text source %s%s\n", address_format(&message.source, text),
			message.source_first ? ", first" : "");
	n = plain_mode_put(&message, room);
	fprintf(out, "text written back %s\n",
		n == message.n_bytes && !memcmp(room, in.at, n) ? "the same" : "otherwise");
}

int main(int argc, char **argv)
{
	return golden_main(argc, argv, show_record);
}
