/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "role/outcome.h"

#define LOOKUP_US (5 * US_PER_S)      /* for a name server to answer, and another one after it */

struct lookup {
	size_t n, next;
	struct address all[RESOLVER_ADDRESSES];   /* with the port */
};

void lookup_freep(struct lookup **lookup)
{
	free(*lookup);
	*lookup = NULL;
}

bool lookup_has_more(const struct intake *intake)
{
	return intake->lookup && intake->lookup->next < intake->lookup->n;
}

/* As if nobody were there, which is so as far as can be known. */
static struct signalling_result unknown(struct converter *converter)
{
	counter_add(&converter->worker->counters.n_names_unknown, 1);
	return outcome_of_error(NET_E_UNREACHABLE, false);
}

bool lookup_next(struct converter *converter, struct intake *intake, const struct signalling_result *result)
{
	struct signalling_result last = *result;

	if (!lookup_has_more(intake))
		return false;
	do {
		struct signalling_request request = { .destination = intake->lookup->all[intake->lookup->next++] };

		if (intake->far_fd >= 0)
			net_close_reset(intake->far_fd);
		intake->far_fd = -1;
		intake->destination = request.destination;
		last = converter_connect(converter, intake, &request);
	} while (last.outcome != OUTCOME_CONNECTED && lookup_has_more(intake));
	if (last.outcome != OUTCOME_CONNECTED)
		intake_refuse(converter, intake, &last);
	return true;
}

static void on_answer(void *context, struct loop_ref asker, int r, const struct address *all, size_t n)
{
	static const struct signalling_result none = { .outcome = OUTCOME_NETWORK_FAILURE };
	struct converter *converter = context;
	struct intake *intake = slab_get(&converter->intakes, (struct slab_name){ asker.index, asker.generation });
	struct signalling_result result = none;

	if (!intake || intake->state != INTAKE_LOOKING_UP)
		return;
	intake->lookup = r ? NULL : calloc(1, sizeof(*intake->lookup));
	for (size_t i = 0; intake->lookup && i < n; i++) {
		intake->lookup->all[i] = all[i];
		intake->lookup->all[i].port = intake->destination.port;
		intake->lookup->n = i + 1;
	}
	if (r == RESOLVER_E_NAME)
		result = unknown(converter);
	if (!lookup_next(converter, intake, &none))
		intake_refuse(converter, intake, &result);
}

/* At the first name: most converters never hear one. */
static int ask(struct converter *converter, const struct intake *intake, struct bytes name)
{
	int r = converter->resolver ? 0 : resolver_new(converter->worker->loop, on_answer, converter, &converter->resolver);

	return r ? r : resolver_ask(converter->resolver, name, intake_ref(converter, intake, INTAKE_NEAR));
}

void lookup_begin(struct converter *converter, struct intake *intake, struct bytes name)
{
	struct signalling_result result = { .outcome = OUTCOME_NETWORK_FAILURE };
	int r;

	counter_add(&converter->worker->counters.n_names_asked, 1);
	intake_set_state(converter, intake, INTAKE_LOOKING_UP);
	r = intake_set_deadline(converter, intake, LOOKUP_US);
	if (!r)
		r = ask(converter, intake, name);
	if (!r)
		return;
	if (r == RESOLVER_E_NAME)
		result = unknown(converter);
	intake_refuse(converter, intake, &result);
}
