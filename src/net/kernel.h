/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel has for us, found out by trying, never guessed from a version. */
#ifndef BRAID_NET_KERNEL_H
#define BRAID_NET_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum net_feature {
	NET_FEATURE_MPTCP,
	NET_FEATURE_MPTCP_FULL_INFO,
	NET_FEATURE_MPTCP_FASTOPEN,
	NET_FEATURE_TRANSPARENT,
	NET_FEATURE_BUFFER_FORCE,
	NET_FEATURE_N
};

struct net_feature_state {
	const char *name;
	bool present;
	const char *consequence;   /* what is done, or not done, without it, and since when Linux has it */
};

/* Tries all of them: a few sockets on the loopback interface, no packets. */
void net_probe_features(struct net_feature_state out[NET_FEATURE_N]);

/* The machine's memory; 0: it isn't known. */
uint64_t net_memory_bytes(void);

#endif
