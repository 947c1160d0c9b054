/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a gateway's links are open (decision 0027). Links have costs; those that cost least are always open. The
 * next costlier ones are opened when the links have limited what sessions send or get for longer than a burst, or none
 * of the cheaper ones works; and closed when what all of them carry would fit the cheaper ones again, or for a try,
 * when nothing has been limited for long: those may be better than they were. What comes too soon after its opposite
 * was a mistake, and isn't made again so soon. A link whose cap is used up, and one that is a backup anyway, is never
 * opened. The peer is told by packets that may be lost (MP_PRIO), or come to nothing where a subflow's handshake isn't
 * over yet: where links that are closed go on carrying, or such as are open carry nothing, it is to be told again.
 * Pure.
 */
#ifndef BRAID_POLICY_OVERFLOW_H
#define BRAID_POLICY_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERFLOW_LINKS 8
#define OVERFLOW_LOOK_US 100000u            /* between two looks, about */

enum overflow_way { OVERFLOW_UP, OVERFLOW_DOWN, OVERFLOW_WAYS };

struct overflow_link {
	bool works;                         /* up, and answers, as far as is known */
	bool out;                           /* a backup, or its cap is used up */
	uint32_t cost;
	uint64_t n_bytes[OVERFLOW_WAYS];    /* of its interface; one that is another one now begins anew */
};

struct overflow_facts {
	uint64_t now_us;
	const struct overflow_link *links;  /* the same ones each time; where others are there, begin with zeros */
	size_t n_links;                     /* OVERFLOW_LINKS at most */
	uint64_t limited_at_us[OVERFLOW_WAYS];   /* the links limited some session; 0: never */
	uint64_t rtt_us;                    /* the longest of the open ones'; 0: not known */
	uint64_t burst_us;                  /* what is limited no longer than that is none of our business */
};

/* What the links had carried at an instant. */
struct overflow_mark {
	uint64_t at_us;                     /* 0: there is none */
	uint64_t n_bytes[OVERFLOW_LINKS][OVERFLOW_WAYS];
};

/* A cost that is open beyond the cheapest. */
struct overflow_step {
	uint32_t cost;
	uint64_t room_bps[OVERFLOW_WAYS];   /* the most that the cheaper links carried since they were full; 0: they
					     * weren't, that way */
	uint64_t room_at_us[OVERFLOW_WAYS]; /* when they carried about so much last */
	uint64_t own_bps[OVERFLOW_WAYS];    /* what these carried before they were opened: none of ours */
};

enum overflow_why { OVERFLOW_FULL, OVERFLOW_NONE_CHEAPER, OVERFLOW_FITS, OVERFLOW_TRY, OVERFLOW_CHEAPER_BACK };

/* Begin with zeros. */
struct overflow {
	bool begun;
	uint32_t base;                      /* the least cost of those that work */
	size_t n_steps;
	struct overflow_step steps[OVERFLOW_LINKS];
	struct overflow_mark limited, half_way;   /* since when the links have limited something, and a later instant
						   * within that */
	struct overflow_mark calm, window;        /* since when they haven't, but for bursts; the last stretch of
						   * that */
	struct overflow_mark second;              /* since when rooms are measured */
	uint64_t closed_at_us;
	enum overflow_why closed_why;
	struct overflow_step last;                /* that was closed */
	struct overflow_mark told, told_open;     /* since when those that are closed are to be silent, and those
						   * that were opened are to carry */
	uint8_t n_told, n_told_open;              /* again, in vain */
	uint8_t n_too_soon, n_tries_failed;
};

/* With changed: what the log is to say. */
struct overflow_verdict {
	uint32_t open;                      /* a bit each link; those that are out have none */
	bool changed;                       /* a cost was opened or closed; not: its links came or went */
	bool opened;                        /* else closed */
	enum overflow_why why;
	uint32_t cost;                      /* of those opened or closed */
	enum overflow_way way;              /* FULL, FITS: which */
	uint64_t for_us;                    /* FULL, FITS, TRY: how long it was so */
	uint64_t carried_bps;               /* FULL: what the open ones carried, before; FITS: what all did */
	uint64_t room_bps;                  /* FITS: what the cheaper ones can */
	bool tell_again;                    /* that those that are closed are */
	uint32_t tell_open_again;           /* that these are open, a bit each */
};

struct overflow_verdict overflow_look(struct overflow *overflow, const struct overflow_facts *facts);

#endif
