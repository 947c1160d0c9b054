/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets: what has the form of one is what ticket_put() would write, but for the key's part; what is proven, is it
 * wholly. */
#include "fuzz.h"

#include "signalling/ticket.h"

#define MAC_BYTES 16
#define FINGERPRINT_AT 4

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint8_t key[TICKET_KEY_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct address destination = address_from_v4(0x010200c0, 443);
	uint8_t again[TICKET_BYTES];
	struct ticket ticket;
	int r = ticket_get(&ticket, bytes, n), proven = ticket_verify(bytes, n, key, &destination);

	expect(r == 0 || r == TICKET_E_SYNTAX);
	expect((r == TICKET_E_SYNTAX) == (proven == TICKET_E_SYNTAX));
	if (r)
		return 0;
	expect(n == TICKET_BYTES);
	expect(!memcmp(ticket.fingerprint, bytes + FINGERPRINT_AT, sizeof(ticket.fingerprint)));
	ticket_put(&ticket, key, &destination, again);
	expect(ticket_verify(again, sizeof(again), key, &destination) == 0);
	memcpy(again + FINGERPRINT_AT, bytes + FINGERPRINT_AT, sizeof(ticket.fingerprint));
	expect(!memcmp(again, bytes, TICKET_BYTES - MAC_BYTES));
	if (!proven) {   /* so the fingerprint was this key's, and the MAC is the one that we wrote */
		expect(!memcmp(again, bytes, TICKET_BYTES));
		again[bytes[TICKET_BYTES - 1] % TICKET_BYTES] ^= 1;
		expect(ticket_verify(again, sizeof(again), key, &destination));
	}
	return 0;
}
