/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/shared.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

#define UNANSWERED_US (5 * US_PER_S)         /* long enough to be spared by the next connections, short enough to be
					      * tried again */
/* The SYN itself may have been lost, so the first time counts little; a middlebox that eats SYN data does it again. */
#define SYN_DATA_LOST_US (60 * US_PER_S)
#define SYN_DATA_DOUBLINGS 6
#define STRIPS_MPTCP_US (60 * US_PER_S)
#define BROKEN_IN_A_ROW 2
#define LOST_SYN_US (60 * US_PER_S)          /* then the link is tried again */
#define RTT_KNOWN_US (60 * US_PER_S)         /* a round trip may be another one after that */
#define LOSES_US (60 * US_PER_S)             /* as long as nobody looks: then the next transfer finds out anew */

static uint64_t load(const uint64_t *value) { return __atomic_load_n(value, __ATOMIC_RELAXED); }
static void store(uint64_t *value, uint64_t to) { __atomic_store_n(value, to, __ATOMIC_RELAXED); }

struct conf_holder *conf_holder_new(struct conf *conf)
{
	struct conf_holder *holder = calloc(1, sizeof(*holder));

	if (holder)
		*holder = (struct conf_holder){ .n_refs = 1, .conf = conf };
	return holder;
}

static struct conf_holder *conf_holder_ref(struct conf_holder *holder)
{
	__atomic_add_fetch(&holder->n_refs, 1, __ATOMIC_RELAXED);
	return holder;
}

void conf_holder_unref(struct conf_holder *holder)
{
	if (!holder || __atomic_sub_fetch(&holder->n_refs, 1, __ATOMIC_ACQ_REL))
		return;
	conf_freep(&holder->conf);
	roster_free(holder->roster);
	free(holder);
}

struct view *view_new(struct conf_holder *holder)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->n_refs = 1;
	view->holder = conf_holder_ref(holder);
	view->conf = holder->conf;
	view->n_links = holder->conf->n_links;
	for (size_t i = 0; i < view->n_links; i++) {
		memcpy(view->links[i].name, holder->conf->links[i].name, sizeof(view->links[i].name));
		view->links[i].backup = conf_link_is_backup(holder->conf, i);
	}
	return view;
}

bool view_has_several_links(const struct view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n_links; i++)
		n += view->links[i].up;
	return n > 1;
}

struct view *view_ref(struct view *view)
{
	__atomic_add_fetch(&view->n_refs, 1, __ATOMIC_RELAXED);
	return view;
}

void view_unref(struct view *view)
{
	if (!view || __atomic_sub_fetch(&view->n_refs, 1, __ATOMIC_ACQ_REL))
		return;
	conf_holder_unref(view->holder);
	upstream_unref(view->upstream);
	for (size_t i = 0; i < view->n_others; i++)
		upstream_unref(view->others[i]);
	forwards_freep(&view->forwards);
	free(view);
}

bool shared_is_unanswered(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return load(&shared->links[link].unanswered_until_us) > now_us;
}

bool shared_is_silent(const struct shared *shared, size_t link)
{
	return load(&shared->links[link].silent);
}

bool shared_is_out(const struct shared *shared, const struct view *view, size_t link)
{
	return view->links[link].backup || load(&shared->links[link].used_up) || load(&shared->links[link].aside);
}

bool shared_is_spare(const struct shared *shared, const struct view *view, size_t link)
{
	return shared_is_out(shared, view, link) || load(&shared->links[link].closed);
}

static void fill_links(const struct shared *shared, const struct view *view, uint64_t now_us,
		       struct choose_link links[CONF_LINKS])
{
	for (size_t i = 0; i < view->n_links; i++) {
		const struct link_memory *memory = &shared->links[i];

		links[i] = (struct choose_link){
			.up = view->links[i].up, .backup = shared_is_out(shared, view, i),
			.cost = view->conf->links[i].cost,
			.unanswered = shared_is_unanswered(shared, (uint8_t)i, now_us) ||
			load(&memory->rests_until_us) > now_us, .silent = shared_is_silent(shared, i),
			.strips_mptcp = load(&memory->strips_mptcp_until_us) > now_us,
			.v4 = view->links[i].v4, .v6 = view->links[i].v6,
		};
	}
}

int shared_choose_link_to(const struct shared *shared, const struct view *view, const struct address *destinations,
			  size_t n_destinations, uint32_t tried, uint64_t now_us, struct choice *out)
{
	struct choose_link links[CONF_LINKS];

	fill_links(shared, view, now_us, links);
	return choose_first_link(links, view->n_links, destinations, n_destinations, tried, out);
}

int shared_choose_link(const struct shared *shared, const struct view *view, uint32_t tried, uint64_t now_us,
		       struct choice *out)
{
	const struct upstream *upstream = view->upstream;

	return upstream ? shared_choose_link_to(shared, view, upstream->at.converter, upstream->at.n_converter, tried,
						now_us, out) : CHOOSE_E_NONE;
}

/* 0: not lately. */
static uint64_t known_rtt_us(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return load(&shared->links[link].rtt_at_us) + RTT_KNOWN_US > now_us ? load(&shared->links[link].rtt_us) : 0;
}

size_t shared_choose_race(const struct shared *shared, const struct view *view, const struct conf_upstream *at,
			  enum race_mode mode, uint32_t tried, uint64_t now_us, struct choice out[RACE_MOST])
{
	struct choose_link links[CONF_LINKS];
	struct race_link others[CONF_LINKS];

	fill_links(shared, view, now_us, links);
	for (size_t i = 0; i < view->n_links; i++) {
		const struct link_memory *memory = &shared->links[i];

		others[i] = (struct race_link){
			.capped = view->conf->links[i].cap_bytes, .lost_syn = load(&memory->lost_syn_until_us) > now_us,
			.rtt_us = known_rtt_us(shared, (uint8_t)i, now_us),
		};
	}
	return race_choose(mode, links, others, view->n_links, at->converter, at->n_converter, tried, out);
}

bool shared_syn_data_works(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return link >= CONF_LINKS || load(&shared->links[link].syn_data_until_us) <= now_us;
}

bool shared_strips_mptcp(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return link < CONF_LINKS && load(&shared->links[link].strips_mptcp_until_us) > now_us;
}

bool shared_breaks_mptcp(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return link < CONF_LINKS && load(&shared->links[link].breaks_mptcp_until_us) > now_us;
}

uint64_t shared_rtt_us(const struct shared *shared, uint8_t link)
{
	return link < CONF_LINKS ? load(&shared->links[link].rtt_us) : 0;
}

uint64_t shared_least_rtt_us(const struct shared *shared, size_t link)
{
	return load(&shared->links[link].least_rtt_us);
}

uint64_t shared_longest_rtt_us(const struct shared *shared, const struct view *view, bool open)
{
	uint64_t longest_us = 0;

	for (size_t i = 0; i < view->n_links; i++) {
		bool counts = view->links[i].up && !(open && load(&shared->links[i].closed));
		uint64_t rtt_us = counts ? shared_rtt_us(shared, (uint8_t)i) : 0;

		longest_us = rtt_us > longest_us ? rtt_us : longest_us;
	}
	return longest_us;
}

void shared_note_unanswered(struct shared *shared, uint8_t link, uint64_t now_us)
{
	if (link < CONF_LINKS)
		store(&shared->links[link].unanswered_until_us, now_us + UNANSWERED_US);
}

void shared_note_answer(struct shared *shared, uint8_t link, uint64_t rtt_us, uint64_t now_us)
{
	if (link >= CONF_LINKS)
		return;
	store(&shared->links[link].unanswered_until_us, 0);
	store(&shared->links[link].rtt_us, rtt_us);
	store(&shared->links[link].rtt_at_us, now_us);
	__atomic_add_fetch(&shared->links[link].n_first, 1, __ATOMIC_RELAXED);
}

bool shared_note_lost_syn(struct shared *shared, uint8_t link, uint64_t now_us)
{
	uint64_t *until_us = &shared->links[link < CONF_LINKS ? link : 0].lost_syn_until_us;
	bool news = link < CONF_LINKS && load(until_us) <= now_us;

	if (link < CONF_LINKS)
		store(until_us, now_us + LOST_SYN_US);
	return news;
}

bool shared_note_overtaken(struct shared *shared, uint8_t link, uint64_t waited_us, uint8_t winner, uint64_t now_us)
{
	if (link >= CONF_LINKS)
		return false;
	switch (race_overtaken(waited_us, known_rtt_us(shared, link, now_us), shared_rtt_us(shared, winner))) {
	case RACE_SAYS_NOTHING:
		break;
	case RACE_SAYS_LOST:
		return shared_note_lost_syn(shared, link, now_us);
	case RACE_SAYS_FAR:
		store(&shared->links[link].rtt_us, waited_us);
		store(&shared->links[link].rtt_at_us, now_us);
		break;
	}
	return false;
}

void shared_note_syn_data(struct shared *shared, uint8_t link, bool acked, uint64_t begun_at_us, uint64_t now_us)
{
	struct link_memory *memory = &shared->links[link < CONF_LINKS ? link : 0];
	uint64_t n_lost = load(&memory->n_syn_data_lost);

	if (link >= CONF_LINKS || (!acked && begun_at_us < load(&memory->changed_at_us)))
		return;
	store(&memory->n_syn_data_lost, acked ? 0 : n_lost + 1);
	if (!acked)
		store(&memory->syn_data_until_us,
		      now_us + (SYN_DATA_LOST_US << (n_lost < SYN_DATA_DOUBLINGS ? n_lost : SYN_DATA_DOUBLINGS)));
}

void shared_note_losing(struct shared *shared, uint8_t link, bool losing, uint64_t now_us)
{
	if (link < CONF_LINKS)
		store(&shared->links[link].loses_until_us, losing ? now_us + LOSES_US : 0);
}

void shared_note_loser(struct shared *shared, const struct address *peer, bool losing, uint64_t now_us)
{
	pthread_mutex_lock(&shared->lock);
	losers_note(&shared->losers, peer, losing ? now_us + LOSES_US : 0);
	pthread_mutex_unlock(&shared->lock);
}

bool shared_is_loser(struct shared *shared, const struct address *peer, uint64_t now_us)
{
	bool is;

	pthread_mutex_lock(&shared->lock);
	is = losers_know(&shared->losers, peer, now_us);
	pthread_mutex_unlock(&shared->lock);
	return is;
}

bool shared_is_left(const struct shared *shared, const struct view *view, size_t link)
{
	const struct link_memory *memory = &shared->links[link];

	return view->conf->links[link].idle == CONF_IDLE_LEFT && load(&memory->closed) && !load(&memory->used_up) &&
	       !load(&memory->aside);
}

bool shared_loses(const struct shared *shared, uint8_t link, uint64_t now_us)
{
	return link < CONF_LINKS && load(&shared->links[link].loses_until_us) > now_us;
}

bool shared_any_loses(const struct shared *shared, const struct view *view, uint64_t now_us)
{
	for (size_t i = 0; i < view->n_links; i++)
		if (view->links[i].up && !view->links[i].backup && !load(&shared->links[i].closed) &&
		    shared_loses(shared, (uint8_t)i, now_us))
			return true;
	return false;
}

void shared_note_fallback(struct shared *shared, uint8_t link, uint64_t now_us)
{
	if (link < CONF_LINKS)
		store(&shared->links[link].strips_mptcp_until_us, now_us + STRIPS_MPTCP_US);
}

void shared_note_multipath(struct shared *shared, uint8_t link, bool whole, uint64_t now_us)
{
	struct link_memory *memory = &shared->links[link < CONF_LINKS ? link : 0];
	uint64_t n = load(&memory->n_broken) + 1, doublings = n < SYN_DATA_DOUBLINGS ? n - 1 : SYN_DATA_DOUBLINGS;

	if (link >= CONF_LINKS)
		return;
	store(&memory->n_broken, whole ? 0 : n);
	if (whole || n < BROKEN_IN_A_ROW)
		return;
	store(&memory->breaks_mptcp_until_us, now_us + (STRIPS_MPTCP_US << doublings));
	store(&memory->strips_mptcp_until_us, now_us + (STRIPS_MPTCP_US << doublings));
}

void shared_forget_broken(struct shared *shared)
{
	for (size_t i = 0; i < CONF_LINKS; i++) {
		store(&shared->links[i].breaks_mptcp_until_us, 0);
		store(&shared->links[i].n_broken, 0);
	}
}

void shared_forget_link(struct shared *shared, uint8_t link, uint64_t now_us)
{
	struct link_memory *memory = &shared->links[link];

	store(&memory->changed_at_us, now_us);
	store(&memory->unanswered_until_us, 0);
	store(&memory->syn_data_until_us, 0);
	store(&memory->n_syn_data_lost, 0);
	store(&memory->strips_mptcp_until_us, 0);
	store(&memory->drops_mptcp_until_us, 0);
	store(&memory->breaks_mptcp_until_us, 0);
	store(&memory->n_broken, 0);
	store(&memory->loses_until_us, 0);
	store(&memory->rtt_us, 0);
	store(&memory->lost_syn_until_us, 0);
}

static void call_suspect(void *arg)
{
	struct shared *shared = arg;

	shared->on_suspect(shared->context);
}

void shared_suspect(struct shared *shared)
{
	if (__atomic_exchange_n(&shared->suspected, true, __ATOMIC_ACQ_REL))
		return;
	if (loop_post(shared->main_loop, call_suspect, shared))
		__atomic_store_n(&shared->suspected, false, __ATOMIC_RELEASE);
}

void shared_note_doubt(struct shared *shared, struct upstream *upstream, enum upstream_doubt doubt)
{
	__atomic_store_n(&upstream->doubt, (uint8_t)doubt, __ATOMIC_RELAXED);
	shared_suspect(shared);
}

bool shared_take(uint64_t *count, uint64_t most)
{
	if (__atomic_add_fetch(count, 1, __ATOMIC_RELAXED) <= most)
		return true;
	shared_release(count);
	return false;
}

void shared_release(uint64_t *count)
{
	__atomic_sub_fetch(count, 1, __ATOMIC_RELAXED);
}

/* Each says first what it is about to do, and then looks at what the other has said: one of the two sees it. */
bool shared_stay(struct shared *shared)
{
	uint64_t until_us = loop_clock_us() + SHARED_STAY_US,
		 seen = __atomic_load_n(&shared->stay_until_us, __ATOMIC_SEQ_CST);

	while (seen < until_us &&
	       !__atomic_compare_exchange_n(&shared->stay_until_us, &seen, until_us, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST))
		;
	return !__atomic_load_n(&shared->n_moving, __ATOMIC_SEQ_CST);
}

bool shared_set_out(struct shared *shared, uint64_t now_us)
{
	__atomic_add_fetch(&shared->n_moving, 1, __ATOMIC_SEQ_CST);
	if (now_us >= __atomic_load_n(&shared->stay_until_us, __ATOMIC_SEQ_CST))
		return true;
	shared_arrive(shared);
	return false;
}

void shared_arrive(struct shared *shared)
{
	__atomic_sub_fetch(&shared->n_moving, 1, __ATOMIC_SEQ_CST);
}
