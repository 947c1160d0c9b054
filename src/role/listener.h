/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker's listeners: they take connections in batches, rest for a moment when the machine is short of
 * descriptors, and take what was already established when they are closed. */
#ifndef BRAID_ROLE_LISTENER_H
#define BRAID_ROLE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include "base/address.h"
#include "conf/conf.h"
#include "net/socket.h"
#include "role/worker.h"

#define LISTENERS (2 * CONF_LISTEN_ADDRESSES)   /* new ones are opened before old ones are closed */

struct listeners {
	struct worker *worker;
	uint8_t handler;
	/* Takes fd; local: the listener's address. */
	void (*on_connection)(void *context, int fd, const struct address *local, const struct address *peer);
	void *context;
	size_t n;
	struct {
		int fd;
		struct address address;
		bool resting;
		bool full;            /* it had as many as are taken at once, or more, the last time */
	} each[LISTENERS];
};

void listeners_init(struct listeners *listeners, struct worker *worker,
		    void (*on_connection)(void *context, int fd, const struct address *local,
					  const struct address *peer), void *context);

/* Opens one for each address, all or none. Those open before are kept where the address is wanted still, closed
 * otherwise. 0, or a negative errno with the reason in one line. */
int listeners_set(struct listeners *listeners, const struct address *addresses, size_t n_addresses,
		  const struct net_listen_options *options, char *reason, size_t n_reason);
/* What to do about a negative errno with which listening failed, to go behind its name; "" where that says it. */
const char *listener_advice(int error);
/* Takes what is established, then closes. */
void listeners_close(struct listeners *listeners);

#endif
