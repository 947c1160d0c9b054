/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No client has all of what all share: ports that we wait on for a connection (converter.bind_ports), and names being
 * looked up. A subscriber is one client, and so is whoever has none, by his address (of IPv6 the first 64 bits, which
 * are one household's). Private to the converter.
 */
#ifndef BRAID_ROLE_CONVERTER_FAIR_H
#define BRAID_ROLE_CONVERTER_FAIR_H

#include "policy/crowd.h"

struct converter;
struct intake;

enum fair_what { FAIR_PORT, FAIR_NAME, FAIR_N };

enum { FAIR_E_ENOUGH = 1 };   /* he has his share */

struct fair {
	struct crowd *crowds[FAIR_N];   /* NULL: nobody has had any yet */
};

/* One more for this client. 0, and *key is for fair_leave(); FAIR_E_ENOUGH; or -ENOMEM. */
int fair_enter(struct converter *converter, const struct intake *intake, enum fair_what what, struct crowd_key *key);
void fair_leave(struct converter *converter, enum fair_what what, const struct crowd_key *key);
void fair_close(struct fair *fair);

#endif
