/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/commands.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/braid_parts.h"
#include "role/counters.h"
#include "role/describe.h"
#include "role/dhcp_command.h"
#include "role/legs_shown.h"
#include "role/links_command.h"
#include "role/log.h"
#include "role/mappings/mapper.h"
#include "role/policy_commands.h"
#include "role/question.h"
#include "role/status_command.h"

#define CONTROL_PATIENCE_US (5 * US_PER_S)

static void run_subscribers(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *array = braid->shared.subscribers ? subscribers_json(braid->shared.subscribers) : json_array();

	control_answer(call, array ? json_pack("{s:o}", "subscribers", array) : NULL);
}

static void run_mappings(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *array = braid->shared.mapper ? mapper_json(braid->shared.mapper) : json_array();

	control_answer(call, array ? json_pack("{s:o}", "mappings", array) : NULL);
}

/* Why it isn't asked at all; "" where it is. */
static const char *why_nobody_gives_ports(const struct braid *braid)
{
	if (!braid->view->converter_reachable)
		return "the converter does not answer";
	return upstreams_serve_hosts(braid->upstreams) ? "" :
	       "the converter gives no ports: it has no converter.mapping_address";
}

static void run_forwards(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *array = braid->own_ports ? port_client_json(braid->own_ports, why_nobody_gives_ports(braid)) :
			json_array();

	control_answer(call, array ? json_pack("{s:o}", "forwards", array) : NULL);
}

static void run_counters(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *counters = counters_json(braid->workers, braid->n_workers);

	control_answer(call, counters ? json_pack("{s:o}", "counters", counters) : NULL);
}

struct sessions_part {
	struct legs_shown in_pieces;
	json_t *array;
};

static_assert(offsetof(struct sessions_part, in_pieces) == 0, "for legs_shown_join()");

static void visit_session(void *part, const struct worker *worker, const struct session_view *session)
{
	struct sessions_part *sessions = part;
	json_t *description = describe_session(worker, session);

	if (!sessions->array)
		sessions->array = json_array();
	legs_shown_session(&sessions->in_pieces, session, description);
	json_array_append_new(sessions->array, description);
}

static void visit_leg_links(void *part, const struct worker *worker, const struct stripes_legs *legs)
{
	legs_shown_legs(part, legs, describe_leg_links(worker, legs));
}

static void put_links(json_t *session, json_t *legs)
{
	json_object_set(session, "links", legs);
}

static void sessions_done(void *context, void *const *parts, size_t n_parts)
{
	struct question *question = context;
	json_t *all = json_array();

	legs_shown_join(parts, n_parts, put_links);
	for (size_t i = 0; i < n_parts; i++) {
		struct sessions_part *sessions = parts[i];

		if (sessions->array)
			json_array_extend(all, sessions->array);
		json_decref(sessions->array);
	}
	control_answer(question->call, json_pack("{s:o}", "sessions", all));
	free(question);
}

static void run_sessions(void *context, struct control_call call, const json_t *arguments)
{
	struct survey_options options = { .part_bytes = sizeof(struct sessions_part), .visit = visit_session,
					  .visit_legs = visit_leg_links, .done = sessions_done };

	question_ask(context, call, options);
}

struct why_part {
	struct legs_shown in_pieces;
	json_t *found;
};

static_assert(offsetof(struct why_part, in_pieces) == 0, "for legs_shown_join()");

static void visit_why(void *part, const struct worker *worker, const struct session_view *session)
{
	struct why_part *why = part;

	json_decref(why->found);   /* names come again after 65,536 sessions */
	why->found = describe_why(worker, session);
	legs_shown_session(&why->in_pieces, session, why->found);
}

static void visit_why_legs(void *part, const struct worker *worker, const struct stripes_legs *legs)
{
	legs_shown_legs(part, legs, describe_legs(worker, legs));
}

static void why_done(void *context, void *const *parts, size_t n_parts)
{
	struct question *question = context;
	json_t *found = NULL;

	legs_shown_join(parts, n_parts, describe_add_legs);
	for (size_t i = 0; i < n_parts; i++) {
		json_t *another = ((struct why_part *)parts[i])->found;

		if (!another)
			continue;
		json_decref(found);
		found = another;
	}
	if (found)
		control_answer(question->call, found);
	else
		control_refuse(question->call, "that session has ended");
	free(question);
}

static void run_why(void *context, struct control_call call, const json_t *arguments)
{
	const char *id = json_string_value(json_object_get(arguments, "session"));
	struct session_name session;
	struct survey_options options = { .part_bytes = sizeof(struct why_part), .one = &session, .visit = visit_why,
					  .visit_legs = visit_why_legs, .done = why_done };

	if (!id || !describe_parse_id(id, &session)) {
		control_refuse(call, "argument 'session': wanted the name of a session as in the list of sessions, "
				     "such as 0:17:3");
		return;
	}
	question_ask(context, call, options);
}

static void answer_message(struct control_call call, const char *text)
{
	control_answer(call, json_pack("{s:s}", "message", text));
}

static void run_reload(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	char reason[512];

	if (braid->reload(braid->reload_context, reason, sizeof(reason)))
		control_refuse(call, "the new configuration is not taken, the old one holds: %s", reason);
	else
		answer_message(call, "the configuration was read again");
}

static void run_drain(void *context, struct control_call call, const json_t *arguments)
{
	answer_message(call, "no new connections are taken; the daemon ends with the last session, or after "
			     "daemon.drain_timeout_ms");
	braid_drain(context);
}

static void run_stop(void *context, struct control_call call, const json_t *arguments)
{
	answer_message(call, "the daemon ends");
	braid_stop(context);
}

static const struct control_command commands[] = {
	{ "status", status_run }, { "links", links_run }, { "sessions", run_sessions }, { "why", run_why },
	{ "subscribers", run_subscribers }, { "mappings", run_mappings }, { "forwards", run_forwards },
	{ "counters", run_counters }, { "reload", run_reload }, { "drain", run_drain }, { "stop", run_stop },
	{ "policy-list", policy_list_run }, { "policy-test", policy_test_run }, { "dhcp", dhcp_run },
};

static void on_short(void *context, int error)
{
	struct braid *braid = context;
	uint64_t n_left_out;

	if (log_limit_pass(&braid->control_short, loop_now_us(braid->loop), &n_left_out))
		log_warning("a client of the control socket must wait: %s", strerror(-error));
}

int commands_start(struct braid *braid, char *reason, size_t n_reason)
{
	struct control_options options = {
		.path = braid->holder->conf->daemon.control, .commands = commands, .n_commands = ARRAY_SIZE(commands),
		.patience_us = CONTROL_PATIENCE_US, .on_short = on_short, .context = braid,
	};

	return control_new(braid->loop, &options, &braid->control, reason, n_reason);
}
