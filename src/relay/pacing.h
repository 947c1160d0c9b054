/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions whose owner has a rate (relay/account.h): how much they may move now, and the sleep of those that may
 * not. Private to the relay. What is not read stays with the sender, whom the kernel's window stops: nothing is
 * lost, and nothing held for it. */
#ifndef BRAID_RELAY_PACING_H
#define BRAID_RELAY_PACING_H

#include "relay/relay_parts.h"

#define PACING_PART 1u   /* of loop_ref.part, with the way added to it */

/* A session with this account is about to begin. 0 or -ENOMEM. */
int pacing_join(struct relay *relay, struct relay_account *account);

/* Of stride_bytes, what the session may read that way now. */
size_t pacing_most_bytes(const struct relay *relay, const struct session *s, enum relay_way way, size_t stride_bytes);
/* It has read and passed on so many. */
void pacing_count(struct relay *relay, struct session *s, enum relay_way way, uint64_t n_read_bytes,
		  uint64_t n_passed_bytes);
/* After a step: puts who has to wait into the lane, behind the others if it has had its turn, and takes out who has
 * not. The status, or HALF_WANT_READ for HALF_AGAIN where it waits: the lane's timer queues it again. */
int pacing_settle(struct relay *relay, struct session *s, enum relay_way way, int status);
void pacing_leave(struct relay *relay, struct session *s, enum relay_way way);

void pacing_on_timer(struct relay *relay, struct loop_ref ref, uint64_t now_us);

#endif
