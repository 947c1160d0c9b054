/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be set on an emulated link: one table of keys, from which the command line, the control socket, its
 * answers and the help are made. Pure. */
#ifndef BRAID_LAB_SETTINGS_H
#define BRAID_LAB_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include "text.h"

enum { WAY_AB, WAY_BA, WAY_N };

/* One direction. Sizes and rates count the payload of Ethernet frames, that is IP bytes. */
struct settings {
	uint64_t rate_bps;       /* 0: unlimited, no queue */
	uint64_t delay_us;
	uint64_t jitter_us;      /* uniform, either way */
	uint64_t loss_ppm;
	uint64_t loss_burst;     /* mean length; 1: independent losses */
	uint64_t loss_burst_ms;  /* no burst lasts longer, however few packets come; 0: only packets end it */
	uint64_t queue_bytes;    /* 0: unlimited */
	uint64_t queue_ms;       /* the same as time at the rate; both hold */
	uint64_t reorder_ppm;
	uint64_t reorder_us;     /* how much later a chosen packet comes; the others don't wait for it */
	uint64_t duplicate_ppm;
	uint64_t mtu;            /* longer packets vanish; 0: none does */
	uint64_t silence;
	uint64_t strip_mptcp;    /* STRIP_* of edit.h */
	uint64_t eat_mptcp_syns;
	uint64_t eat_syn_data;   /* EAT_* */
	uint64_t rewrite;        /* REWRITE_* of rewrite.h */
	uint64_t carrier;        /* of both devices, hence equal in both directions */
};

enum { EAT_PASS, EAT_DROP, EAT_CUT, EAT_N };

struct link_settings {
	struct settings way[WAY_N];
};

void settings_init(struct link_settings *settings);

/* Takes "KEY=VALUE", "ab.KEY=VALUE" or "ba.KEY=VALUE". 0, or SETTINGS_E_INVALID with settings as they were and a
 * reason. */
enum { SETTINGS_E_INVALID = 1 };
int settings_assign(struct link_settings *settings, const char *assignment, struct text *reason);

/* Adds "key":value for each key of a direction, with a comma behind each. */
void settings_print(const struct settings *settings, struct text *out);

/* Adds a line for each key. */
void settings_help(struct text *out);

#endif
