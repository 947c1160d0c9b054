/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host's first packet: what is one, is one however it is cut behind the options; and nothing beyond the packet
 * counts. */
#include "fuzz.h"

#include "wire/syn.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct syn syn, again;
	int r = syn_get((struct bytes){ bytes, n }, &syn);

	expect(r == 0 || r == SYN_E_MALFORMED || r == SYN_E_OTHER);
	if (r)
		return 0;
	expect(n >= 40 && syn.dscp < 64);
	for (size_t cut = 1; cut <= n; cut++) {
		r = syn_get((struct bytes){ bytes, n - cut }, &again);
		if (r)
			break;   /* within the headers */
		expect(address_equal(&syn.source, &again.source) &&
		       address_equal(&syn.destination, &again.destination));
	}
	return 0;
}
