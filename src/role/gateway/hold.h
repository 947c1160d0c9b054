/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faithful accept: a host's SYN waits in a packet queue while the converter is asked, and is then answered as the
 * destination has answered. Private to the gateway. What waits is found by its addresses and ports: a SYN that comes
 * again, and the connection that comes of it.
 */
#ifndef BRAID_ROLE_GATEWAY_HOLD_H
#define BRAID_ROLE_GATEWAY_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"
#include "base/pairs.h"
#include "signalling/scheme.h"

struct attempt;
struct gateway;
struct net_queue;
struct nft_elements;
struct setup;

#define HOLD_BUCKETS 4096
#define HOLD_SOURCES 1024
#define HOLD_AHEAD 64               /* packets: reloads are rare and short */

struct hold {
	struct net_queue *queue;            /* NULL: nothing is held */
	struct nft_elements *elements;      /* there where queue is */
	uint8_t handler;
	uint32_t ahead[HOLD_AHEAD];         /* packets for which rules that we don't have yet have matched */
	size_t n_ahead;
	struct pairs waiting;               /* setups by source and destination */
	uint32_t buckets[HOLD_BUCKETS];     /* waiting's */
	uint32_t n_by_source[HOLD_SOURCES]; /* that wait, by a hash of where they come from */
};

void hold_init(struct gateway *gateway);
void hold_fini(struct gateway *gateway);
/* Opens the worker's queue where first packets can be held, closes it where not. 0, or a negative errno with the
 * reason in one line. */
int hold_apply(struct gateway *gateway, char *reason, size_t n_reason);

/* The setup of a connection whose SYN was let go to our listener, which waits no more; NULL: there is none. */
struct setup *hold_take(struct gateway *gateway, const struct address *source, const struct address *destination);

/* Attempts are begun, whose answer decides what the host is told: its SYN waits, or its program, which came to
 * host.socks. */
void hold_ask(struct gateway *gateway, struct setup *setup);

/* The destination has accepted: the host may come, the attempt is its far leg. left: what came behind the answer. */
void hold_accept(struct gateway *gateway, struct setup *setup, struct attempt *attempt, struct bytes left);
/* The converter has told the outcome on the watch. Where the destination has accepted, the host may come as soon as
 * an attempt stands on which the answer will come. */
void hold_hear_early(struct gateway *gateway, struct setup *setup, const struct signalling_result *result);
void hold_come_early(struct gateway *gateway, struct setup *setup);
/* The connection came to nothing: the host gets the same answer, unless its SYN is late. Frees the setup. */
void hold_refuse(struct gateway *gateway, struct setup *setup, const struct signalling_result *result);
/* The SYN goes its ordinary way; it is dropped where it is late, having waited since before hosts' SYNs last passed.
 * The setup stays the caller's. */
void hold_pass(struct gateway *gateway, struct setup *setup);
/* The converter is gone: so does every SYN that waits. */
void hold_let_all_pass(struct gateway *gateway);
/* A connection that was accepted early has come to nothing: its destination is asked again next time. */
void hold_unlearn(struct gateway *gateway, const struct address *destination);
/* It is not to be found any more. */
void hold_forget(struct gateway *gateway, struct setup *setup);
void hold_on_deadline(struct gateway *gateway, struct setup *setup);

#endif
