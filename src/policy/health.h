/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a gateway's links are, by what sessions show of them, what their interfaces receive, and by probes: small
 * exchanges with the converter (decision 0030). A link is probed when nothing has come over it for a while, more and
 * more rarely as long as it answers; and at once when it is in doubt: something came all the time, nothing comes now,
 * and over other links it does. It is called silent when two probes in a row had no answer, in a time that follows its
 * round trip, nothing else came meanwhile, and another link is alive. Pure.
 */
#ifndef BRAID_POLICY_HEALTH_H
#define BRAID_POLICY_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_LINKS 8
#define HEALTH_UNANSWERED 3u          /* retransmissions in a row: the subflow stands still */
#define HEALTH_TICK_US 50000u         /* between two looks, about, while there is something to see */
#define HEALTH_REST_US 500000u        /* and while there isn't */
#define HEALTH_PROBE_BYTES 300u       /* that one probe costs, answer and framing included: at most */

/* DOWN: no carrier, address or route. UNKNOWN: nobody has answered over it yet, or none does over any link. LOSSY:
 * what was sent has to be sent again too often. FULL: the round trip stays well above its least, so a queue stands.
 * SILENT: it swallows what is sent, while others carry. GOOD: none of these. */
enum health_state { HEALTH_DOWN, HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_LOSSY, HEALTH_FULL, HEALTH_SILENT,
		    HEALTH_N_STATES };

/*
 * What the kernel tells of the subflows that sessions have over one link, as it was found at the last look of the
 * workers (role/links/figures.h; every two seconds), all sessions together. Bytes are TCP payload, and only grow: what
 * matters is the difference between two looks. Sessions that live no longer than until the first look are left out, and
 * so are the first bytes of one that was idle before.
 */
struct health_seen {
	uint64_t n_looks;             /* that are complete; as long as it is the same, so is the rest */
	uint64_t n_unanswered;        /* subflows that are established now, and legs of sessions in pieces that have
				       * something to do, with HEALTH_UNANSWERED retransmissions or more, and no
				       * answer yet; nothing says so of one that has nothing to send */
	uint64_t rtt_us;              /* smoothed, as it is now, queues included, of the subflow that has carried
				       * most since the look before; by what that receives, where it receives more.
				       * 0: none carried anything */
	uint64_t min_rtt_us;          /* the least that any of those that carried something has ever had: about what
				       * the link has without a queue; 0 as above */
	uint64_t carried_bytes;       /* both ways, since the look before: by the subflow whose rtt_us it is */
	uint64_t sent_bytes;          /* since the start, up the link, retransmissions included */
	uint64_t retransmitted_bytes; /* of these. What the converter has to send again the gateway doesn't see */
	uint64_t acked_bytes;         /* that the other end has acknowledged, of what was sent */
	uint64_t received_bytes;      /* down the link */
};

struct health_link_facts {
	bool up;                      /* carrier, address, route */
	bool spared;                  /* its cap is used up, or there is nobody to probe: it isn't probed, nor silent
				       * any more */
	bool lowrate;                 /* a packet may take seconds, and a probe is a second of all that it can: it is
				       * asked seldom, waited for long, and whatever comes by its interface tells
				       * that it works */
	bool suspected;               /* a connection that began there had no answer lately */
	uint64_t rx_bytes, tx_bytes;  /* of its interface */
	struct health_seen seen;
};

struct health_facts {
	uint64_t now_us;
	const struct health_link_facts *links;   /* the same ones each time; where others are there, begin with zeros */
	size_t n_links;               /* HEALTH_LINKS at most */
	uint32_t lossy_percent;       /* of what was sent, from which on a link is lossy */
	uint32_t full_ms;             /* by which the round trip is longer than the least, from which on a link is
				       * full; half of the least, where that is more */
	uint32_t probe_idle_s;        /* most time between two probes of a link on which nothing happens */
};

struct health_link {
	enum health_state state;
	uint64_t since_us;            /* it is so */
	uint64_t alive_at_us;         /* something came over it; 0: never */
	uint64_t rtt_us;              /* as sessions show it, or the last probe; 0: not known */
	uint64_t least_rtt_us;        /* in the last ten minutes or so; 0: not known */
	uint64_t loss_per_10_000;     /* of the bytes sent up it lately */
	uint64_t loss_of_bytes;       /* so many */
	uint64_t up_bps, down_bps;    /* of its interface, since the look before */
	uint64_t n_probes, n_answered;
	uint64_t answered_at_us;      /* the last of them; 0: never */
	uint64_t silent_us;           /* SILENT: nothing had come for so long when that was said */

	/* What follows is health.c's own. */
	bool lowrate;                 /* as the facts say */
	uint8_t n_asked;              /* probes in a row without an answer */
	bool wanted;                  /* to be asked at once */
	uint64_t loses_until_us;      /* probes were lost there lately */
	uint64_t first_asked_at_us, asked_at_us, ask_at_us;   /* the first of them, the last one; when to ask next */
	uint64_t pause_us;            /* between probes; as it is now */
	uint64_t budget_bytes, budget_at_us;
	uint64_t full_bps;            /* carried when it was full, or more since; 0: never was */
	uint64_t doubt_from_us;       /* no doubt before */
	uint8_t n_doubts;             /* in a row, that came to nothing */
	uint8_t n_busy;               /* ticks in a row in which something came */
	uint8_t n_came;               /* ticks since it was asked first, in which something came */
	uint64_t moved_at_us;         /* the last of them */
	uint64_t rx_bytes;            /* as it was at the last tick */
	uint8_t n_answers, n_flaps;   /* SILENT: answers since; how often it has come and gone */
	uint64_t returned_at_us;
	uint64_t passed_at_us;        /* something of sessions has arrived, this end or the other */
	struct health_seen seen;      /* as they were at the last look of the workers, as the next two */
	uint64_t look_rx_bytes, look_tx_bytes;
	uint64_t looked_at_us;
	uint64_t lost_bytes;          /* of loss_of_bytes */
	uint64_t older_rtt_us, least_from_us;   /* the least before least_from_us, and since then */
	uint64_t newer_rtt_us;
	bool elsewhere;               /* the next look has sessions to another converter than that of now */
	uint64_t shown_at_us;         /* sessions showed rtt_us */
	uint8_t n_for;                /* looks in a row that speak for another state */
};

/* Begin with zeros. */
struct health {
	uint64_t ticked_at_us;
	struct health_link links[HEALTH_LINKS];
};

/* A bit each link. */
struct health_verdict {
	uint32_t ask;                 /* to be probed now, beside what is under way */
	uint32_t changed;             /* state, but for DOWN */
	enum health_state before[HEALTH_LINKS];
	uint64_t next_us;             /* to look again */
};

struct health_verdict health_look(struct health *health, const struct health_facts *facts);
/* A probe was answered, that was begun then. */
void health_answered(struct health *health, size_t link, uint64_t begun_at_us, uint64_t rtt_us, uint64_t now_us);
/* Address or carrier are others: what was known is forgotten, what it has cost isn't. */
void health_changed(struct health *health, size_t link);
/* The links lead to another converter from now on, which may be nearer or farther: round trips that were seen say
 * nothing of it. */
void health_elsewhere(struct health *health);
/* Whether something of sessions, or an answer to a probe, has come through over it within so long. */
bool health_is_alive(const struct health *health, size_t link, uint64_t within_us, uint64_t now_us);
/* Somebody wants to know of the link now: it is probed at the next look, unless it is just being probed. */
void health_want(struct health *health, size_t link);

/* Enough has been sent up it to tell. */
bool health_knows_loss(const struct health_link *link);
/* What was charged for a probe is given back. */
void health_give_back(struct health *health, size_t link);
/* The probe that a look has asked for could not be begun. */
void health_not_asked(struct health *health, size_t link);
/* One more probe, of somebody else, over the link: it counts. False: the link can't afford it just now. */
bool health_charge(struct health *health, size_t link, uint64_t now_us);

const char *health_state_name(enum health_state state);

#endif
