/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker's sessions show of the gateway's links (struct health_seen of policy/health.h), gathered while
 * role/links/stranded.c looks over them all. Of the sessions that move FIGURES_SESSIONS at once are followed from one
 * look to the next, which is enough to know a link by.
 */
#ifndef BRAID_ROLE_LINKS_FIGURES_H
#define BRAID_ROLE_LINKS_FIGURES_H

#include "base/slab.h"
#include "net/mptcp_info.h"
#include "policy/health.h"
#include "role/worker.h"

#define FIGURES_SESSIONS 64

struct figures;

/* 0 or -ENOMEM. */
int figures_new(struct figures **out);
void figures_freep(struct figures **figures);
/* One session of a look. */
struct figures_session {
	struct slab_name name;
	bool in_pieces;            /* it is one of role/stripe's, whose names are others */
	bool counted;              /* what it has carried is part of an earlier look, whoever took it */
	bool moved;                /* something has been relayed since */
};
void figures_take(struct figures *figures, const struct worker *worker, const struct figures_session *session,
		  const struct mptcp_connection_info *info);
/* The look is over: worker->seen has what was found. */
void figures_publish(struct figures *figures, struct worker *worker);

/* All workers' together; from any thread. */
struct health_seen figures_sum(struct worker *const *workers, size_t n_workers, size_t link);

#endif
