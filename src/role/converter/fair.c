/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/fair.h"

#include <errno.h>
#include <string.h>
#include "base/counter.h"
#include "net/resolver.h"
#include "role/converter/intake.h"

#define CLIENTS 4096                  /* that have any at once, about */
#define PORTS_SHARE 2                 /* a client may have half of the ports, */
#define NAMES_SHARE 16                /* and a 16th of the names of a worker */
#define HOUSEHOLD_BYTES 8             /* of an IPv6 address */

static struct crowd_key key_of(const struct intake *intake)
{
	bool v6 = !address_is_v4(&intake->client);
	struct crowd_key key = { 0 };

	if (intake->ticket.subscriber)
		memcpy(key.bytes, &intake->ticket.number, sizeof(intake->ticket.number));
	else
		memcpy(key.bytes, intake->client.ip, v6 ? HOUSEHOLD_BYTES : sizeof(intake->client.ip));
	key.bytes[sizeof(key.bytes) - 1] = !intake->ticket.subscriber;
	return key;
}

/* Connections are spread among the workers, and so is the share. They come as fast as they like. */
static struct crowd_limits limits_of(const struct worker *worker, enum fair_what what)
{
	const struct conf_ports *ports = &worker->view->conf->converter.bind_ports;
	uint32_t n_ports = ports->last - ports->first + 1u, n = PORTS_SHARE * worker->n_peers;

	return (struct crowd_limits){
		.waiting = what == FAIR_PORT ? (n_ports + n - 1) / n : RESOLVER_QUERIES / NAMES_SHARE,
		.fresh = { UINT32_MAX, UINT32_MAX }
	};
}

int fair_enter(struct converter *converter, const struct intake *intake, enum fair_what what, struct crowd_key *key)
{
	struct crowd **crowd = &converter->fair.crowds[what];
	struct crowd_limits limits = limits_of(converter->worker, what);
	uint64_t now_us = loop_now_us(converter->worker->loop);

	if (!*crowd && crowd_new(CLIENTS, crowd))
		return -ENOMEM;
	*key = key_of(intake);
	if (crowd_look(*crowd, key, &limits, now_us)) {
		counter_add(&converter->worker->counters.n_over_share, 1);
		return FAIR_E_ENOUGH;
	}
	crowd_enter(*crowd, key, &limits, now_us);
	return 0;
}

void fair_leave(struct converter *converter, enum fair_what what, const struct crowd_key *key)
{
	crowd_leave(converter->fair.crowds[what], key);
}

void fair_close(struct fair *fair)
{
	for (unsigned int i = 0; i < FAIR_N; i++)
		crowd_freep(&fair->crowds[i]);
}
