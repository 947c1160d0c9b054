/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/stripe/stripes.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "net/mptcp_send.h"
#include "net/socket.h"
#include "role/links/profile.h"
#include "role/stripe/striped.h"

#define SESSIONS_SHARE (STRIPES_MOST / 2)   /* of one client: who has half a session, and says nothing, holds its
					     * place for two minutes */
#define HOUSEHOLD_BYTES 8   /* of an IPv6 address */

struct loop_ref striped_ref(const struct stripes *stripes, const struct striped *s, unsigned int part)
{
	struct slab_name name = slab_name_of(&stripes->sessions, s);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = stripes->handler,
				  .part = (uint8_t)part };
}

/* A new one without an end and without legs; NULL: there is no place. */
static struct striped *take(struct stripes *stripes, bool wide)
{
	struct striped *s = slab_take(&stripes->sessions);

	if (!s)
		return NULL;
	__atomic_add_fetch(&stripes->worker->shared->n_striped, 1, __ATOMIC_RELAXED);
	s->near_fd = -1;
	for (size_t i = 0; i < STRIPE_LEGS; i++)
		s->legs[i].fd = -1;
	s->out.wide = s->in.wide = wide;
	stripe_begin_window(&s->in, striped_left(stripes, STRIPED_PROMISED));
	s->begun_at_us = s->in.came_at_us = loop_now_us(stripes->worker->loop);
	counter_add(&stripes->worker->counters.n_striped, 1);
	return s;
}

/* Without a place for them, links of low rate are of no use, and others still are. */
static bool links_want_them(const struct stripes *stripes, const struct upstream *upstream, bool as_said)
{
	const struct view *view = stripes->worker->view;
	bool takes_wide = __atomic_load_n(&upstream->takes_wide, __ATOMIC_RELAXED);

	return profile_all_lowrate(view) ||
	       (takes_wide && profile_pieces(stripes->worker->shared, view, as_said) != PIECES_NONE &&
		slab_has_place(&stripes->sessions));
}

/* Legs are Braid's own, and for a converter that has shown to be Braid (doc/wire.md). */
bool stripes_are_wanted(const struct stripes *stripes, const struct upstream *upstream, bool marked)
{
	const struct worker *worker = stripes->worker;
	bool as_said = marked || worker->view->conf->gateway.pieces == CONF_PIECES_PROFILE,
	     kin = upstream && __atomic_load_n(&upstream->kin, __ATOMIC_RELAXED);

	return kin && links_want_them(stripes, upstream, as_said) &&
	       upstream_takes_legs(upstream, loop_now_us(worker->loop));
}

int stripes_connect(struct stripes *stripes, struct upstream *upstream, int *fd)
{
	struct striped *s = take(stripes, !profile_all_lowrate(stripes->worker->view));
	int r;

	if (!s)
		return NET_E_DESCRIPTORS;
	s->client = true;
	s->lossy = s->out.wide && profile_pieces(stripes->worker->shared, stripes->worker->view, true) == PIECES_LOSSY;
	s->upstream = upstream_ref(upstream);
	randombytes_buf(s->session, sizeof(s->session));
	r = striped_open_near(stripes, s, fd);
	if (r)
		striped_abort(stripes, s);
	else
		striped_step(stripes, s);
	return r;
}

static struct striped *find(const struct stripes *stripes, const uint8_t session[SIGNALLING_SESSION_BYTES])
{
	for (uint32_t i = 0; i < stripes->sessions.n_touched; i++) {
		struct striped *s = slab_at(&stripes->sessions, i);

		if (s && !s->client && !sodium_memcmp(s->session, session, sizeof(s->session)))
			return s;
	}
	return NULL;
}

static bool is_of(const struct striped *s, const struct stripes_arrival *arrival)
{
	return s->admitted == arrival->admitted && s->subscriber == arrival->subscriber;
}

/* Who has no ticket is known by his address. */
static bool is_same_client(const struct striped *s, const struct stripes_arrival *arrival)
{
	size_t n = address_is_v4(&arrival->client) ? sizeof(arrival->client.ip) : HOUSEHOLD_BYTES;

	return is_of(s, arrival) && (arrival->admitted || !memcmp(s->client_address.ip, arrival->client.ip, n));
}

static bool has_its_share(const struct stripes *stripes, const struct stripes_arrival *arrival)
{
	size_t n = 0;

	for (uint32_t i = 0; i < stripes->sessions.n_touched; i++) {
		const struct striped *s = slab_at(&stripes->sessions, i);

		n += s && !s->client && is_same_client(s, arrival);
	}
	if (n < SESSIONS_SHARE)
		return false;
	counter_add(&stripes->worker->counters.n_over_share, 1);
	return true;
}

/* The session that the leg is of, which may begin with it. NULL: somebody else's, or there is no place for it. */
static struct striped *session_of(struct stripes *stripes, const struct stripes_arrival *arrival)
{
	struct striped *s = find(stripes, arrival->session);

	if (s)
		return is_of(s, arrival) && s->out.wide == arrival->wide ? s : NULL;
	s = arrival->joins || has_its_share(stripes, arrival) ? NULL : take(stripes, arrival->wide);
	if (!s)
		return NULL;
	s->lossy = arrival->lossy;
	memcpy(s->session, arrival->session, sizeof(s->session));
	s->admitted = arrival->admitted;
	s->subscriber = arrival->subscriber;
	s->client_address = arrival->client;
	s->own = arrival->own;
	return s;
}

/* A few bytes, which a new connection takes. */
static void turn_away(const struct stripes_arrival *arrival)
{
	int error = 0;
	bool told = arrival->joins &&
		    net_send(arrival->fd, arrival->refusal.at, arrival->refusal.n, &error) ==
		    (ssize_t)arrival->refusal.n;

	(told ? net_close_orderly : net_close_reset)(arrival->fd);
}

static void take_leg(struct stripes *stripes, const struct stripes_arrival *arrival)
{
	struct striped *s = arrival->leg < STRIPE_LEGS ? session_of(stripes, arrival) : NULL;

	if (!s) {
		turn_away(arrival);
		return;
	}
	striped_leg_attach(stripes, s, arrival);
	striped_step(stripes, s);
}

/* On its way to another worker, with what its pointers point to behind it. */
struct passage {
	struct worker *to;
	struct stripes_arrival arrival;
	uint8_t bytes[];
};

static void end_passage(void *arg)
{
	struct passage *passage = arg;

	take_leg(passage->to->stripes, &passage->arrival);
	free(passage);
}

static struct bytes put_behind(uint8_t **at, struct bytes bytes)
{
	struct bytes put = { *at, bytes.n };

	if (bytes.n)
		memcpy(*at, bytes.at, bytes.n);
	*at += bytes.n;
	return put;
}

void stripes_arrive(struct stripes *stripes, const struct stripes_arrival *arrival)
{
	/* NULL: gone already, we are ending */
	struct worker *own = stripes->worker, *to = own->peers[arrival->session[0] % own->n_peers];
	struct passage *passage = to && !to->halted ?
				  malloc(sizeof(*passage) + arrival->answer.n + arrival->refusal.n + arrival->first.n) :
				  NULL;
	uint8_t *at;

	if (!passage) {
		net_close_reset(arrival->fd);
		return;
	}
	at = passage->bytes;
	passage->to = to;
	passage->arrival = *arrival;
	passage->arrival.answer = put_behind(&at, arrival->answer);
	passage->arrival.refusal = put_behind(&at, arrival->refusal);
	passage->arrival.first = put_behind(&at, arrival->first);
	if (!loop_post(to->loop, end_passage, passage))
		return;
	net_close_reset(arrival->fd);
	free(passage);
}

void stripes_apply(struct stripes *stripes)
{
	for (uint32_t i = 0; i < stripes->sessions.n_touched; i++) {
		struct striped *s = slab_at(&stripes->sessions, i);

		if (!s)
			continue;
		striped_legs_apply(stripes, s);
		striped_step(stripes, s);
	}
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct stripes *stripes = context;
	struct striped *s = slab_get(&stripes->sessions, (struct slab_name){ ref.index, ref.generation });

	if (s && ref.part == STRIPED_NEAR)
		striped_on_near(stripes, s, events);
	else if (s && ref.part >= STRIPED_LEG && ref.part < STRIPED_LEG + STRIPE_LEGS)
		striped_leg_on_event(stripes, s, ref.part - STRIPED_LEG);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct stripes *stripes = context;
	struct striped *s = slab_get(&stripes->sessions, (struct slab_name){ ref.index, ref.generation });

	if (!s || !s->timer_at_us || now_us < s->timer_at_us)
		return;
	s->timer_at_us = 0;
	striped_step(stripes, s);
}

int stripes_new(struct worker *worker, struct stripes **out)
{
	struct stripes *stripes = calloc(1, sizeof(*stripes));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = stripes };

	if (!stripes || slab_init(&stripes->sessions, sizeof(struct striped), STRIPES_MOST)) {
		free(stripes);
		return -ENOMEM;
	}
	stripes->worker = worker;
	stripes->send_most_bytes = mptcp_send_bound_most(&stripes->send_forced);
	stripes->handler = loop_handler_add(worker->loop, &handler);
	*out = stripes;
	return 0;
}

void stripes_freep(struct stripes **out)
{
	struct stripes *stripes = *out;

	if (!stripes)
		return;
	for (uint32_t i = 0; i < stripes->sessions.n_touched; i++) {
		struct striped *s = slab_at(&stripes->sessions, i);

		if (s)
			striped_abort(stripes, s);
	}
	slab_fini(&stripes->sessions);
	free(stripes);
	*out = NULL;
}
