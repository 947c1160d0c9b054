/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Converters' addresses from DHCP, which anybody on a link may answer: what is sound accounts for every byte of it. */
#include "fuzz.h"

#include "wire/dhcp.h"

static void check_v4(const uint8_t *value, size_t n)
{
	struct dhcp_converters converters;
	size_t n_lists = 0, n_addresses = 0;

	if (dhcp_v4_get(&converters, value, n))
		return;
	for (size_t at = 0; at < n; at += 1u + value[at], n_lists++)
		n_addresses += value[at] / 4;
	expect(converters.n && converters.n <= DHCP_ADDRESSES && converters.n + converters.n_left_out == n_addresses);
	expect(n_lists + 4 * n_addresses == n);
	for (size_t i = 0; i < converters.n; i++) {
		expect(address_is_v4(&converters.at[i].address) && !converters.at[i].address.port);
		expect(i ? converters.at[i].converter - converters.at[i - 1].converter <= 1 :
		       !converters.at[i].converter);
	}
}

static void check_v6(const uint8_t *value, size_t n)
{
	struct dhcp_converters converters;
	int r = dhcp_v6_get(&converters, value, n);

	expect(!r == (n && n % 16 == 0));
	expect(r || (16 * (converters.n + converters.n_left_out) == n &&
		     !memcmp(converters.at[0].address.ip, value, 16)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n);

	check_v4(copy, n);
	check_v6(copy, n);
	free(copy);
	return 0;
}
