/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes of a gateway's links: connections to the converter, from a link's address, that say nothing and are reset when
 * they are answered. Two of a link at most are under way, and one that asks for Multipath TCP. Who asks decides when
 * one has had no answer (policy/health.h). Main thread.
 */
#ifndef BRAID_ROLE_LINKS_PROBER_H
#define BRAID_ROLE_LINKS_PROBER_H

#include "loop/loop.h"
#include "role/shared.h"

struct prober;

/* What has answered: the converter's machine, be it that it takes no connections. */
struct prober_answer {
	size_t link;
	uint64_t begun_at_us, rtt_us;
	bool multipath, fell_back;   /* it was asked by Multipath TCP; and has come out as plain TCP */
};

struct prober_options {
	struct shared *shared;                  /* borrowed */
	struct view *(*view)(void *context);    /* the present one */
	void (*on_answer)(void *context, const struct prober_answer *answer);
	void *context;
};

/* Borrows loop. 0 or -ENOMEM. */
int prober_new(struct loop *loop, const struct prober_options *options, struct prober **out);
void prober_freep(struct prober **prober);
/* One more; where there is no place, the one that was begun first goes. False: none can be begun there now. */
bool prober_ask(struct prober *prober, size_t link, bool multipath);
/* Answers that have come, and whose events have not been told yet, are told now. */
void prober_hear(struct prober *prober);
/* What is under way over the link is of no interest any more. */
void prober_drop(struct prober *prober, size_t link);

#endif
