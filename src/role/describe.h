/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A living session in JSON (doc/control.md). In its worker's thread: asks the kernel about its connections. */
#ifndef BRAID_ROLE_DESCRIBE_H
#define BRAID_ROLE_DESCRIBE_H

#include <jansson.h>
#include "base/address.h"
#include "net/mptcp_info.h"
#include "relay/relay.h"
#include "role/stripe/stripes.h"
#include "role/worker.h"

#define DESCRIBE_ID_BYTES 32

/* "1:42:7": worker, place and generation, where it was opened. False where the text is no such name. */
bool describe_parse_id(const char *text, struct session_name *name);

/* What sessions shows of it. A new object, or NULL. */
json_t *describe_session(const struct worker *worker, const struct session_view *session);
/* What why shows: in words, and each subflow. A new object, or NULL. */
json_t *describe_why(const struct worker *worker, const struct session_view *session);
/* Of a session in pieces, in the thread of its legs, what sessions shows of its links: a new array. */
json_t *describe_leg_links(const struct worker *worker, const struct stripes_legs *legs);
/* And what why shows of them; a new object, or NULL, for describe_add_legs() in any thread. */
json_t *describe_legs(const struct worker *worker, const struct stripes_legs *legs);
void describe_add_legs(json_t *why, json_t *legs);

double describe_age_s(uint64_t at_us);   /* since then, in seconds */
/* The link that a subflow goes over: its number, or CHOOSE_NO_LINK where it is none of ours. */
uint8_t describe_link_of(const struct view *view, const struct subflow_info *subflow);
/* What the kernel tells of the session's Multipath TCP leg; as mptcp_info_read(). */
int describe_read(const struct session_view *session, struct mptcp_connection_info *out);

#endif
