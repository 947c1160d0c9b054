/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/link_volumes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/sysctl.h"
#include "role/quota_kept.h"
#include "role/state_file.h"

#define LOOK_US (1 * US_PER_S)
#define LOOKS_TO_KEEP 10
#define FORMAT 1
#define BYTES_OF_MB 1e6

static_assert((int)CONF_PERIOD_DAY == (int)QUOTA_DAY && (int)CONF_PERIOD_MONTH == (int)QUOTA_MONTH,
	      "conf and policy agree");

struct link_volumes {
	struct loop *loop;
	struct link_volumes_options options;
	uint8_t handler;
	bool armed;
	unsigned int n_looks;
	struct state_file file;
	char boot[SYSCTL_VALUE_BYTES];       /* of this run of the machine: interfaces' counters begin with it. "":
					      * not known */
	struct cap caps[CONF_LINKS];
	enum cap_state states[CONF_LINKS];
	uint64_t kept_bytes;                 /* all totals when the file was written */
};

static const struct view *view_of(const struct link_volumes *volumes)
{
	return volumes->options.view(volumes->options.context);
}

static struct cap_limits limits_of(const struct conf_link *link)
{
	return (struct cap_limits){ .n_bytes = link->cap_bytes, .period = link->cap_period,
				    .warn_percent = link->cap_warn_percent,
				    .stop_percent = link->cap_stop_percent };
}

static uint64_t used_bytes(const struct cap *cap, const struct cap_limits *limits)
{
	return quota_used_bytes(&cap->quota, limits->period, cap->total_bytes);
}

static json_t *link_json(const struct cap *cap)
{
	json_t *object = quota_kept_json(&cap->quota, cap->total_bytes);

	if (object && cap->seen) {
		json_object_set_new(object, "interface_index", json_integer(cap->ifindex));
		json_object_set_new(object, "interface_bytes", json_integer((json_int_t)cap->counter_bytes));
	}
	return object;
}

static json_t *links_json(const struct link_volumes *volumes)
{
	const struct view *view = view_of(volumes);
	json_t *used = json_object();

	for (size_t i = 0; i < view->n_links; i++)
		if (view->conf->links[i].cap_bytes)
			json_object_set_new(used, view->links[i].name, link_json(&volumes->caps[i]));
	return json_pack("{s:s, s:o}", "boot", volumes->boot, "used", used);
}

static void keep(struct link_volumes *volumes)
{
	uint64_t total_bytes = 0;

	for (size_t i = 0; i < CONF_LINKS; i++)
		total_bytes += volumes->caps[i].total_bytes;
	if (total_bytes == volumes->kept_bytes)
		return;
	if (state_file_keep(&volumes->file, links_json(volumes)))
		volumes->kept_bytes = total_bytes;
}

static void tell(const struct link_volumes *volumes, size_t i, enum cap_state before, enum cap_state now)
{
	const struct conf_link *link = &view_of(volumes)->conf->links[i];
	struct cap_limits limits = limits_of(link);
	const char *period = link->cap_period == CONF_PERIOD_DAY ? "day" : "month";
	double used_mb = (double)used_bytes(&volumes->caps[i], &limits) / BYTES_OF_MB,
	       cap_mb = (double)link->cap_bytes / BYTES_OF_MB;

	if (!link->cap_bytes)
		warning_say(&volumes->file.sink, "link %s has no cap any more%s", link->name,
			    before == CAP_USED_UP ? ", and is no backup for it" : "");
	else if (now == CAP_USED_UP)
		warning_say(&volumes->file.sink,
			    "link %s: %.0f of %.0f MB of this %s are used: it is a backup until the next one begins",
			    link->name, used_mb, cap_mb, period);
	else if (now == CAP_NEAR && before == CAP_FREE)
		warning_say(&volumes->file.sink, "link %s: %.0f of %.0f MB of this %s are used", link->name, used_mb,
			    cap_mb, period);
	else if (before == CAP_USED_UP)
		warning_say(&volumes->file.sink,
			    "link %s: %.0f of %.0f MB of this %s are used: it is no backup any more", link->name,
			    used_mb, cap_mb, period);
}

static void count(struct link_volumes *volumes, const struct view *view)
{
	struct path_link_status links[PATH_LINKS];
	size_t n = path_status(volumes->options.path, links, PATH_LINKS);
	struct quota_date date = quota_kept_today();

	for (size_t i = 0; i < size_min(n, view->n_links); i++) {
		if (links[i].ifindex)
			cap_count(&volumes->caps[i], links[i].ifindex, links[i].rx_bytes + links[i].tx_bytes);
		quota_turn(&volumes->caps[i].quota, &date, volumes->caps[i].total_bytes);
	}
}

static bool judge(struct link_volumes *volumes, const struct view *view)
{
	bool changed = false;

	for (size_t i = 0; i < view->n_links; i++) {
		struct cap_limits limits = limits_of(&view->conf->links[i]);
		enum cap_state before = volumes->states[i], now = cap_state(&volumes->caps[i], &limits);

		volumes->states[i] = now;
		if (now == before)
			continue;
		tell(volumes, i, before, now);
		__atomic_store_n(&volumes->options.shared->links[i].used_up, now == CAP_USED_UP, __ATOMIC_RELAXED);
		changed |= now == CAP_USED_UP || before == CAP_USED_UP;
	}
	return changed;
}

static bool has_caps(const struct view *view)
{
	for (size_t i = 0; i < view->n_links; i++)
		if (view->conf->links[i].cap_bytes)
			return true;
	return false;
}

void link_volumes_look(struct link_volumes *volumes)
{
	const struct view *view = view_of(volumes);
	struct loop_ref ref = { .handler = volumes->handler };

	count(volumes, view);
	if (judge(volumes, view))
		volumes->options.on_change(volumes->options.context);
	if (volumes->armed || !has_caps(view_of(volumes)))   /* what follows from a change may have made another view */
		return;
	while (loop_timer_at(volumes->loop, loop_now_us(volumes->loop) + LOOK_US, ref))
		;   /* a few bytes that have to be there at last */
	volumes->armed = true;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct link_volumes *volumes = context;

	volumes->armed = false;
	link_volumes_look(volumes);
	if (++volumes->n_looks % LOOKS_TO_KEEP == 0)
		keep(volumes);
}

struct link_volume link_volumes_of(const struct link_volumes *volumes, size_t link)
{
	struct cap_limits limits = limits_of(&view_of(volumes)->conf->links[link]);

	return (struct link_volume){ .state = volumes->states[link],
				     .used_bytes = limits.n_bytes ? used_bytes(&volumes->caps[link], &limits) : 0 };
}

/* Of another run of the machine the counter counts from nothing. */
static void resume_counter(struct cap *cap, json_t *object, bool same_boot)
{
	json_int_t ifindex = 0, n_bytes = 0;

	if (json_unpack(object, "{s:I, s:I}", "interface_index", &ifindex, "interface_bytes", &n_bytes) ||
	    ifindex < 0 || ifindex > INT32_MAX || n_bytes < 0)
		return;
	if (same_boot)
		cap_resume_counter(cap, (unsigned int)ifindex, (uint64_t)n_bytes);
	else
		cap_resume_counter(cap, 0, 0);
}

/* The file is what we wrote: else nothing of it is taken up. */
static bool is_sound(const json_t *links)
{
	json_t *used = json_object_get(links, "used"), *object;
	struct quota_kept kept;
	const char *name;

	if (!json_is_string(json_object_get(links, "boot")) || !json_is_object(used))
		return false;
	json_object_foreach(used, name, object)
		if (!quota_kept_get(object, &kept))
			return false;
	return true;
}

static void resume(struct link_volumes *volumes, const json_t *links)
{
	const struct view *view = view_of(volumes);
	bool same_boot = volumes->boot[0] && !strcmp(json_string_value(json_object_get(links, "boot")), volumes->boot);

	for (size_t i = 0; i < view->n_links; i++) {
		json_t *object = json_object_get(json_object_get(links, "used"), view->links[i].name);
		struct quota_kept kept;

		if (!object || !quota_kept_get(object, &kept))
			continue;
		quota_kept_resume(&kept, &volumes->caps[i].quota);
		resume_counter(&volumes->caps[i], object, same_boot);
	}
}

static void take_up(struct link_volumes *volumes)
{
	json_t *links = state_file_take_up(&volumes->file);

	if (links && is_sound(links))
		resume(volumes, links);
	else if (links)
		state_file_reject(&volumes->file, "it is no list of links");
	json_decref(links);
}

int link_volumes_new(struct loop *loop, const struct link_volumes_options *options, struct link_volumes **out)
{
	struct link_volumes *volumes = calloc(1, sizeof(*volumes));
	struct loop_handler handler = { .on_timer = on_timer, .context = volumes };
	struct quota_date date = quota_kept_today();

	if (!volumes)
		return -ENOMEM;
	volumes->loop = loop;
	volumes->options = *options;
	volumes->file = (struct state_file){ .name = "links", .what = "links' volumes", .format = FORMAT,
					     .sink = { options->on_warning, options->context } };
	snprintf(volumes->file.path, sizeof(volumes->file.path), "%s/link-volumes.json", options->state_dir);
	if (sysctl_read("kernel/random/boot_id", volumes->boot))
		volumes->boot[0] = 0;
	volumes->handler = loop_handler_add(loop, &handler);
	for (size_t i = 0; i < CONF_LINKS; i++)
		quota_turn(&volumes->caps[i].quota, &date, 0);
	take_up(volumes);
	*out = volumes;
	link_volumes_look(volumes);
	return 0;
}

void link_volumes_freep(struct link_volumes **volumes)
{
	if (*volumes) {
		count(*volumes, view_of(*volumes));
		keep(*volumes);
	}
	free(*volumes);
	*volumes = NULL;
}
