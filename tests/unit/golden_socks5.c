/* SPDX-License-Identifier: GPL-2.0-or-later */
/* golden_socks5 FILE: as golden_convert, for SOCKS5's messages, each shown as everything that it may be. The format
 * stands at the head of tests/golden/socks5.txt. */
#include "unit_golden.h"

#include "wire/socks5.h"

static const char *const errors[] = {
	[SOCKS5_E_SHORT] = "short", [SOCKS5_E_VERSION] = "another version", [SOCKS5_E_MALFORMED] = "malformed",
	[SOCKS5_E_ADDRESS_TYPE] = "unknown address type",
};

/* The rest of the line: an error, or how it is written back. */
static void show_end(FILE *out, int r, const struct bytes *in, const uint8_t *room, size_t n)
{
	if (r)
		fprintf(out, " %s\n", errors[r]);
	else
		fprintf(out, "%s\n", n <= in->n && !memcmp(room, in->at, n) ? "" : ", written back otherwise");
}

static void show_methods(FILE *out, const struct bytes *in)
{
	uint8_t room[SOCKS5_METHODS_BYTES];
	struct socks5_methods methods;
	int r = socks5_methods_get(&methods, in->at, in->n);

	fputs("text methods:", out);
	for (size_t i = 0; !r && i < methods.methods.n; i++)
		fprintf(out, " %u", methods.methods.at[i]);
	show_end(out, r, in, room, r ? 0 : socks5_methods_put(&methods, room, sizeof(room)));
}

static void show_pair(FILE *out, const char *what, const struct bytes *in,
		      int (*get)(uint8_t *value, const void *bytes, size_t n),
		      size_t (*put)(uint8_t value, void *room, size_t n_room))
{
	uint8_t room[SOCKS5_CHOICE_BYTES], value = 0;
	int r = get(&value, in->at, in->n);

	fprintf(out, "text %s:", what);
	if (!r)
		fprintf(out, " %u", value);
	show_end(out, r, in, room, r ? 0 : put(value, room, sizeof(room)));
}

static void show_password(FILE *out, const struct bytes *in)
{
	uint8_t room[SOCKS5_PASSWORD_BYTES];
	struct socks5_password login;
	int r = socks5_password_get(&login, in->at, in->n);

	fputs("text password:", out);
	if (!r)
		fprintf(out, " user %.*s password %.*s", (int)login.user.n, (const char *)login.user.at,
			(int)login.password.n, (const char *)login.password.at);
	show_end(out, r, in, room, r ? 0 : socks5_password_put(&login, room, sizeof(room)));
}

static void show_endpoint(FILE *out, const struct bytes *in)
{
	uint8_t room[SOCKS5_ENDPOINT_BYTES];
	struct socks5_endpoint endpoint;
	int r = socks5_endpoint_get(&endpoint, in->at, in->n);
	char text[ADDRESS_TEXT_BYTES];

	fputs("text request or reply:", out);
	if (!r && endpoint.name.n)
		fprintf(out, " %u %.*s port %u", endpoint.code, (int)endpoint.name.n, (const char *)endpoint.name.at,
			endpoint.address.port);
	else if (!r)
		fprintf(out, " %u %s", endpoint.code, address_format(&endpoint.address, text));
	show_end(out, r, in, room, r ? 0 : socks5_endpoint_put(&endpoint, room, sizeof(room)));
}

static void show(FILE *out, struct bytes in)
{
	show_methods(out, &in);
	show_pair(out, "choice", &in, socks5_choice_get, socks5_choice_put);
	show_password(out, &in);
	show_pair(out, "status", &in, socks5_status_get, socks5_status_put);
	show_endpoint(out, &in);
}

int main(int argc, char **argv)
{
	return golden_main(argc, argv, show);
}
