/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which congestion control a sending Multipath TCP leg should have (decision 0018), or, taken together, the plain TCP
 * legs of a session in pieces, each of which is a subflow here (decision 0046). cubic, as long as nothing speaks
 * against it. It takes each loss for a full queue, so a link that loses packets at random stands nearly empty; bbr
 * fills it. Such a link shows itself: it loses, and its round trip is near the shortest that was seen, so there is no
 * queue that we fill. Where cubic is kept to a few packets in a round trip a hundred of them take long: there losses
 * count by when they come, and on long paths, where each costs most, double. After a change what gets through is
 * compared with what did before: where bbr brings less, cubic comes back for a while. Before that, and where too little
 * is lost for bbr, cubic is to send packets apart from each other: a short queue drops what comes at once (decision
 * 0048). Pure.
 */
#ifndef BRAID_POLICY_CONGESTION_H
#define BRAID_POLICY_CONGESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "policy/leg_facts.h"

#define CONGESTION_EVENTS 3

/* What is known of a subflow since it shows losses without a queue. */
struct congestion_past {
	struct address local, remote;
	uint64_t sent_bytes, retransmitted_bytes;       /* as they were at the last look */
	uint64_t window_sent_bytes, window_lost_bytes, window_worst_bytes;   /* the last: in one look */
	uint8_t n_looks;                                /* that the window is made of */
	uint64_t creep_sent_bytes, creep_lost_bytes;    /* in looks in which it sent little */
	uint8_t n_points;                               /* for those of them that had losses */
	bool is_long;                                   /* cubic needs seconds to come back from a loss */
	uint64_t event_at_us, event_sent_bytes[CONGESTION_EVENTS];   /* when it lost something last, apart from what
							 * it had lost before; and what it had sent by then, the
							 * latest last */
	uint8_t n_events;                               /* of these, so many; but for those with a queue */
	bool tried;                                     /* few losses gave it bbr */
	uint64_t bps, before_bps, trial_bps;            /* it got through: in the last look; as below */
	struct {                                        /* with bbr, since it lost what is worth speaking of last */
		uint64_t sent_bytes, lost_bytes;        /* what is older counts half */
		uint16_t n_looks;                       /* as far as it matters */
	} clean;
	bool paced;                                     /* it was found bursty */
};

struct congestion {
	bool bbr;                          /* what the leg has; set it to begin with what there is */
	size_t n_subflows;
	struct congestion_past subflows[LEG_SUBFLOWS];
	uint64_t looked_at_us;             /* 0: not yet */
	uint64_t before_bps;               /* what got through with cubic lately; 0: not known */
	uint64_t trial_bps;                /* and with bbr, added up */
	uint8_t n_trial;                   /* looks since the change, until it is judged */
	bool slight;                       /* few losses made it: where those were, bbr is to bring clearly more */
	uint8_t n_failed;                  /* trials of bbr that brought less */
	uint64_t look_at_us;               /* no sooner; 0: at once */
};

struct congestion_verdict {
	bool change;                       /* to what congestion.bbr says: all subflows, or, to bbr, those that lose,
					    * where each can have its own */
	uint32_t lossy;                    /* the subflows that lose at random just now, a bit each by their places; and
					    * those that lost little, and were found better off with bbr */
	uint32_t tried;                    /* those that lose little, and are to have bbr, to see whether they are; or
					    * beside others that were */
	uint32_t clean;                    /* and, with bbr, those that don't lose any more: where each has its own,
					    * they had better have cubic */
	uint32_t bursty;                   /* with cubic, those that lose without a queue: what they send at once may be
					    * more than the link's queue takes. They had better be paced; said once of
					    * each */
	bool failed;                       /* bbr brought less */
};

/* Nothing is to be sent just now, or little: what came before isn't compared with what comes next. What was lost is
 * kept in mind. */
void congestion_rest(struct congestion *congestion);
/* Sets the next look. The first one, and the first one after a rest, only takes the figures down. */
struct congestion_verdict congestion_look(struct congestion *congestion, const struct leg_facts *facts);

#endif
