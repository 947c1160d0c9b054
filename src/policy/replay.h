/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window in which a ticket may be used, and used once (design: trust). A fixed table sized at start remembers the
 * nonces of the tickets seen within the window, and who came with each. Pure, not locked: the caller shares it between
 * threads.
 */
#ifndef BRAID_POLICY_REPLAY_H
#define BRAID_POLICY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay;

enum {
	REPLAY_E_STALE = 1,   /* the ticket's time is further than the window from now, in either direction */
	REPLAY_E_SEEN,        /* used before */
	REPLAY_E_FULL,        /* no room to remember it: refusing is the only safe answer */
};

/* Room for n_entries tickets within the window, if the first eight bytes of their nonces are random; memory is touched
 * as it gets used. 0 or -ENOMEM. */
int replay_new(size_t n_entries, uint32_t window_s, struct replay **out);
void replay_freep(struct replay **replay);

/* Admits a ticket once. nonce: n_nonce bytes that are random or proven by a MAC. Times in Unix seconds. *holder: any
 * number, remembered with the ticket; with REPLAY_E_SEEN it is the one that was remembered. 0 or REPLAY_E_*. */
int replay_admit(struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint32_t time_s, uint32_t now_s,
		 uint64_t *holder);
/* What replay_admit() would say, and nothing is remembered. */
int replay_look(const struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint32_t time_s, uint32_t now_s);
/* Who came with a ticket that was admitted. False where it is forgotten. */
bool replay_find(const struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint64_t *holder);
/* Another number for a ticket that was admitted; nothing happens where it is forgotten. */
void replay_pass_on(struct replay *replay, const uint8_t *nonce, size_t n_nonce, uint64_t holder);

#endif
