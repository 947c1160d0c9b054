/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/orphans.h"

#include "role/describe.h"
#include "role/survey.h"

struct part {
	uint64_t n_ended;
};

static void visit(void *found, const struct worker *worker, const struct session_view *session)
{
	struct part *part = found;
	struct mptcp_connection_info info;

	if (describe_read(session, &info) || info.n_subflows)
		return;
	relay_fail(worker->relay, session->ref);
	part->n_ended++;
}

static void done(void *context, void *const *parts, size_t n_parts)
{
	uint64_t n = 0;

	for (size_t i = 0; i < n_parts; i++)
		n += ((const struct part *)parts[i])->n_ended;
	if (n)
		log_info("%llu sessions had nothing but the link that is gone, and are reset", (unsigned long long)n);
}

int orphans_end(struct loop *main_loop, struct worker *const *workers, size_t n_workers)
{
	struct survey_options options = { .part_bytes = sizeof(struct part), .visit = visit, .done = done };

	return n_workers ? survey_all(main_loop, workers, n_workers, &options) : 0;
}
