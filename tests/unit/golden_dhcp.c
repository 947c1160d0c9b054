/* SPDX-License-Identifier: GPL-2.0-or-later */
/* golden_dhcp FILE: as golden_convert, for converters' addresses in DHCP. The format stands at the head of
 * tests/golden/dhcp.txt. */
#include "unit_golden.h"

#include "wire/dhcp.h"

static void show_value(FILE *out, const char *what, const struct bytes *in,
		       int (*get)(struct dhcp_converters *converters, const void *value, size_t n_bytes))
{
	struct dhcp_converters converters;
	int r = get(&converters, in->at, in->n);

	fprintf(out, "text %s:%s", what, r ? " malformed" : "");
	for (size_t i = 0; !r && i < converters.n; i++) {
		char text[ADDRESS_TEXT_BYTES];

		fprintf(out, "%s %u %s", i ? "," : "", converters.at[i].converter,
			address_format(&converters.at[i].address, text));
	}
	if (!r && converters.n_left_out)
		fprintf(out, ", %zu more", converters.n_left_out);
	fputc('\n', out);
}

static void show(FILE *out, struct bytes in)
{
	show_value(out, "v4", &in, dhcp_v4_get);
	show_value(out, "v6", &in, dhcp_v6_get);
}

int main(int argc, char **argv)
{
	return golden_main(argc, argv, show);
}
