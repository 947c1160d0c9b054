/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of several converters new sessions go to (decision 0034): the most preferred that answers. One that falls
 * silent is left for the next at once, one that is preferred is returned to gently. Pure: what was seen is handed in,
 * and when (monotonic us).
 */
#ifndef BRAID_POLICY_CONVERTERS_H
#define BRAID_POLICY_CONVERTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONVERTERS_MOST 16
#define CONVERTERS_NONE CONVERTERS_MOST
#define CONVERTERS_JUST_HEARD_US 1000000u   /* who has answered within that time needn't be asked whether he is there */

/* Why the one in use is the one. */
enum converters_why {
	CONVERTERS_WHY_NONE,       /* none answers */
	CONVERTERS_WHY_BEST,       /* it is the most preferred of those that answer */
	CONVERTERS_WHY_LOST,       /* a more preferred one has said that it is gone, or has left the list */
	CONVERTERS_WHY_SILENT,     /* a more preferred one gave no answer when it was asked again */
	CONVERTERS_N_WHY
};

struct converters_one {
	bool known;                /* it has answered, or failed to */
	bool answers;
	uint64_t since_us;         /* so long without a break */
	uint64_t answered_at_us;   /* last */
	uint64_t took_us;          /* that answer */
	bool was_used;             /* here and below, of one that was in use: how it went */
	uint64_t chosen_at_us;
	uint64_t rest_us;          /* for so long it has to answer before it is returned to; grows each time that it
				    * doesn't keep up; 0: it never was used */
};

/* Begins with zeros, but in_use, and begun_at_us. */
struct converters {
	struct converters_one each[CONVERTERS_MOST];   /* the most preferred first */
	size_t n;
	size_t in_use;             /* CONVERTERS_NONE: none */
	enum converters_why why;
	uint64_t begun_at_us;      /* since when there are any */
	uint64_t suspected_at_us;  /* the one in use was doubted, and asked again then; 0: it isn't */
};

/* None of them has answered yet. */
void converters_begin(struct converters *converters, size_t n, uint64_t now_us);
/* The list is another one: from[i] is where the i-th of now was, CONVERTERS_NONE where it is new. */
void converters_rearrange(struct converters *converters, const size_t *from, size_t n, uint64_t now_us);
/* It has answered what it was asked, in that time. */
void converters_answered(struct converters *converters, size_t i, uint64_t took_us, uint64_t now_us);
/* It said that it is gone, couldn't be reached, or turned us away. */
void converters_lost(struct converters *converters, size_t i, uint64_t now_us);
/* The one in use gave somebody no answer; it is asked again now, and so are the others that haven't just been heard. */
void converters_suspect(struct converters *converters, uint64_t now_us);
/* A connection to the one in use was answered at that time, which dispels doubt from before. */
void converters_heard(struct converters *converters, uint64_t at_us);
/* Decides anew. True: another one is in use, or none. *again_at_us: when it has to be decided once more even if
 * nothing happens; CLOCK_NEVER_US: never. */
bool converters_decide(struct converters *converters, uint64_t now_us, uint64_t *again_at_us);

#endif
