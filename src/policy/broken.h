/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether Multipath TCP between the proxies has broken under way, as where something alters what passes (decision
 * 0037): seen from looks at a leg, a second or more apart.
 *
 * unheard: the peer acknowledges by TCP what Linux sends again, and by DATA_ACK nothing: it is plain TCP by now, or
 * counts bytes that something has added. One that stands still for want of room acknowledges neither. repeated: our end
 * was sent and is acknowledged, and what the peer still sends is what we have. It has ended, and what something has
 * added has us take its end for one that we had; its kernel repeats the last bytes for a minute, and nobody is left
 * there to look. Where bytes are missing, those that come wait out of order.
 *
 * Pure.
 */
#ifndef BRAID_POLICY_BROKEN_H
#define BRAID_POLICY_BROKEN_H

#include <stdbool.h>
#include <stdint.h>

struct broken_facts {
	uint64_t acked;            /* by DATA_ACK: a sequence number */
	uint64_t unacked_bytes;    /* by DATA_ACK; an end counts as one */
	bool under_way;            /* TCP has something to send, or to be acknowledged */
	uint64_t n_delivered;      /* payload that TCP has brought to the peer */
	uint64_t received;         /* in order, up to here: a sequence number of the peer's */
	uint64_t n_arrived;        /* payload that TCP has brought from the peer, over the subflows that there are */
	bool sent_end;             /* ours */
	bool got_end;              /* the peer's */
	uint32_t queued_bytes;     /* in the receive queue; asked for where there is sent_end and no got_end */
};

/* Begins with zeros. */
struct broken {
	bool looked;
	uint8_t n_unheard, n_repeated;   /* such looks of one standstill */
	uint64_t acked, n_delivered;     /* when that was looked at last; UINT64_MAX: not in this standstill */
	uint64_t received, n_arrived;
};

/* Whether it is broken. */
bool broken_look(struct broken *broken, const struct broken_facts *facts);

#endif
