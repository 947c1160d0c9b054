/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a gateway's links stand aside, as they keep better ones waiting (decision 0031). That one does, the sender
 * says: the gateway of uploads, the converter of downloads (policy/spoilt.h). Said twice within a while, it is the one
 * of those in use that has by far the longest round trip, or, of those alike, has carried least that way; it becomes a
 * backup on connections that run, and is tried again later, later each time that it does harm soon afterwards; at once
 * where all carry less without it: it may have been another one. Pure.
 */
#ifndef BRAID_POLICY_HARM_H
#define BRAID_POLICY_HARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARM_LINKS 8
#define HARM_LOOK_US 1000000u              /* between two looks, about */

enum harm_way { HARM_UP, HARM_DOWN, HARM_WAYS };

struct harm_link {
	bool usable;                       /* it works, and is no backup for another reason */
	uint64_t rtt_us;                   /* the shortest lately; 0: not known */
	uint64_t n_bytes[HARM_WAYS];       /* of its interface; one that is another one now begins anew */
};

struct harm_facts {
	uint64_t now_us;
	const struct harm_link *links;     /* the same ones each time */
	size_t n_links;                    /* HARM_LINKS at most */
	uint64_t spoilt_at_us[HARM_WAYS];  /* a sender said so, last; 0: never */
};

/* Begin with zeros. */
struct harm {
	struct {
		bool aside;
		uint64_t changed_us;       /* it became that, or stopped being it; 0: it never was */
		uint64_t again_us;         /* it stood aside for so long the last time */
		uint64_t before_bps;       /* all together carried so much, that way, when it stepped aside; 0: it
					    * was judged by that */
		enum harm_way way;
	} links[HARM_LINKS];
	struct {
		uint64_t heard_us;         /* what was told last */
		uint64_t first_us;         /* of those that are counted; 0: none */
	} ways[HARM_WAYS];
	uint64_t marked_us;                /* the links had carried this: */
	uint64_t n_bytes[HARM_LINKS][HARM_WAYS];
};

struct harm_verdict {
	uint32_t aside;                    /* a bit each link */
	bool changed;                      /* of this one: */
	size_t link;
	enum harm_way way;                 /* it stands aside for that one's sake */
	uint64_t its_bps, best_bps;        /* it carried that way, and the one that carried most */
	uint64_t again_us;                 /* it is tried again after so long; 0: it is tried now */
	bool tell_again;                   /* those that stand aside go on doing harm: a peer may not have heard of
					    * it (MP_PRIO isn't acknowledged) */
};

/* A second one at the same time changes nothing. */
struct harm_verdict harm_look(struct harm *harm, const struct harm_facts *facts);

#endif
