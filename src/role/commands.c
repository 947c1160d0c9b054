/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/braid_parts.h"
#include "role/counters.h"
#include "role/describe.h"
#include "role/dhcp_command.h"
#include "role/log.h"
#include "role/mappings/mapper.h"
#include "role/policy_commands.h"
#include "role/schemes.h"
#include "role/survey.h"

#define ROLES_BYTES 64
#define CONTROL_PATIENCE_US (5 * US_PER_S)

static double seconds_since(uint64_t at_us)
{
	return (double)(loop_clock_us() - at_us) / (double)US_PER_S;
}

static json_t *kernel_json(const struct braid *braid)
{
	json_t *array = json_array();

	for (size_t i = 0; i < NET_FEATURE_N; i++)
		json_array_append_new(array, json_pack("{s:s, s:b, s:s}", "feature", braid->features[i].name, "present", braid->features[i].present,
						       "consequence", braid->features[i].consequence));
	return array;
}

static void add_warnings(const struct braid *braid, json_t *result)
{
	json_t *texts = json_array(), *ages = json_array();
	size_t n = size_min(braid->n_warnings, BRAID_WARNINGS);

	for (size_t i = braid->n_warnings - n; i < braid->n_warnings; i++) {
		json_array_append_new(texts, json_string(braid->warnings[i % BRAID_WARNINGS]));
		json_array_append_new(ages, json_real(seconds_since(braid->warned_at_us[i % BRAID_WARNINGS])));
	}
	json_object_set_new(result, "warnings", texts);
	json_object_set_new(result, "warned_s", ages);
}

static json_t *converter_json(const struct braid *braid)
{
	const struct upstreams *upstreams = braid->upstreams;

	return json_pack("{s:b, s:s, s:s, s:s, s:s, s:o}", "reachable", braid->view->converter_reachable, "why", braid->why_unreachable,
			 "signalling", scheme_of_conf(braid->holder->conf->gateway.signalling)->name, "peer", upstreams ? upstreams_peer_name(upstreams) : "unknown",
			 "because", upstreams ? upstreams_because(upstreams) : "", "converters", upstreams ? upstreams_json(upstreams) : json_array());
}

/* "gateway and converter": a [gateway] section without hosts is there for this machine's own connections. */
static const char *format_roles(const struct conf *conf, char out[ROLES_BYTES])
{
	const char *roles[] = { conf->gateway.n_lan ? "gateway" : NULL, conf->host.enabled ? "host" : NULL, conf->converter.enabled ? "converter" : NULL };
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (roles[i])
			at += (size_t)snprintf(out + at, ROLES_BYTES - at, "%s%s", at ? " and " : "", roles[i]);
	return out;
}

static json_t *addresses_json(const struct address *addresses, size_t n)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(address_format(&addresses[i], text)));
	return array;
}

static json_t *serves_json(const struct conf *conf)
{
	return json_pack("{s:o, s:I}", "listen", addresses_json(conf->converter.listen, conf->converter.n_listen), "subscribers", (json_int_t)conf->n_subscribers);
}

static json_t *host_json(const struct braid *braid)
{
	const struct conf_host *host = &braid->holder->conf->host;

	return json_pack("{s:b, s:b, s:o}", "chooses", own_chooses(&host->choice), "takes", own_chooses(&host->choice) && path_can_hold(braid->path), "socks", addresses_json(host->socks, host->n_socks));
}

/* By which hosts come, and what keeps them away, or "". */
static json_t *lan_json(const struct braid *braid)
{
	const struct conf_gateway *gateway = &braid->holder->conf->gateway;
	json_t *array = json_array();

	for (size_t i = 0; i < gateway->n_lan; i++) {
		const char *fault = path_lan_fault(braid->path, gateway->lan[i]);

		if (!fault[0] && __atomic_load_n(&braid->shared.unheard, __ATOMIC_RELAXED))
			fault = "a firewall of this machine seems to turn away what is caught: let it accept the mark gateway.fwmark in its input chain";
		json_array_append_new(array, json_pack("{s:s, s:s}", "interface", gateway->lan[i], "why", fault));
	}
	return array;
}

static void run_status(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	const struct conf *conf = braid->holder->conf;
	char roles[ROLES_BYTES];
	json_t *result = json_pack("{s:s, s:s, s:i, s:f, s:I, s:I, s:i, s:b, s:o}", "version", BRAID_VERSION, "roles", format_roles(conf, roles), "pid", (int)getpid(),
				   "uptime_s", seconds_since(braid->started_at_us),
				   "sessions", (json_int_t)__atomic_load_n(&braid->shared.n_sessions, __ATOMIC_RELAXED),
				   "half_open", (json_int_t)__atomic_load_n(&braid->shared.n_half_open, __ATOMIC_RELAXED),
				   "workers", (int)braid->n_peers, "accepting", braid->view->accepting, "kernel", kernel_json(braid));

	if (result)
		add_warnings(braid, result);
	if (result && conf->gateway.enabled)
		json_object_set_new(result, "converter", converter_json(braid));
	if (result && conf->converter.enabled)
		json_object_set_new(result, "serves", serves_json(conf));
	if (result && conf->gateway.n_lan)
		json_object_set_new(result, "lan", lan_json(braid));
	if (result && conf->host.enabled)
		json_object_set_new(result, "host", host_json(braid));
	control_answer(call, result);
}

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
	return upstreams_serve_hosts(braid->upstreams) ? "" : "the converter gives no ports: it has no converter.mapping_address";
}

static void run_forwards(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *array = braid->own_ports ? port_client_json(braid->own_ports, why_nobody_gives_ports(braid)) : json_array();

	control_answer(call, array ? json_pack("{s:o}", "forwards", array) : NULL);
}

static void run_counters(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	json_t *counters = counters_json(braid->workers, braid->n_workers);

	control_answer(call, counters ? json_pack("{s:o}", "counters", counters) : NULL);
}

/* What a command that takes a survey needs when it is done. */
struct question {
	struct braid *braid;
	struct control_call call;
};

static struct question *question_new(struct braid *braid, struct control_call call)
{
	struct question *question = malloc(sizeof(*question));

	if (question)
		*question = (struct question){ braid, call };
	return question;
}

static void begin_survey(struct braid *braid, struct control_call call, struct survey_options options)
{
	options.context = question_new(braid, call);
	if (options.context && !survey_take(braid->loop, braid->workers, braid->n_workers, &options))
		return;
	free(options.context);
	control_answer(call, NULL);
}

struct sessions_part {
	json_t *array;
};

static void visit_session(void *part, const struct worker *worker, const struct session_view *session)
{
	struct sessions_part *sessions = part;

	if (!sessions->array)
		sessions->array = json_array();
	json_array_append_new(sessions->array, describe_session(worker, session));
}

static void sessions_done(void *context, void *const *parts, size_t n_parts)
{
	struct question *question = context;
	json_t *all = json_array();

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
	begin_survey(context, call, (struct survey_options){ .part_bytes = sizeof(struct sessions_part), .visit = visit_session, .done = sessions_done });
}

struct links_part {
	uint64_t n_subflows[CONF_LINKS];
};

static void visit_links(void *part, const struct worker *worker, const struct session_view *session)
{
	struct links_part *links = part;
	struct mptcp_connection_info info;

	if (describe_read(session, &info) < 0)
		return;
	for (size_t i = 0; i < info.n_subflows; i++) {
		uint8_t link = describe_link_of(worker->view, &info.subflows[i]);

		if (link < CONF_LINKS)
			links->n_subflows[link]++;
	}
}

static const char *notes_of(const struct link_memory *memory, uint64_t now_us)
{
	if (__atomic_load_n(&memory->silent, __ATOMIC_RELAXED))
		return "swallows what is sent";
	if (__atomic_load_n(&memory->drops_mptcp_until_us, __ATOMIC_RELAXED) > now_us)
		return "drops first packets with Multipath TCP options";
	if (__atomic_load_n(&memory->unanswered_until_us, __ATOMIC_RELAXED) > now_us)
		return "gave no answer lately";
	if (__atomic_load_n(&memory->breaks_mptcp_until_us, __ATOMIC_RELAXED) > now_us)
		return "takes Multipath TCP options away after the handshake";
	if (__atomic_load_n(&memory->strips_mptcp_until_us, __ATOMIC_RELAXED) > now_us)
		return "takes Multipath TCP options away";
	if (__atomic_load_n(&memory->syn_data_until_us, __ATOMIC_RELAXED) > now_us)
		return "eats data in the first packet";
	return "";
}

/* null where it has none. */
static json_t *cap_json(const struct braid *braid, size_t i)
{
	static const char *const states[] = { [CAP_FREE] = "free", [CAP_NEAR] = "near", [CAP_USED_UP] = "used up" };
	const struct conf_link *link = &braid->holder->conf->links[i];
	struct link_volume volume;

	if (!braid->link_volumes || !link->cap_bytes)
		return json_null();
	volume = link_volumes_of(braid->link_volumes, i);
	return json_pack("{s:I, s:s, s:I, s:s}", "bytes", (json_int_t)link->cap_bytes, "period", link->cap_period == CONF_PERIOD_DAY ? "day" : "month",
			 "used_bytes", (json_int_t)volume.used_bytes, "state", states[volume.state]);
}

/* What it costs, and what follows from that. */
static void add_cost(const struct braid *braid, size_t i, const struct path_link_status *link, json_t *object)
{
	const char *aside = braid->aside ? aside_reason(braid->aside, i) : "";

	json_object_set_new(object, "cost", json_integer(braid->holder->conf->links[i].cost));
	json_object_set_new(object, "closed", json_boolean(link->closed));
	json_object_set_new(object, "aside", json_boolean(aside[0]));
	json_object_set_new(object, "why", json_string(aside[0] ? aside : braid->overflow ? overflow_reason(braid->overflow, i) : ""));
	json_object_set_new(object, "cap", cap_json(braid, i));
}

static json_t *ms_or_null(uint64_t us)
{
	return us ? json_real((double)us / (double)US_PER_MS) : json_null();
}

/* How it is; null at who looks after no links. */
static json_t *health_json(const struct braid *braid, size_t i)
{
	const struct health_link *link;

	if (!braid->link_health)
		return json_null();
	link = link_health_of(braid->link_health, i);
	return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "multipath", multipath_state_name(link_health_multipath(braid->link_health, i)),
			 "state", health_state_name(link->state), "since_s", link->since_us ? seconds_since(link->since_us) : 0.0,
			 "rtt_ms", ms_or_null(link->rtt_us), "least_rtt_ms", ms_or_null(link->least_rtt_us),
			 "alive_s", link->alive_at_us ? json_real(seconds_since(link->alive_at_us)) : json_null(),
			 "loss_percent", health_knows_loss(link) ? json_real((double)link->loss_per_10_000 / 100) : json_null(),
			 "up_bps", (json_int_t)link->up_bps, "down_bps", (json_int_t)link->down_bps,
			 "probes", json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)link->n_probes, "answered", (json_int_t)link->n_answered,
					     "most_bytes", (json_int_t)(link->n_probes * HEALTH_PROBE_BYTES)));
}

static json_t *link_json(const struct path_link_status *link, const struct link_memory *memory, uint64_t n_subflows)
{
	char v4[ADDRESS_TEXT_BYTES], v6[ADDRESS_TEXT_BYTES];
	bool has_v4 = !address_is_unspecified(&link->v4), has_v6 = !address_is_unspecified(&link->v6);

	return json_pack("{s:s, s:s, s:s, s:f, s:s?, s:s?, s:b, s:I, s:I, s:I, s:I, s:f, s:s}", "name", link->name, "interface", link->interface,
			 "state", path_link_state_name(link->state), "since_s", seconds_since(link->since_us),
			 "address_v4", has_v4 ? address_format_ip(&link->v4, v4) : NULL, "address_v6", has_v6 ? address_format_ip(&link->v6, v6) : NULL,
			 "backup", link->backup, "rx_bytes", (json_int_t)link->rx_bytes, "tx_bytes", (json_int_t)link->tx_bytes,
			 "subflows", (json_int_t)n_subflows, "sessions_first", (json_int_t)__atomic_load_n(&memory->n_first, __ATOMIC_RELAXED),
			 "rtt_ms", (double)__atomic_load_n(&memory->rtt_us, __ATOMIC_RELAXED) / (double)US_PER_MS,
			 "notes", notes_of(memory, loop_clock_us()));
}

static void links_done(void *context, void *const *parts, size_t n_parts)
{
	struct question *question = context;
	struct braid *braid = question->braid;
	struct path_link_status links[PATH_LINKS];
	size_t n = path_status(braid->path, links, PATH_LINKS);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		uint64_t n_subflows = 0;
		json_t *object;

		for (size_t j = 0; j < n_parts; j++)
			n_subflows += ((const struct links_part *)parts[j])->n_subflows[i];
		object = link_json(&links[i], &braid->shared.links[i], n_subflows);
		if (object) {
			add_cost(braid, i, &links[i], object);
			json_object_set_new(object, "health", health_json(braid, i));
		}
		json_array_append_new(array, object);
	}
	control_answer(question->call, json_pack("{s:o}", "links", array));
	free(question);
}

static void run_links(void *context, struct control_call call, const json_t *arguments)
{
	begin_survey(context, call, (struct survey_options){ .part_bytes = sizeof(struct links_part), .visit = visit_links, .done = links_done });
}

struct why_part {
	json_t *found;
};

static void visit_why(void *part, const struct worker *worker, const struct session_view *session)
{
	((struct why_part *)part)->found = describe_why(worker, session);
}

static void why_done(void *context, void *const *parts, size_t n_parts)
{
	struct question *question = context;
	json_t *found = NULL;

	for (size_t i = 0; i < n_parts && !found; i++)
		found = ((struct why_part *)parts[i])->found;
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

	if (!id || !describe_parse_id(id, &session)) {
		control_refuse(call, "argument 'session': wanted the name of a session as in the list of sessions, such as 0:17:3");
		return;
	}
	begin_survey(context, call, (struct survey_options){ .part_bytes = sizeof(struct why_part), .one = &session, .visit = visit_why, .done = why_done });
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
	answer_message(call, "no new connections are taken; the daemon ends when the last session has ended");
	braid_drain(context);
}

static void run_stop(void *context, struct control_call call, const json_t *arguments)
{
	answer_message(call, "the daemon ends");
	braid_stop(context);
}

static const struct control_command commands[] = {
	{ "status", run_status }, { "links", run_links }, { "sessions", run_sessions }, { "why", run_why },
	{ "subscribers", run_subscribers }, { "mappings", run_mappings }, { "forwards", run_forwards }, { "counters", run_counters }, { "reload", run_reload }, { "drain", run_drain }, { "stop", run_stop },
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
