/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's part in sessions from the converter's side (decision 0019): told on the watch that a remote host wants
 * one of ours, it connects to that host, from the remote host's own address and port, and then to the converter, to
 * claim the connection that waits there. Where the host can't be had, it says so in the claim's place.
 */
#ifndef BRAID_ROLE_GATEWAY_REACH_H
#define BRAID_ROLE_GATEWAY_REACH_H

#include <stddef.h>
#include <stdint.h>
#include "signalling/scheme.h"

struct gateway;
struct setup;
struct worker;

/* In the main thread: handed to one of the workers. */
void reach_hear(struct worker *const *workers, size_t n_workers, const struct signalling_inbound *inbound);

/* In REACHING: the host has answered, or hasn't in time. The setup may be gone afterwards. */
void reach_on_event(struct gateway *gateway, struct setup *setup, uint32_t events);
void reach_on_deadline(struct gateway *gateway, struct setup *setup);

#endif
