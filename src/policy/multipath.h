/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a gateway's link lets Multipath TCP through to the converter, by probes that ask for it (decision 0030). It
 * is asked when the link first works, when a connection that began there met with something odd, and where it doesn't,
 * again from time to time, before that would be forgotten. An answer without the options: something on the way takes
 * them away, or the converter has none. No answer, three times, while plain TCP is answered: something drops such
 * packets. Pure.
 */
#ifndef BRAID_POLICY_MULTIPATH_H
#define BRAID_POLICY_MULTIPATH_H

#include <stdbool.h>
#include <stdint.h>

enum multipath_state { MULTIPATH_UNKNOWN, MULTIPATH_CLEAN, MULTIPATH_STRIPS, MULTIPATH_DROPS, MULTIPATH_N_STATES };

/* Begin with zeros, and so when the link has changed. */
struct multipath {
	enum multipath_state state;
	uint8_t n_asked;              /* probes in a row without an answer */
	uint64_t first_asked_at_us, asked_at_us;
	uint64_t ask_at_us;           /* no sooner */
	uint64_t pause_us;            /* until it is asked again, as it doesn't let it through */
};

struct multipath_facts {
	uint64_t now_us;
	bool works;                   /* plain TCP is answered */
	bool suspected;               /* a connection that began there had no answer, or came out as plain TCP */
	uint64_t alive_at_us;         /* something came over the link last */
	uint64_t rtt_us;              /* 0: not known */
};

/* True: it is to be asked now. */
bool multipath_look(struct multipath *multipath, const struct multipath_facts *facts);
/* It could not be. */
void multipath_not_asked(struct multipath *multipath);
/* waited_us: since it was asked. */
void multipath_answered(struct multipath *multipath, bool fell_back, uint64_t waited_us, uint64_t now_us);
/* Until when that it doesn't is to be believed; 0: it isn't so. */
uint64_t multipath_bad_until_us(const struct multipath *multipath);
const char *multipath_state_name(enum multipath_state state);

#endif
