/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first packet of a connection, whole, cut at every byte, and others than SYNs. */
#include "unit.h"

#include "wire/syn.h"

#define V4_BYTES 48
#define V6_BYTES 68
#define V4_TCP 20
#define V6_TCP 40
#define FLAGS_AT 13
#define OFFSET_AT 12
#define OPTIONS_AT 20

/* DSCP 46; 192.0.2.7:40000 to 198.51.100.1:443; options: NOP, NOP, SACK permitted, MSS 1400. */
static const uint8_t v4[V4_BYTES] = {
	0x45, 0xb8, 0, 48, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1,
	0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x70, 0x02, 0xff, 0xff, 0, 0, 0, 0,
	1, 1, 4, 2, 2, 4, 0x05, 0x78,
};
/* The same over IPv6, from 2001:db8::7 to 2001:db8::1. */
static const uint8_t v6[V6_BYTES] = {
	0x6b, 0x80, 0, 0, 0, 28, 6, 64,
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x70, 0x02, 0xff, 0xff, 0, 0, 0, 0,
	1, 1, 4, 2, 2, 4, 0x05, 0x78,
};

static int get(const uint8_t *bytes, size_t n, struct syn *out)
{
	return syn_get((struct bytes){ bytes, n }, out);
}

static void expect_syn(const uint8_t *bytes, size_t n, const char *source, const char *destination)
{
	char text[ADDRESS_TEXT_BYTES];
	struct syn syn;

	assert_int_equal(get(bytes, n, &syn), 0);
	assert_string_equal(address_format(&syn.source, text), source);
	assert_string_equal(address_format(&syn.destination, text), destination);
	assert_int_equal(syn.dscp, 46);
}

static void tells_whose_and_where_to(void **state)
{
	expect_syn(v4, V4_BYTES, "192.0.2.7:40000", "198.51.100.1:443");
	expect_syn(v6, V6_BYTES, "[2001:db8::7]:40000", "[2001:db8::1]:443");
}

static void cut_within_the_headers_is_malformed(void **state)
{
	struct syn syn;

	for (size_t n = 0; n < V4_TCP + OPTIONS_AT; n++)
		assert_int_equal(get(v4, n, &syn), SYN_E_MALFORMED);
	for (size_t n = 0; n < V6_TCP + OPTIONS_AT; n++)
		assert_int_equal(get(v6, n, &syn), SYN_E_MALFORMED);
}

static void cut_within_the_options_is_a_syn_all_the_same(void **state)
{
	for (size_t n = V4_TCP + OPTIONS_AT; n < V4_BYTES; n++)
		expect_syn(v4, n, "192.0.2.7:40000", "198.51.100.1:443");
}

/* With one byte of the IPv4 packet changed. */
static int changed(size_t at, uint8_t to)
{
	uint8_t bytes[V4_BYTES];
	struct syn syn;

	memcpy(bytes, v4, sizeof(bytes));
	bytes[at] = to;
	return get(bytes, sizeof(bytes), &syn);
}

static void is_no_syn(void **state)
{
	assert_int_equal(changed(V4_TCP + FLAGS_AT, 0x12), SYN_E_OTHER);   /* SYN and ACK */
	assert_int_equal(changed(V4_TCP + FLAGS_AT, 0x10), SYN_E_OTHER);
	assert_int_equal(changed(V4_TCP + FLAGS_AT, 0x06), SYN_E_OTHER);   /* SYN and RST */
	assert_int_equal(changed(V4_TCP + FLAGS_AT, 0xc2), 0);             /* SYN of a host with ECN */
	assert_int_equal(changed(9, 17), SYN_E_OTHER);                     /* UDP */
	assert_int_equal(changed(6, 0x20), SYN_E_OTHER);                   /* the first of several fragments */
	assert_int_equal(changed(7, 1), SYN_E_OTHER);                      /* a later one */
	assert_int_equal(changed(0, 0x44), SYN_E_MALFORMED);
	assert_int_equal(changed(0, 0x4f), SYN_E_MALFORMED);               /* more IP options than there are bytes */
	assert_int_equal(changed(0, 0x55), SYN_E_MALFORMED);
	assert_int_equal(changed(V4_TCP + OFFSET_AT, 0x40), SYN_E_MALFORMED);
}

static void passes_over_ip_options(void **state)
{
	uint8_t bytes[V4_BYTES + 4];

	memcpy(bytes, v4, V4_TCP);
	memset(bytes + V4_TCP, 1, 4);
	memcpy(bytes + V4_TCP + 4, v4 + V4_TCP, V4_BYTES - V4_TCP);
	bytes[0] = 0x46;
	expect_syn(bytes, sizeof(bytes), "192.0.2.7:40000", "198.51.100.1:443");
}

/* A header of 8 bytes before TCP. */
static int with_header(uint8_t kind, uint8_t n_units, struct syn *syn)
{
	uint8_t bytes[V6_BYTES + 8] = { 0 };

	memcpy(bytes, v6, V6_TCP);
	memcpy(bytes + V6_TCP + 8, v6 + V6_TCP, V6_BYTES - V6_TCP);
	bytes[6] = kind;
	bytes[V6_TCP] = 6;
	bytes[V6_TCP + 1] = n_units;
	return get(bytes, sizeof(bytes), syn);
}

static void passes_over_extension_headers(void **state)
{
	static const uint8_t kinds[] = { 0, 43, 60 };
	struct syn syn;

	for (size_t i = 0; i < sizeof(kinds); i++) {
		assert_int_equal(with_header(kinds[i], 0, &syn), 0);
		assert_int_equal(syn.destination.port, 443);
	}
	assert_int_equal(with_header(44, 0, &syn), SYN_E_OTHER);   /* a fragment */
	assert_int_equal(with_header(60, 255, &syn), SYN_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_whose_and_where_to),
		cmocka_unit_test(cut_within_the_headers_is_malformed),
		cmocka_unit_test(cut_within_the_options_is_a_syn_all_the_same),
		cmocka_unit_test(is_no_syn),
		cmocka_unit_test(passes_over_ip_options),
		cmocka_unit_test(passes_over_extension_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
