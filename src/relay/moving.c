/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions change relays, and so threads: those that keep a thread busy are kept away from the others (decision
 * 0040). */
#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"
#include "relay/pacing.h"

struct relay_parcel {
	struct session session;
};

/* Everything has to be said between the two legs already, nothing is to be in a pipe, which belongs to a relay, and
 * no end is under way. */
static bool may_move(const struct session *s)
{
	return s->state == SESSION_RELAYING && !s->near_opening && !s->up.ended && !s->down.ended &&
	       !s->up.n_piped_bytes && !s->down.n_piped_bytes;
}

static void send_off(struct relay *relay, struct session *s, struct relay_parcel *parcel)
{
	half_leave(&s->up, &relay->tools);
	half_leave(&s->down, &relay->tools);
	loop_unwatch(relay->loop, s->near_fd);
	loop_unwatch(relay->loop, s->far_fd);
	parcel->session = *s;
	relay_session_put_away(relay, s);
	counter_add(&relay->counters.n_sessions, (uint64_t)-1);
	if (!relay->options.hand_over(relay->options.context, parcel))
		relay_adopt(relay, parcel, parcel->session.account);
}

bool relay_moves(struct relay *relay, struct session *s, uint64_t n_moved_bytes)
{
	bool is_bulk = placement_is_bulk(&s->placement, s->heavy, n_moved_bytes,
					 (uint32_t)(loop_now_us(relay->loop) / US_PER_MS));
	struct relay_parcel *parcel;

	if (is_bulk == relay->options.for_bulk || !relay->options.may_hand_over || !may_move(s))
		return false;
	parcel = malloc(sizeof(*parcel));
	if (!parcel || !relay->options.may_hand_over(relay->options.context)) {
		free(parcel);
		return false;
	}
	send_off(relay, s, parcel);
	return true;
}

uint32_t relay_parcel_owner(const struct relay_parcel *parcel)
{
	return parcel->session.owner;
}

static void settle(struct session *s, struct relay_account *account)
{
	s->account = account;
	s->queued = s->bulk = s->blocked = s->rescued = false;
	for (unsigned int way = 0; way < RELAY_N_WAYS; way++)
		s->pacing[way] = (struct pacing_place){ 0 };
	/* Whatever its events have told meanwhile, they told nobody. */
	s->up.readable = s->up.writable = s->down.readable = s->down.writable = true;
}

/* There is no session: nothing of it was counted here. */
static void refuse(struct relay *relay, struct relay_parcel *parcel)
{
	struct session *s = &parcel->session;

	half_arrive(&s->up, &relay->tools);
	half_arrive(&s->down, &relay->tools);
	half_free(&s->up, &relay->tools);
	half_free(&s->down, &relay->tools);
	net_close_reset(s->near_fd);
	net_close_reset(s->far_fd);
	counter_add(&relay->counters.n_closed, 1);
	relay->options.on_end(relay->options.context, s->owner, SESSION_END_CLOSED);
}

void relay_adopt(struct relay *relay, struct relay_parcel *parcel, struct relay_account *account)
{
	struct session *s = slab_take(&relay->sessions);

	if (!s) {
		refuse(relay, parcel);
		free(parcel);
		return;
	}
	*s = parcel->session;
	free(parcel);
	settle(s, account);
	half_arrive(&s->up, &relay->tools);
	half_arrive(&s->down, &relay->tools);
	counter_add(&relay->counters.n_sessions, 1);
	if (pacing_join(relay, account) || relay_watch(relay, s, false, false))
		relay_session_end(relay, s, SESSION_END_CLOSED);
	else
		relay_queue(relay, s);
}
