/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/source.h"

#include <stdio.h>
#include "base/counter.h"
#include "net/own_address.h"
#include "net/socket.h"

static struct source_pool pool_of(const struct conf *conf)
{
	return (struct source_pool){ conf->converter.pool, conf->converter.n_pool };
}

/* Who routes a prefix may have an address of it: no host is to be taken for this machine. */
static bool poses_as_us(struct worker *worker, const struct source_choice *choice)
{
	return choice->transparent && !address_is_v4(&choice->address) &&
	       own_address_probe_is_own(&worker->own_addresses, &choice->address);
}

/* Whoever was let in by a prefix has no place of its own in the pool: all of them have the same. */
enum signalling_outcome source_choose(struct worker *worker, const struct ticket_use *ticket,
				      const struct signalling_request *request, struct source_choice *out)
{
	struct source_pool pool = pool_of(worker->view->conf);

	if (!source_address_choose(ticket->source, ticket->source ? ticket->subscriber : "", &pool,
				   &request->destination, &request->source, out) &&
	    !poses_as_us(worker, out))
		return OUTCOME_CONNECTED;
	counter_add(&worker->counters.n_sources_denied, 1);
	return OUTCOME_BYPASSED;
}

void source_note_failure(struct worker *worker, const struct source_choice *source, int error)
{
	char left_out[64], text[ADDRESS_TEXT_BYTES];

	if (error == NET_E_NO_PORT)
		counter_add(&worker->counters.n_no_source_port, 1);
	if (error != NET_E_NO_ADDRESS)
		return;
	counter_add(&worker->counters.n_no_source_address, 1);
	if (worker_may_log(worker, WORKER_LOG_SOURCE, left_out, sizeof(left_out)))
		log_warning("converter.pool: %s is no address of this machine: sessions that are to leave from it "
			    "fail; give it to an interface, or take it out%s", address_format(&source->address, text),
			    left_out);
}

bool source_wants_hosts(const struct ticket_use *ticket)
{
	return ticket->source && ticket->source->mode == SOURCE_PREFIX;
}

bool source_is_foreign(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_subscribers; i++)
		if (conf->subscribers[i].source.mode != SOURCE_SHARED)
			return true;
	return false;
}

void source_check_pool(const struct conf *conf, void (*warn)(void *context, const char *text), void *context)
{
	char line[240], text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < conf->converter.n_pool; i++) {
		if (net_is_own_address(&conf->converter.pool[i]))
			continue;
		snprintf(line, sizeof(line),
			 "converter.pool: %s is no address of this machine: sessions that are to leave from it fail "
			 "until it is; give it to an interface, or take it out",
			 address_format(&conf->converter.pool[i], text));
		warn(context, line);
	}
}
