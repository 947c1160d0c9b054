/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SYN that waits in a packet queue at NEAR, is led on by the mark of the verdict, and what then becomes of its
 * connection. */
#ifndef BRAID_TESTS_HELD_H
#define BRAID_TESTS_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include "wire/syn.h"

struct net_queue;

/* What a mark means to the rules that the program has put there. */
enum { HELD_PASS = 1, HELD_CATCH, HELD_RESET, HELD_HOST_UNREACHABLE, HELD_NO_ROUTE, HELD_PROHIBITED };

struct held {
	uint32_t id;                 /* 0: there is none */
	bool from_interface;         /* the queue has told the interface and the hardware address that it came from */
	struct syn syn;
};

/* Begins a connection to assume_server(), whose SYN comes to the queue; its descriptor. */
typedef int (*held_connect)(bool v6);

/* In NEAR: the table's chain "waiting" leads to this queue from here on. */
struct net_queue *held_open(const char *table, uint16_t number);
/* At 127.51.24.1 or 100::5124:1, addresses that nobody has, port 7001. */
int held_listen(bool v6);
/* Waits for what its connect() comes to: 0 or NET_E_*. */
int held_outcome(int fd);
/* The connection's SYN waits in the queue, and by this mark it comes to this outcome. */
struct held held_expect(struct net_queue *queue, int fd, bool v6, uint32_t mark, int wanted);
/* A connection for each of the marks that refuse. */
void held_expect_refusals(struct net_queue *queue, bool v6, held_connect begin);
/* With nobody at the queue. */
void held_expect_passed_unheld(held_connect begin);

#endif
