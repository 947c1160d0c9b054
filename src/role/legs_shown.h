/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions in pieces and what their legs show, for a survey (role/survey.h). The two may be found in different threads;
 * in the main thread they come together, by the address of the session's end of the connection between them.
 */
#ifndef BRAID_ROLE_LEGS_SHOWN_H
#define BRAID_ROLE_LEGS_SHOWN_H

#include <jansson.h>
#include "role/stripe/stripes.h"

/* What one worker has found; begins with zeros. The first member of a survey's part. */
struct legs_shown {
	json_t *sessions, *legs;   /* objects, by that address */
};

/* A session that was described; passed over unless it is in pieces. A reference is taken. */
void legs_shown_session(struct legs_shown *shown, const struct session_view *session, json_t *description);
/* And legs. Takes the description. */
void legs_shown_legs(struct legs_shown *shown, const struct stripes_legs *legs, json_t *description);

/* put has each session of any part whose legs were found in any; the parts have nothing afterwards. */
void legs_shown_join(void *const *parts, size_t n_parts, void (*put)(json_t *session, json_t *legs));

#endif
