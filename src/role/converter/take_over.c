/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/take_over.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"

#define FRESH_US (60 * US_PER_S)   /* a name that is older may be another's by now */

/* Laid out as: worker (8 bits), what (8), generation (16), index (32). */
enum { WHAT_INTAKE = 1, WHAT_SESSION };

/* Between two attempts of one connection. */
enum contest { CONTEST_OPEN, CONTEST_WON, CONTEST_LOST };   /* neither handshake has ended; by the second; by the
							     * first */

/* What goes from one worker to another. */
struct second_attempt {
	struct worker *to;
	struct ticket_use ticket;
	int fd;
	bool multipath, raced;
	uint8_t instead;
	struct address client, destination;
	struct treatment treatment;
	struct inbox inbox;
	const struct scheme *scheme;
	struct conversation conversation;
};

static uint64_t name_of(const struct worker *worker, uint8_t what, struct slab_name name)
{
	return (uint64_t)worker->number << 56 | (uint64_t)what << 48 | (uint64_t)name.generation << 32 | name.index;
}

static uint8_t what_of(uint64_t name)
{
	return (uint8_t)(name >> 48);
}

static struct slab_name slab_name_in(uint64_t name)
{
	return (struct slab_name){ .index = (uint32_t)name, .generation = (uint16_t)(name >> 32) };
}

uint64_t take_over_name_intake(const struct converter *converter, const struct intake *intake)
{
	return name_of(converter->worker, WHAT_INTAKE, slab_name_of(&converter->intakes, intake));
}

uint64_t take_over_name_session(const struct converter *converter, struct slab_name session)
{
	return name_of(converter->worker, WHAT_SESSION, session);
}

unsigned int take_over_worker(uint64_t name)
{
	return (unsigned int)(name >> 56);
}

struct intake *take_over_intake(const struct converter *converter, uint64_t name)
{
	return what_of(name) == WHAT_INTAKE ? slab_get(&converter->intakes, slab_name_in(name)) : NULL;
}

/* The destination hasn't answered yet. */
static bool take_intake(struct converter *converter, struct intake *first, struct intake *second)
{
	enum intake_part other = first->near_part == INTAKE_NEAR ? INTAKE_NEAR_OTHER : INTAKE_NEAR;
	int old_fd = first->near_fd;

	if (loop_rewatch(converter->worker->loop, second->near_fd, INTAKE_EVENTS, intake_ref(converter, first, other)))
		return false;
	first->near_part = other;   /* an event of the old one may still be in this turn's batch */
	loop_unwatch(converter->worker->loop, old_fd);
	net_close_reset(old_fd);
	first->near_fd = second->near_fd;
	first->multipath = second->multipath;
	first->instead = second->instead;
	first->client = second->client;
	first->conversation = second->conversation;
	inbox_free(&first->inbox);
	first->inbox = second->inbox;   /* both are beginnings of the same: what comes next fits this one */
	second->inbox = (struct inbox){ 0 };
	return true;
}

/* Served already: the destination has answered. Where the first one's link has gone, it may have been told so. */
static bool take_session(struct converter *converter, struct intake *second, struct slab_name session)
{
	static const struct signalling_result connected = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	struct relay_leg_change change = { .near_fd = second->near_fd, .near_multipath = second->multipath,
					   .near_instead = second->instead, .source = second->client,
					   .up_first = { second->inbox.kept, second->inbox.n_kept } };
	uint8_t answer[SIGNALLING_MESSAGE_BYTES];

	if (second->instead)
		change.said = (struct bytes){
			answer, second->scheme->server_answer(&second->conversation, &connected, answer) };
	intake_prepare_leg(converter, second);
	return !relay_change_near(converter->worker->relay, session, &change);
}

/* Of a race all but one come here: no word on it, which would only have its kernel join it over other links. */
static void turn_away(struct converter *converter, struct intake *second, const struct signalling_result *result)
{
	if (second->raced && result->outcome == OUTCOME_NOT_AUTHORISED) {
		counter_add(&converter->worker->counters.n_raced_away, 1);
		intake_abandon(converter, second);
	} else if (loop_rewatch(converter->worker->loop, second->near_fd, INTAKE_EVENTS,
				intake_ref(converter, second, INTAKE_NEAR))) {
		intake_abandon(converter, second);
	} else {
		intake_refuse(converter, second, result);
	}
}

static bool session_is_there(const struct converter *converter, const struct intake *second, struct slab_name name,
			     struct session_view *session)
{
	return relay_find(converter->worker->relay, name, session) &&
	       address_equal(&session->destination, &second->destination) &&
	       loop_now_us(converter->worker->loop) - session->opened_at_us < FRESH_US;
}

static struct intake *intake_there(const struct converter *converter, const struct intake *second,
				   struct slab_name name)
{
	struct intake *first = slab_get(&converter->intakes, name);

	return first && first != second && address_equal(&first->destination, &second->destination) ? first : NULL;
}

/* Who has the connection: the one that its peer has begun in the place of the other; of two that stand beside each
 * other the one whose handshake ends first, for that one has seen its link work both ways, and can be written to. */
static enum contest contest(int first_fd, uint8_t first_instead, const struct intake *second)
{
	if (second->instead < first_instead || (second->instead == first_instead && net_handshake_ended(first_fd)))
		return CONTEST_LOST;
	return net_handshake_ended(second->near_fd) ? CONTEST_WON : CONTEST_OPEN;
}

/* CONTEST_WON: the second has the first one's place. CONTEST_LOST: *result is what it is to be told: what the first
 * was told, and perhaps never heard; that the connection came and went; or, the first being well, that a ticket is
 * good for one. */
static enum contest settle(struct converter *converter, struct intake *second, struct signalling_result *result)
{
	/* its destination has not refused: a host that waits had better go the ordinary way */
	static const struct signalling_result gone = { .outcome = OUTCOME_BYPASSED };
	/* asked each time: it may have become a session under way */
	uint64_t holder = authorise_holder(converter->worker, &second->ticket);
	struct slab_name name = slab_name_in(holder);
	struct intake *first = what_of(holder) == WHAT_INTAKE ? intake_there(converter, second, name) : NULL;
	enum contest state = CONTEST_LOST;
	struct session_view session;

	*result = (struct signalling_result){ .outcome = OUTCOME_NOT_AUTHORISED };
	if (what_of(holder) == WHAT_SESSION && session_is_there(converter, second, name, &session)) {
		state = contest(session.near_fd, session.near_instead, second);
		if (state != CONTEST_WON || take_session(converter, second, name))
			return state;
		/* the destination's bytes have gone with the one before: this connection alone can't be served */
		if (second->instead > session.near_instead)
			*result = gone;
		return CONTEST_LOST;
	}
	if (!first)
		*result = gone;
	else if (first->state == INTAKE_ENDING && first->said.outcome != OUTCOME_CONNECTED)
		*result = first->said;
	else if (first->state == INTAKE_CONNECTING)
		state = contest(first->near_fd, first->instead, second);
	return state == CONTEST_WON && !take_intake(converter, first, second) ? CONTEST_LOST : state;
}

void take_over_look(struct converter *converter, struct intake *second)
{
	struct signalling_result result;

	switch (settle(converter, second, &result)) {
	case CONTEST_OPEN:
		break;
	case CONTEST_WON:
		counter_add(&converter->worker->counters.n_taken_over, 1);
		intake_free(converter, second);
		break;
	case CONTEST_LOST:
		turn_away(converter, second, &result);
		break;
	}
}

static void arrive(void *arg)
{
	struct second_attempt *second = arg;
	struct converter *converter = second->to->converter;
	struct intake *intake = converter_admit(converter, second->fd, &second->client);

	if (intake) {
		intake->ticket = second->ticket;
		intake->multipath = second->multipath;
		intake->raced = second->raced;
		intake->instead = second->instead;
		intake->destination = second->destination;
		intake->treatment = second->treatment;
		intake->inbox = second->inbox;
		intake->scheme = second->scheme;
		intake->conversation = second->conversation;
		intake_set_state(converter, intake, INTAKE_SECOND);
		take_over_look(converter, intake);
	} else {
		inbox_free(&second->inbox);
	}
	free(second);
}

void take_over_begin(struct converter *converter, struct intake *intake)
{
	/* NULL: gone already, we are ending */
	struct worker *to = converter->worker->peers[take_over_worker(intake->ticket.holder)];
	struct second_attempt *second = to && !to->halted ? malloc(sizeof(*second)) : NULL;

	if (!second) {
		intake_abandon(converter, intake);
		return;
	}
	*second = (struct second_attempt){
		.to = to, .ticket = intake->ticket, .fd = intake->near_fd, .multipath = intake->multipath,
		.raced = intake->raced, .instead = intake->instead,
		.client = intake->client, .destination = intake->destination, .treatment = intake->treatment,
		.inbox = intake->inbox, .scheme = intake->scheme, .conversation = intake->conversation,
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
