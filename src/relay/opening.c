/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/counter.h"
#include "net/socket.h"
#include "relay/pacing.h"

#define LEG_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET)

static int session_fill(struct relay *relay, struct session *s, const struct relay_legs *legs)
{
	int r;

	s->near_fd = legs->near_fd;
	s->far_fd = legs->far_fd;
	s->near_mptcp = s->near_opening = legs->near_mptcp;
	s->far_mptcp = legs->far_mptcp;
	s->link = legs->link;
	s->near_instead = legs->near_instead;
	s->inbound = legs->inbound;
	s->routed = legs->routed;
	s->in_pieces = legs->in_pieces;
	s->up_waits = legs->up_waits;
	s->tag = legs->tag;
	s->owner = legs->owner;
	s->account = legs->account;
	s->opened_at_us = legs->opened_at_us;
	s->source = legs->source;
	s->destination = legs->destination;
	s->up = (struct half){ .src_fd = s->near_fd, .dst_fd = s->far_fd, .writable = true,
			       .steadied = s->far_mptcp && relay->options.steady };
	s->down = (struct half){ .src_fd = s->far_fd, .dst_fd = s->near_fd, .writable = true,
				 .steadied = s->near_mptcp && relay->options.steady };
	s->up.src_multipath = legs->near_mptcp;
	s->down.src_multipath = legs->far_mptcp;
	s->up.ends_multipath = legs->near_multipath;
	s->down.ends_multipath = legs->far_multipath;
	if (legs->far_multipath && !legs->held)
		s->down.course = legs->routed ? HALF_COURSE_SHOWN_BY_BYTES : HALF_COURSE_WHOLE;
	s->down.steady.guarded = s->near_mptcp;   /* accepted with Fast Open */
	s->down.end_waits = s->near_mptcp;
	s->up.end_waits = s->up.ending.joins = legs->far_joins;
	if (legs->held && legs->up_kept)
		half_keep(&s->up);
	if (legs->down_kept)
		half_keep(&s->down);
	r = pacing_join(relay, s->account);
	if (!r)
		r = half_prepend(&s->up, &relay->tools, legs->up_first.at, legs->up_first.n);
	if (!r)
		r = half_prepend(&s->down, &relay->tools, legs->down_first.at, legs->down_first.n);
	return r;
}

int relay_watch(struct relay *relay, struct session *s, bool near_watched, bool far_watched)
{
	struct loop_ref near = relay_leg_ref(relay, s, (enum session_part)s->near_part),
			far = relay_leg_ref(relay, s, SESSION_FAR);
	int r = near_watched ? loop_rewatch(relay->loop, s->near_fd, LEG_EVENTS, near)
			     : loop_watch(relay->loop, s->near_fd, LEG_EVENTS, near);

	if (r)
		return r;
	return far_watched ? loop_rewatch(relay->loop, s->far_fd, LEG_EVENTS, far)
			   : loop_watch(relay->loop, s->far_fd, LEG_EVENTS, far);
}

int relay_open(struct relay *relay, const struct relay_legs *legs, struct slab_name *ref)
{
	struct session *s = slab_take(&relay->sessions);
	int r;

	if (!s) {
		counter_add(&relay->counters.n_refused_full, 1);
		net_close_reset(legs->near_fd);
		net_close_reset(legs->far_fd);
		relay->options.on_end(relay->options.context, legs->owner, SESSION_END_CLOSED);
		return RELAY_E_FULL;
	}
	r = session_fill(relay, s, legs);
	if (!r)
		r = relay_watch(relay, s, legs->near_watched, legs->far_watched);
	session_set_state(s, legs->held ? SESSION_HELD : SESSION_RELAYING);
	counter_add(&relay->counters.n_opened, 1);
	counter_add(&relay->counters.n_sessions, 1);
	if (r) {
		relay_session_end(relay, s, SESSION_END_CLOSED);
		return r;
	}
	*ref = slab_name_of(&relay->sessions, s);
	s->name = (struct session_name){ .place = ref->index, .generation = ref->generation,
					 .relay = relay->options.number };
	if (s->up.residue || s->down.residue)
		relay_queue(relay, s);
	return 0;
}

void relay_release(struct relay *relay, struct slab_name ref, struct bytes down_first, bool more)
{
	struct session *s = relay_session(relay, ref);

	if (!s || s->state != SESSION_HELD)
		return;
	session_set_state(s, SESSION_RELAYING);
	half_keep_no_more(&s->up, &relay->tools);
	if (s->down.ends_multipath)
		s->down.course = HALF_COURSE_WHOLE;
	s->down.readable = more || s->down.more_follows;   /* its edge was spent on the answer */
	if (half_prepend(&s->down, &relay->tools, down_first.at, down_first.n))
		relay_session_end(relay, s, SESSION_END_RESET);
	else
		relay_queue(relay, s);
}

static size_t up_had_bytes(const struct session *s)
{
	return s->up.n_bytes + half_waiting_bytes(&s->up);
}

/* All that the near leg has taken is what is said again. */
static bool was_said(const struct session *s, struct bytes said)
{
	return said.n && s->down.n_bytes == said.n && !half_waiting_bytes(&s->down) && !s->down.ended;
}

/* The same of all that was ever read for it: what was said, and what stands behind it. */
static bool is_kept(const struct session *s, struct bytes said)
{
	struct bytes kept;

	return said.n && half_kept(&s->down, &kept) && kept.n >= said.n &&
	       kept.n == s->down.n_bytes + half_waiting_bytes(&s->down);
}

static bool may_change(const struct session *s, const struct relay_leg_change *change)
{
	if (!s || s->state != SESSION_RELAYING || !s->near_mptcp || s->up.ended || s->up.n_skip_bytes)
		return false;
	if (s->near_spoke && relay_is_unknown_plain(s))
		return false;
	return was_said(s, change->said) || is_kept(s, change->said) ||
	       (!s->down.n_bytes && (change->said.n || !net_handshake_ended(s->near_fd)));
}

/* The two legs may have brought more or less of the same so far. 0, or a code or errno: it can't be put together. */
static int join_up(struct relay *relay, struct session *s, struct bytes first)
{
	size_t had = up_had_bytes(s);

	if (first.n > had)
		return s->up.n_piped_bytes ? RELAY_E_TOO_LATE :
		half_append(&s->up, &relay->tools, first.at + had, first.n - had);
	s->up.n_skip_bytes = (uint32_t)(had - first.n);
	return 0;
}

/* 0 or -ENOMEM. */
static int say_again(struct relay *relay, struct session *s, struct bytes said)
{
	if (is_kept(s, said)) {
		half_say_again(&s->down);
		s->down.bulk = false;
		s->down.steady = (struct steady){ .guarded = true };
		s->down.credit = (struct credit){ 0 };
		return 0;
	}
	if (!was_said(s, said))
		return 0;
	s->down.n_bytes = 0;
	s->down.credit = (struct credit){ 0 };
	return half_prepend(&s->down, &relay->tools, said.at, said.n);
}

int relay_change_near(struct relay *relay, struct slab_name ref, const struct relay_leg_change *change)
{
	struct session *s = relay_session(relay, ref);
	enum session_part other;

	if (!may_change(s, change))
		return RELAY_E_TOO_LATE;
	other = s->near_part == SESSION_NEAR ? SESSION_NEAR_OTHER : SESSION_NEAR;
	if (loop_rewatch(relay->loop, change->near_fd, LEG_EVENTS, relay_leg_ref(relay, s, other)) ||
	    join_up(relay, s, change->up_first))
		return RELAY_E_TOO_LATE;
	if (say_again(relay, s, change->said)) {   /* the old leg doesn't fit any more */
		relay_abort(relay, ref);
		return RELAY_E_TOO_LATE;
	}
	loop_unwatch(relay->loop, s->near_fd);
	net_close_reset(s->near_fd);
	s->near_part = (uint8_t)other;
	s->near_fd = s->up.src_fd = s->down.dst_fd = change->near_fd;
	s->source = change->source;
	s->up.ends_multipath = change->near_multipath;
	s->near_instead = change->near_instead;
	s->near_spoke = false;
	s->up.course = HALF_COURSE_UNKNOWN;
	s->near_opening = true;
	s->down.steadied = relay->options.steady;
	s->up.readable = true;
	relay_queue(relay, s);
	return 0;
}

/* What has come from the near leg so far, but for the first. 0, RELAY_E_TOO_LATE or -ENOMEM. */
static int copy_more(const struct session *s, size_t n_first_bytes, struct relay_taken_back *out)
{
	size_t had = up_had_bytes(s);
	struct bytes kept;

	*out = (struct relay_taken_back){ .n_more = had - n_first_bytes };
	if (had == n_first_bytes)
		return 0;
	if (had < n_first_bytes || !half_kept(&s->up, &kept) || kept.n != had)
		return RELAY_E_TOO_LATE;
	out->more = malloc(out->n_more);
	if (!out->more)
		return -ENOMEM;
	memcpy(out->more, kept.at + n_first_bytes, out->n_more);
	return 0;
}

int relay_take_back(struct relay *relay, struct slab_name ref, size_t n_first_bytes, struct relay_taken_back *out)
{
	struct session *s = relay_session(relay, ref);
	int r;

	if (!s || s->state != SESSION_HELD)
		return RELAY_E_TOO_LATE;
	r = copy_more(s, n_first_bytes, out);
	if (r)
		return r;
	out->far_fd = s->far_fd;
	loop_unwatch(relay->loop, s->far_fd);
	relay_session_retire(relay, s, SESSION_END_CLOSED);   /* an end of the near leg's shows again when it is read
							       * next */
	return 0;
}
