/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that nft hands to us and waits for: NFQUEUE, by libnetfilter_queue. Where nobody has the queue, or it is
 * full, packets go on as if it weren't there (the rule's and the queue's own settings see to that).
 */
#ifndef BRAID_NET_QUEUE_H
#define BRAID_NET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_QUEUE_COPY_BYTES 256   /* of each packet: IPv6 and TCP headers with their options */

struct net_queue;

struct net_queue_packet {
	uint32_t id;                /* for the verdict */
	uint32_t mark;
	uint32_t ifindex;           /* where it came in; 0: not known */
	bool has_mac;
	uint8_t mac[6];             /* the sender's, on this wire */
	const uint8_t *bytes;       /* from the IP header on, NET_QUEUE_COPY_BYTES at most; borrowed for the call */
	size_t n_bytes;
};

/* Each packet wants net_queue_pass() or net_queue_drop(), now or later. */
typedef void (*net_queue_fn)(void *context, const struct net_queue_packet *packet);

/* Non-blocking. 0 or a negative errno: -EBUSY where somebody else has it, -EPERM. */
int net_queue_open(uint16_t number, struct net_queue **out);
/* What waits for a verdict still is dropped by the kernel: hosts send it again. */
void net_queue_closep(struct net_queue **queue);
int net_queue_fd(const struct net_queue *queue);

/* Takes what packets there are, up to a buffer full. 0, NET_E_AGAIN, or a negative errno. */
int net_queue_take(struct net_queue *queue, net_queue_fn fn, void *context);

/* The packet goes on to the next chain with this mark. Best effort: a verdict that is lost is a packet that is lost. */
void net_queue_pass(struct net_queue *queue, uint32_t id, uint32_t mark);
/* The packet comes to the chain that it was queued in once more, from its beginning, with this mark. */
void net_queue_repeat(struct net_queue *queue, uint32_t id, uint32_t mark);
void net_queue_drop(struct net_queue *queue, uint32_t id);

#endif
