/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link goes while connections are being set up over it: each goes on over another one (decision 0032). */
#ifndef BRAID_ROLE_GATEWAY_LEAVE_H
#define BRAID_ROLE_GATEWAY_LEAVE_H

#include <stdbool.h>
#include <stdint.h>

struct census;
struct gateway;
struct setup;

/* It isn't up any more, or swallows what is sent. */
bool leave_is_gone(const struct gateway *gateway, uint8_t link);
/* What was begun over links that aren't up any more, or swallow what is sent, is given up, and begun over another.
 * The setup may be gone afterwards. */
void leave_links(struct gateway *gateway, struct setup *setup);

/* A session that waits for its answer was reset: perhaps by a converter that had waited for its message in vain, or
 * found it to be plain TCP. Or we find that, with the answer. far_fd: where it was read. True: it is begun over
 * another link, once, and may be gone; false: it ends. */
bool leave_broken(struct gateway *gateway, struct setup *setup, int far_fd);
/* Adds to each link's count (policy/census.h) the connections that are being set up, and have reached the converter,
 * over it: they would end with its endpoint. */
void leave_count(const struct gateway *gateway, struct census *census);

#endif
