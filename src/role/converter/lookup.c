/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "role/converter/authorise.h"
#include "role/outcome.h"

struct lookup {
	size_t n, next;
	struct address all[RESOLVER_ADDRESSES];   /* with the port */
};

/* Under way until it is answered, whoever wants to know it still. */
struct name {
	struct slab_name intake;
	struct crowd_key share;
};

int lookup_init(struct converter *converter)
{
	return slab_init(&converter->names, sizeof(struct name), RESOLVER_QUERIES);
}

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
	static const struct signalling_result gone = { .outcome = OUTCOME_NOT_AUTHORISED };
	struct signalling_result last = *result;

	if (!lookup_has_more(intake))
		return false;
	if (!authorise_again(converter->worker, &intake->ticket)) {
		intake_refuse(converter, intake, &gone);
		return true;
	}
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

/* NULL: *result says why not. */
static struct name *take_name(struct converter *converter, const struct intake *intake,
			      struct signalling_result *result)
{
	struct name *name = slab_take(&converter->names);
	int r = name ? fair_enter(converter, intake, FAIR_NAME, &name->share) : 0;

	if (name && !r) {
		name->intake = slab_name_of(&converter->intakes, intake);
		return name;
	}
	if (name)
		slab_give(&converter->names, name);
	if (r == FAIR_E_ENOUGH)
		*result = (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = 1 };
	return NULL;
}

static void give_name(struct converter *converter, struct name *name)
{
	fair_leave(converter, FAIR_NAME, &name->share);
	slab_give(&converter->names, name);
}

static void on_answer(void *context, struct loop_ref asker, int r, const struct address *all, size_t n)
{
	static const struct signalling_result none = { .outcome = OUTCOME_NETWORK_FAILURE };
	struct converter *converter = context;
	struct name *name = slab_get(&converter->names, (struct slab_name){ asker.index, asker.generation });
	struct intake *intake = slab_get(&converter->intakes, name->intake);
	struct signalling_result result = none;

	give_name(converter, name);
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

/* At the first name a resolver is made: most converters never hear one. */
static int ask(struct converter *converter, const struct name *name, struct bytes text)
{
	struct slab_name asker = slab_name_of(&converter->names, name);
	int r = converter->resolver ? 0 :
		resolver_new(converter->worker->loop, on_answer, converter, &converter->resolver);

	return r ? r : resolver_ask(converter->resolver, text,
				    (struct loop_ref){ .index = asker.index, .generation = asker.generation });
}

void lookup_begin(struct converter *converter, struct intake *intake, struct bytes text)
{
	struct signalling_result result = { .outcome = OUTCOME_NETWORK_FAILURE };
	struct name *name = take_name(converter, intake, &result);
	int r;

	counter_add(&converter->worker->counters.n_names_asked, 1);
	intake_set_state(converter, intake, INTAKE_LOOKING_UP);
	if (!name) {
		intake_refuse(converter, intake, &result);
		return;
	}
	r = intake_set_deadline(converter, intake, RESOLVER_PATIENCE_US);
	if (!r)
		r = ask(converter, name, text);
	if (!r)
		return;
	give_name(converter, name);
	if (r == RESOLVER_E_NAME)
		result = unknown(converter);
	intake_refuse(converter, intake, &result);
}
