/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links_command.h"

#include <stdlib.h>
#include "base/clock.h"
#include "role/braid_parts.h"
#include "role/describe.h"
#include "role/question.h"

struct links_part {
	uint64_t n_subflows[CONF_LINKS];
};

static void count(struct links_part *links, const struct worker *worker, const struct mptcp_connection_info *info)
{
	for (size_t i = 0; i < info->n_subflows; i++) {
		uint8_t link = describe_link_of(worker->view, &info->subflows[i]);

		if (link < CONF_LINKS)
			links->n_subflows[link]++;
	}
}

static void visit_links(void *part, const struct worker *worker, const struct session_view *session)
{
	struct mptcp_connection_info info;

	if (describe_read(session, &info) >= 0)
		count(part, worker, &info);
}

static void visit_legs(void *part, const struct worker *worker, const struct stripes_legs *legs)
{
	count(part, worker, legs->info);
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
	return json_pack("{s:I, s:s, s:I, s:s}", "bytes", (json_int_t)link->cap_bytes,
			 "period", link->cap_period == CONF_PERIOD_DAY ? "day" : "month",
			 "used_bytes", (json_int_t)volume.used_bytes, "state", states[volume.state]);
}

/* What it costs, and what follows from that. */
static void add_cost(const struct braid *braid, size_t i, const struct path_link_status *link, json_t *object)
{
	const char *aside = braid->aside ? aside_reason(braid->aside, i) : "";

	json_object_set_new(object, "cost", json_integer(braid->holder->conf->links[i].cost));
	json_object_set_new(object, "closed", json_boolean(link->closed));
	json_object_set_new(object, "aside", json_boolean(aside[0]));
	json_object_set_new(object, "why",
			    json_string(aside[0] ? aside : braid->overflow ? overflow_reason(braid->overflow, i) : ""));
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
	return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:I, s:I, s:o}",
			 "multipath", multipath_state_name(link_health_multipath(braid->link_health, i)),
			 "state", health_state_name(link->state),
			 "since_s", link->since_us ? describe_age_s(link->since_us) : 0.0,
			 "rtt_ms", ms_or_null(link->rtt_us), "least_rtt_ms", ms_or_null(link->least_rtt_us),
			 "alive_s", link->alive_at_us ? json_real(describe_age_s(link->alive_at_us)) : json_null(),
			 "loss_percent", health_knows_loss(link) ? json_real((double)link->loss_per_10_000 / 100) :
			 json_null(),
			 "up_bps", (json_int_t)link->up_bps, "down_bps", (json_int_t)link->down_bps,
			 "probes", json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)link->n_probes,
					     "answered", (json_int_t)link->n_answered,
					     "most_bytes", (json_int_t)(link->n_probes * HEALTH_PROBE_BYTES)));
}

static json_t *link_json(const struct path_link_status *link, const struct link_memory *memory, uint64_t n_subflows)
{
	char v4[ADDRESS_TEXT_BYTES], v6[ADDRESS_TEXT_BYTES];
	bool has_v4 = !address_is_unspecified(&link->v4), has_v6 = !address_is_unspecified(&link->v6);

	return json_pack("{s:s, s:s, s:s, s:f, s:s?, s:s?, s:b, s:I, s:I, s:I, s:I, s:f, s:s}", "name", link->name,
			 "interface", link->interface,
			 "state", path_link_state_name(link->state), "since_s", describe_age_s(link->since_us),
			 "address_v4", has_v4 ? address_format_ip(&link->v4, v4) : NULL,
			 "address_v6", has_v6 ? address_format_ip(&link->v6, v6) : NULL,
			 "backup", link->backup, "rx_bytes", (json_int_t)link->rx_bytes,
			 "tx_bytes", (json_int_t)link->tx_bytes,
			 "subflows", (json_int_t)n_subflows,
			 "sessions_first", (json_int_t)__atomic_load_n(&memory->n_first, __ATOMIC_RELAXED),
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

void links_run(void *context, struct control_call call, const json_t *arguments)
{
	struct survey_options options = { .part_bytes = sizeof(struct links_part), .visit = visit_links,
					  .visit_legs = visit_legs, .done = links_done };

	question_ask(context, call, options);
}
