/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host's NAT-PMP: what is one, has its 2 or 12 bytes; bytes behind it change nothing. */
#include "fuzz.h"

#include "wire/natpmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n);
	struct natpmp_request request, again;
	int r = natpmp_request_get(&request, copy, n);

	expect(r >= 0 && r <= NATPMP_E_OPCODE);
	expect(r || (request.opcode <= NATPMP_MAP_TCP && n >= (request.opcode == NATPMP_ADDRESS ? 2u : 12u)));
	if (!r && n > 12) {
		expect(!natpmp_request_get(&again, copy, 12) && request.opcode == again.opcode &&
		       request.lifetime_s == again.lifetime_s);
		expect(request.internal_port == again.internal_port && request.external_port == again.external_port);
	}
	free(copy);
	return 0;
}
