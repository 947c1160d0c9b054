/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What link.profile says of links, and what waits longer for it. link: CHOOSE_NO_LINK has none. rtt_us: of its last
 * handshake, 0: not known. */
#ifndef BRAID_ROLE_LINKS_PROFILE_H
#define BRAID_ROLE_LINKS_PROFILE_H

#include "policy/pieces.h"
#include "role/shared.h"

bool profile_is_lowrate(const struct view *view, size_t link);
/* All links that are up are. */
bool profile_all_lowrate(const struct view *view);
/* Whether new sessions are to go in pieces over all links, and why. as_said: only what profiles say counts. */
enum pieces profile_pieces(const struct shared *shared, const struct view *view, bool as_said);
/* For a connection to be made over the link, and for an answer on it; not less than is usual. */
uint64_t profile_attempt_us(const struct view *view, size_t link, uint64_t rtt_us, uint64_t usual_us);
uint64_t profile_answer_us(const struct view *view, size_t link, uint64_t rtt_us, uint64_t usual_us);
/* A SYN with data that takes longer than a second makes plain TCP of a connection (doc/assumptions.md); it takes
 * longer than one without. */
bool profile_is_late(const struct view *view, size_t link, uint64_t rtt_us);
/* For a session to have its answer, over whatever links there are. */
uint64_t profile_session_us(const struct view *view, uint64_t usual_us);

#endif
