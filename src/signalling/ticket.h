/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A subscriber's proof in the first message: the value of the Cookie TLV (RFC 8803, 6.2.6, whose content is left to
 * the converter). Layout, all big-endian: version 1 (u8), zeros (3 bytes), key fingerprint (8), time in Unix
 * seconds (u32), nonce (12), MAC (16) = 44 bytes. The MAC is keyed BLAKE2b over all before it and over the
 * destination (16 address bytes and the port). Pure: time and nonce are handed in.
 */
#ifndef BRAID_SIGNALLING_TICKET_H
#define BRAID_SIGNALLING_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define TICKET_KEY_BYTES 32
#define TICKET_FINGERPRINT_BYTES 8
#define TICKET_NONCE_BYTES 12
#define TICKET_BYTES 44
#define TICKET_PROOF_BYTES 16

struct ticket {
	uint8_t fingerprint[TICKET_FINGERPRINT_BYTES];
	uint32_t time_s;
	uint8_t nonce[TICKET_NONCE_BYTES];
};

enum {
	TICKET_E_SYNTAX = 1,   /* not a ticket of this version: wrong length or version */
	TICKET_E_MAC,          /* a ticket, but not made with this key for this destination */
};

/* Names a key without telling it: the first bytes of its BLAKE2b hash. */
void ticket_fingerprint(const uint8_t key[TICKET_KEY_BYTES], uint8_t out[TICKET_FINGERPRINT_BYTES]);

/* Writes TICKET_BYTES bytes. ticket->fingerprint is filled in from the key. */
void ticket_put(struct ticket *ticket, const uint8_t key[TICKET_KEY_BYTES], const struct address *destination,
		uint8_t out[TICKET_BYTES]);

/* Reads the fields without proving anything: to find the key. 0 or TICKET_E_SYNTAX. */
int ticket_get(struct ticket *ticket, const uint8_t *in, size_t n_in);

/* Proves it, in constant time. 0, TICKET_E_SYNTAX or TICKET_E_MAC. Time and replay are the caller's
 * (policy/replay.h). */
int ticket_verify(const uint8_t *in, size_t n_in, const uint8_t key[TICKET_KEY_BYTES],
		  const struct address *destination);

/* The converter's proof to whoever has sent a ticket (decision 0034): keyed BLAKE2b over "braid converter", the
 * ticket, and the address and port at which the converter was found. So one that is handed on from elsewhere is no
 * proof. Writes TICKET_PROOF_BYTES. */
void ticket_prove(const uint8_t ticket[TICKET_BYTES], const uint8_t key[TICKET_KEY_BYTES],
		  const struct address *converter, uint8_t out[TICKET_PROOF_BYTES]);
/* In constant time. */
bool ticket_is_proof(const uint8_t proof[TICKET_PROOF_BYTES], const uint8_t ticket[TICKET_BYTES],
		     const uint8_t key[TICKET_KEY_BYTES], const struct address *converter);

#endif
