/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signalling/ticket.h"

#include <assert.h>
#include <sodium.h>
#include "base/cursor.h"

#define TICKET_VERSION 1
#define MAC_BYTES 16
#define MACED_BYTES (TICKET_BYTES - MAC_BYTES)

/* Over head, fields and the address. */
static void mac_over(struct bytes head, struct bytes fields, const uint8_t key[TICKET_KEY_BYTES],
		     const struct address *address, uint8_t mac[MAC_BYTES])
{
	const uint8_t port[2] = { (uint8_t)(address->port >> 8), (uint8_t)address->port };
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, TICKET_KEY_BYTES, MAC_BYTES);
	crypto_generichash_update(&state, head.at, head.n);
	crypto_generichash_update(&state, fields.at, fields.n);
	crypto_generichash_update(&state, address->ip, sizeof(address->ip));
	crypto_generichash_update(&state, port, sizeof(port));
	crypto_generichash_final(&state, mac, MAC_BYTES);
}

static void mac_of(const uint8_t *fields, const uint8_t key[TICKET_KEY_BYTES], const struct address *destination,
		   uint8_t mac[MAC_BYTES])
{
	mac_over((struct bytes){ fields, 0 }, (struct bytes){ fields, MACED_BYTES }, key, destination, mac);
}

void ticket_fingerprint(const uint8_t key[TICKET_KEY_BYTES], uint8_t out[TICKET_FINGERPRINT_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), key, TICKET_KEY_BYTES, NULL, 0);
	for (size_t i = 0; i < TICKET_FINGERPRINT_BYTES; i++)
		out[i] = hash[i];
}

void ticket_put(struct ticket *ticket, const uint8_t key[TICKET_KEY_BYTES], const struct address *destination,
		uint8_t out[TICKET_BYTES])
{
	struct cursor_out c = cursor_into(out, MACED_BYTES);

	ticket_fingerprint(key, ticket->fingerprint);
	cursor_put_u8(&c, TICKET_VERSION);
	cursor_put_zeros(&c, 3);
	cursor_put_bytes(&c, ticket->fingerprint, sizeof(ticket->fingerprint));
	cursor_put_u32be(&c, ticket->time_s);
	cursor_put_bytes(&c, ticket->nonce, sizeof(ticket->nonce));
	mac_of(out, key, destination, out + MACED_BYTES);
}

int ticket_get(struct ticket *ticket, const uint8_t *in, size_t n_in)
{
	struct cursor c = cursor_of(in, n_in);
	uint32_t version = cursor_get_u32be(&c);

	cursor_get_bytes(&c, ticket->fingerprint, sizeof(ticket->fingerprint));
	ticket->time_s = cursor_get_u32be(&c);
	cursor_get_bytes(&c, ticket->nonce, sizeof(ticket->nonce));
	return n_in != TICKET_BYTES || version != TICKET_VERSION << 24 ? TICKET_E_SYNTAX : 0;
}

int ticket_verify(const uint8_t *in, size_t n_in, const uint8_t key[TICKET_KEY_BYTES],
		  const struct address *destination)
{
	struct ticket ticket;
	uint8_t mac[MAC_BYTES];

	if (ticket_get(&ticket, in, n_in))
		return TICKET_E_SYNTAX;
	mac_of(in, key, destination, mac);
	return sodium_memcmp(mac, in + MACED_BYTES, MAC_BYTES) ? TICKET_E_MAC : 0;
}

/* Nothing that a ticket's MAC is over begins so: a ticket begins with its version. */
void ticket_prove(const uint8_t ticket[TICKET_BYTES], const uint8_t key[TICKET_KEY_BYTES],
		  const struct address *converter, uint8_t out[TICKET_PROOF_BYTES])
{
	static const uint8_t head[] = "braid converter";

	static_assert(TICKET_PROOF_BYTES == MAC_BYTES, "a proof is a MAC");
	mac_over((struct bytes){ head, sizeof(head) - 1 }, (struct bytes){ ticket, TICKET_BYTES }, key, converter, out);
}

bool ticket_is_proof(const uint8_t proof[TICKET_PROOF_BYTES], const uint8_t ticket[TICKET_BYTES],
		     const uint8_t key[TICKET_KEY_BYTES], const struct address *converter)
{
	uint8_t right[TICKET_PROOF_BYTES];

	ticket_prove(ticket, key, converter, right);
	return !sodium_memcmp(right, proof, sizeof(right));
}
