/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A destination that a client gives by name: its addresses are looked up, and tried in turn, each as any destination
 * is that is asked for by its address. Private to the converter. */
#ifndef BRAID_ROLE_CONVERTER_LOOKUP_H
#define BRAID_ROLE_CONVERTER_LOOKUP_H

#include <stdbool.h>
#include "role/converter/intake.h"

struct lookup;
struct resolver;

/* Whose names are under way, he himself being gone perhaps. 0 or -ENOMEM. */
int lookup_init(struct converter *converter);

/* Takes the intake on: in LOOKING_UP until there are addresses, then in CONNECTING. It may be gone afterwards. */
void lookup_begin(struct converter *converter, struct intake *intake, struct bytes name);
/* The address that was tried last isn't to be had. False: there is no other one to try. Else the intake is on its
 * way to that one, or gone. */
bool lookup_next(struct converter *converter, struct intake *intake, const struct signalling_result *result);
/* Whether there is. */
bool lookup_has_more(const struct intake *intake);

void lookup_freep(struct lookup **lookup);

#endif
