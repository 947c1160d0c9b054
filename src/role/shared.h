/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the workers share, all of it away from the data path: the view (configuration and links, immutable, swapped as a
 * whole), what was learnt about each link, the tickets seen, the subscribers, and the numbers of sessions that limits
 * are about.
 */
#ifndef BRAID_ROLE_SHARED_H
#define BRAID_ROLE_SHARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "conf/conf.h"
#include "loop/loop.h"
#include "path/alive.h"
#include "policy/choose.h"
#include "policy/converters.h"
#include "policy/forwards.h"
#include "policy/losers.h"
#include "policy/race.h"
#include "policy/replay.h"
#include "relay/account.h"
#include "role/converter/subscribers.h"
#include "role/gateway/upstream.h"
#include "role/log.h"

/* One state of configuration and links. Never changed once published; freed with its last reference. */
struct view {
	unsigned int n_refs;             /* atomic */
	struct conf *conf;               /* borrowed: lives as long as any view of it */
	struct conf_holder *holder;      /* whose reference keeps conf alive */
	bool accepting;                  /* false while draining */
	bool spans_families;             /* gateway: of the links that are up, one has IPv4 alone and another IPv6
					  * alone */
	bool can_hold;                   /* gateway: hosts' first packets can wait in a queue */
	uint32_t rules_generation;       /* gateway: of conf's rules, in the marks of held packets */
	struct forwards *forwards;       /* converter: for hosts behind gateways; NULL: none */
	bool converter_reachable;        /* gateway: false lets new connections go the ordinary way */
	struct upstream *upstream;       /* gateway: the converter that new connections go to; where none answers,
					  * the most preferred; NULL: there is none. References, here and below */
	struct upstream *others[CONVERTERS_MOST];   /* those that answer besides, the most preferred first */
	size_t n_others;
	size_t n_links;
	struct {
		char name[CONF_NAME_BYTES];
		bool up, backup;
		struct address v4, v6;
	} links[CONF_LINKS];
};

/* Counts the views that use a configuration. */
struct conf_holder {
	unsigned int n_refs;             /* atomic */
	struct conf *conf;
	struct roster *roster;           /* its subscribers; NULL at a gateway */
};

struct conf_holder *conf_holder_new(struct conf *conf);   /* takes conf; one reference; NULL without memory (conf
							   * stays the caller's) */
void conf_holder_unref(struct conf_holder *holder);

struct view *view_new(struct conf_holder *holder);        /* one reference, no links up; NULL without memory */
struct view *view_ref(struct view *view);
void view_unref(struct view *view);
bool view_has_several_links(const struct view *view);      /* that are up */

/* What sessions found out about a link, until a time (monotonic us; 0: nothing). Atomics; indexed as the
 * configuration's links. */
struct link_memory {
	uint64_t unanswered_until_us;    /* an attempt got no answer */
	uint64_t silent;                 /* 1: it swallows what is sent, as probes have found
					  * (role/links/link_health.h); the main thread's to set */
	uint64_t syn_data_until_us;      /* data in the SYN didn't arrive: send it after the handshake */
	uint64_t n_syn_data_lost;        /* in a row: the longer it is spared */
	uint64_t changed_at_us;          /* address, carrier */
	uint64_t strips_mptcp_until_us;  /* a connection came out as plain TCP */
	uint64_t drops_mptcp_until_us;   /* connections with Multipath TCP options aren't answered, others are; the
					  * main thread's to set */
	uint64_t breaks_mptcp_until_us;  /* connections became plain TCP under way: Multipath TCP isn't to be begun
					  * there */
	uint64_t n_broken;               /* such connections in a row */
	uint64_t loses_until_us;         /* packets at random, by what a bulk transfer showed */
	uint64_t rtt_us;                 /* of the last handshake; 0: none yet */
	uint64_t rtt_at_us;              /* and when that was */
	uint64_t least_rtt_us;           /* in the last ten minutes or so; 0: not known; the main thread's to set */
	uint64_t lost_syn_until_us;      /* a SYN or its answer was lost */
	uint64_t n_first;                /* connections that began on it */
	uint64_t closed;                 /* 1: sessions send nothing over it just now, as it costs more than others;
					  * the main thread's to set, as the next */
	uint64_t used_up;                /* 1: its cap is; it is a backup until the period ends */
	uint64_t rests_until_us;         /* its endpoint is about to be taken away and put back: connections had
					  * better not begin there; the main thread's to set */
	uint64_t aside;                  /* 1: it kept better links waiting, and is a backup until it is tried again
					  * (role/links/aside.h) */
};

struct mapper;

struct shared {
	struct link_memory links[CONF_LINKS];
	struct loop *main_loop;          /* borrowed */
	void (*on_suspect)(void *context);   /* in the main loop: a connection found the converter on no link */
	void *context;
	bool suspected;                  /* atomic: on_suspect is on its way; it is to set it back */
	uint64_t n_sessions;             /* atomic: relayed, all workers */
	uint64_t n_striped;              /* atomic: sessions in pieces, those too of which the relay has handed over
					  * all and the links haven't */
	uint64_t n_striped_bytes[2];     /* atomics: what these hold of what they send, and have promised to take
					  * (enum striped_kind, role/stripe/striped.h) */
	uint64_t n_half_open;            /* atomic: being set up, all workers */
	uint64_t n_moving;               /* atomic: sessions on their way from one worker to another */
	uint64_t stay_until_us;          /* atomic: none sets out before */
	bool heard, unheard;             /* atomics; gateway: what is caught of hosts' has come to one of us; it
					  * seems not to come (policy/unheard.h) */
	bool wants_limits;               /* atomic; links have several costs, here or at a gateway of a subscriber's:
					  * then it stays so */
	struct alive_times alive;        /* gateway: when hosts' first packets came to us, and when not */
	bool late;                       /* atomic; converter: we are, as of the last look (role/pulse.h) */
	uint64_t late_at_us;             /* gateway, the main thread's, as the next: the converter has said that it
					  * is late; 0: never (role/converter/late.h) */
	struct log_limit late_log;
	uint64_t limited_at_us[RELAY_N_WAYS];   /* atomics; gateway: the links limited what sessions send; 0: never
						 * (role/links/limited.h) */
	uint64_t spoilt_at_us[RELAY_N_WAYS];    /* the same: one of the links kept a better one waiting
						 * (policy/spoilt.h) */

	struct subscribers *subscribers; /* NULL at a gateway */
	struct mapper *mapper;           /* the main thread's; NULL where hosts are given no mappings */

	pthread_mutex_t lock;            /* of what follows; set-up path only */
	struct replay *replay;           /* NULL at a gateway */
	struct losers losers;
};

/* The choice for a new connection to the converter that the view has in use. now_us: monotonic. As
 * choose_first_link(). */
int shared_choose_link(const struct shared *shared, const struct view *view, uint32_t tried, uint64_t now_us,
		       struct choice *out);

/* The same to one of these, at most one of each family, in the converter's place. */
int shared_choose_link_to(const struct shared *shared, const struct view *view, const struct address *destinations,
			  size_t n_destinations, uint32_t tried, uint64_t now_us, struct choice *out);

/* The links that a new connection to this converter begins over. As race_choose(). */
size_t shared_choose_race(const struct shared *shared, const struct view *view, const struct conf_upstream *at,
			  enum race_mode mode, uint32_t tried, uint64_t now_us, struct choice out[RACE_MOST]);

bool shared_syn_data_works(const struct shared *shared, uint8_t link, uint64_t now_us);
/* connections came out as plain TCP lately */
bool shared_strips_mptcp(const struct shared *shared, uint8_t link, uint64_t now_us);
bool shared_breaks_mptcp(const struct shared *shared, uint8_t link, uint64_t now_us);   /* or became it under way */
uint64_t shared_rtt_us(const struct shared *shared, uint8_t link);   /* of the last handshake; 0: none */
/* lately, about what it has without a queue; 0: not known */
uint64_t shared_least_rtt_us(const struct shared *shared, size_t link);
/* of the links that are up; open: but for those that are closed */
uint64_t shared_longest_rtt_us(const struct shared *shared, const struct view *view, bool open);
/* a backup, by the configuration, a cap or the harm that it did */
bool shared_is_out(const struct shared *shared, const struct view *view, size_t link);
/* out, or closed as it costs more than others */
bool shared_is_spare(const struct shared *shared, const struct view *view, size_t link);
/* an attempt over it got no answer lately */
bool shared_is_unanswered(const struct shared *shared, uint8_t link, uint64_t now_us);
/* probes get none, while others do: sessions have nothing there */
bool shared_is_silent(const struct shared *shared, size_t link);
void shared_note_unanswered(struct shared *shared, uint8_t link, uint64_t now_us);
void shared_note_answer(struct shared *shared, uint8_t link, uint64_t rtt_us, uint64_t now_us);
/* True: for the first time in a minute. Here and below. */
bool shared_note_lost_syn(struct shared *shared, uint8_t link, uint64_t now_us);
/* A handshake wasn't waited for any longer, that over another link, the winner, being there: it may tell of a loss,
 * or how far the link is at least. */
bool shared_note_overtaken(struct shared *shared, uint8_t link, uint64_t waited_us, uint8_t winner, uint64_t now_us);
#define SHARED_SYN_REPEATED_US (990 * US_PER_MS)   /* a handshake that took longer: Linux sends a SYN again after a
						    * second, without what was in it */

/* begun_at_us: of the attempt. What was lost with a link that went away meanwhile says nothing of the link. */
void shared_note_syn_data(struct shared *shared, uint8_t link, bool acked, uint64_t begun_at_us, uint64_t now_us);
/* Bulk transfers up it are better off with bbr; or were found not to be. */
void shared_note_losing(struct shared *shared, uint8_t link, bool losing, uint64_t now_us);
/* The same at a converter, by the address that a gateway comes from. */
void shared_note_loser(struct shared *shared, const struct address *peer, bool losing, uint64_t now_us);
bool shared_is_loser(struct shared *shared, const struct address *peer, uint64_t now_us);
/* Nothing of any session is to be there just now (link.idle = left). */
bool shared_is_left(const struct shared *shared, const struct view *view, size_t link);
/* Whether the link loses packets; whether any does of those that a new connection will use. */
bool shared_loses(const struct shared *shared, uint8_t link, uint64_t now_us);
bool shared_any_loses(const struct shared *shared, const struct view *view, uint64_t now_us);
void shared_note_fallback(struct shared *shared, uint8_t link, uint64_t now_us);
/* An answer came that Multipath TCP has carried; or one with which the connection had become plain TCP: once that
 * may be a packet's loss, twice in a row it is the link. */
void shared_note_multipath(struct shared *shared, uint8_t link, bool whole, uint64_t now_us);
/* The converter, which didn't, answers: what was reset may have been so because it ended. */
void shared_forget_broken(struct shared *shared);
/* A link that has changed (address, carrier) is judged afresh. */
void shared_forget_link(struct shared *shared, uint8_t link, uint64_t now_us);

/* A connection could not reach the converter: somebody should look. */
void shared_suspect(struct shared *shared);
/* The same, of one that did reach it. */
void shared_note_doubt(struct shared *shared, struct upstream *upstream, enum upstream_doubt doubt);

/* Sessions stay with their workers for SHARED_STAY_US from now: who looks over all of them finds each once. True:
 * none is on its way; to be called again before the time is over, while the look goes on. From any thread. */
bool shared_stay(struct shared *shared);
/* A session sets out; false: it has to stay. */
bool shared_set_out(struct shared *shared, uint64_t now_us);
void shared_arrive(struct shared *shared);

#define SHARED_STAY_US 100000u

/* Takes a place under a limit; false when there is none left. Give it back with shared_release(). */
bool shared_take(uint64_t *count, uint64_t most);
void shared_release(uint64_t *count);

#endif
