/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/take_over.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"

#define FRESH_US (60 * US_PER_S)   /* a name that is older may be another's by now */

/* Laid out as: worker (8 bits), what (8), generation (16), index (32). */
enum { WHAT_INTAKE = 1, WHAT_SESSION };

/* What goes from one worker to another. */
struct second_attempt {
	struct worker *to;
	uint8_t what;
	struct slab_name first;
	int fd;
	struct address client, destination;
	struct inbox inbox;
	struct conversation conversation;
};

static uint64_t name_of(const struct worker *worker, uint8_t what, struct slab_name name)
{
	return (uint64_t)worker->number << 56 | (uint64_t)what << 48 | (uint64_t)name.generation << 32 | name.index;
}

uint64_t take_over_name_intake(const struct converter *converter, const struct intake *intake)
{
	return name_of(converter->worker, WHAT_INTAKE, slab_name_of(&converter->intakes, intake));
}

uint64_t take_over_name_session(const struct converter *converter, struct slab_name session)
{
	return name_of(converter->worker, WHAT_SESSION, session);
}

/* The destination hasn't answered yet. */
static bool take_intake(struct converter *converter, struct intake *first, struct second_attempt *second)
{
	int old_fd = first->near_fd;

	if (net_handshake_ended(old_fd) || loop_watch(converter->worker->loop, second->fd, INTAKE_EVENTS, intake_ref(converter, first, INTAKE_NEAR)))
		return false;
	loop_unwatch(converter->worker->loop, old_fd);
	net_close_reset(old_fd);
	first->near_fd = second->fd;
	first->client = second->client;
	first->conversation = second->conversation;
	inbox_free(&first->inbox);
	first->inbox = second->inbox;   /* both are beginnings of the same: what comes next fits this one */
	second->inbox = (struct inbox){ 0 };
	return true;
}

/* Served already: the destination has answered. */
static bool take_session(struct converter *converter, const struct second_attempt *second)
{
	struct relay_leg_change change = { .near_fd = second->fd, .source = second->client, .n_up_bytes = second->inbox.n_kept };

	return !relay_change_near(converter->worker->relay, second->first, &change);
}

static void turn_away(struct converter *converter, struct second_attempt *second, const struct signalling_result *result)
{
	struct intake *intake = converter_admit(converter, second->fd, &second->client);

	if (!intake)
		return;
	intake->conversation = second->conversation;
	intake_refuse(converter, intake, result);
}

static bool session_is_there(const struct converter *converter, const struct second_attempt *second)
{
	struct session_view session;

	return relay_find(converter->worker->relay, second->first, &session) && address_equal(&session.destination, &second->destination) &&
	       loop_now_us(converter->worker->loop) - session.opened_at_us < FRESH_US;
}

static struct intake *intake_there(const struct converter *converter, const struct second_attempt *second)
{
	struct intake *first = slab_get(&converter->intakes, second->first);

	return first && address_equal(&first->destination, &second->destination) ? first : NULL;
}

/* True where the second has taken the first one's place; else what it is to be told: what the first was told, and perhaps never heard; that the connection
 * came and went; or, the first being well, that a ticket is good for one. */
static bool settle(struct converter *converter, struct second_attempt *second, struct signalling_result *result)
{
	struct intake *first = second->what == WHAT_INTAKE ? intake_there(converter, second) : NULL;

	*result = (struct signalling_result){ .outcome = OUTCOME_NOT_AUTHORISED };
	if (second->what == WHAT_SESSION && session_is_there(converter, second))
		return take_session(converter, second);
	if (!first)
		result->outcome = OUTCOME_REFUSED;
	else if (first->state == INTAKE_ENDING)
		*result = first->said;
	return first && first->state == INTAKE_CONNECTING && take_intake(converter, first, second);
}

static void arrive(void *arg)
{
	struct second_attempt *second = arg;
	struct converter *converter = second->to->converter;
	struct signalling_result result;
	bool taken = settle(converter, second, &result);

	counter_add(&second->to->counters.n_taken_over, taken);
	if (!taken)
		turn_away(converter, second, &result);
	inbox_free(&second->inbox);
	free(second);
}

void take_over_begin(struct converter *converter, struct intake *intake, uint64_t first)
{
	struct worker *to = converter->worker->peers[first >> 56];
	struct second_attempt *second = malloc(sizeof(*second));

	if (!second) {
		intake_abandon(converter, intake);
		return;
	}
	*second = (struct second_attempt){
		.to = to, .what = (uint8_t)(first >> 48), .first = { .index = (uint32_t)first, .generation = (uint16_t)(first >> 32) },
		.fd = intake->near_fd, .client = intake->client, .destination = intake->destination, .inbox = intake->inbox,
		.conversation = intake->conversation,
	};
	intake->inbox = (struct inbox){ 0 };
	loop_unwatch(converter->worker->loop, second->fd);
	intake_free(converter, intake);
	if (!loop_post(to->loop, arrive, second))
		return;
	net_close_reset(second->fd);
	inbox_free(&second->inbox);
	free(second);
}
