/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/subscribers_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "role/quota_kept.h"

/* The lock is held for one at a time: workers wait for it. */
static struct figures figures_of(struct subscribers *subscribers, const struct subscriber *subscriber)
{
	struct figures figures;

	pthread_mutex_lock(&subscribers->lock);
	figures = subscriber->figures;
	pthread_mutex_unlock(&subscribers->lock);
	return figures;
}

static json_t *address_json(const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	return address_is_unspecified(address) ? json_null() : json_string(address_format_ip(address, text));
}

static json_t *seen_as_json(const struct seen_as *seen_as)
{
	char text[ADDRESS_TEXT_BYTES];
	const struct source_settings *settings = &seen_as->settings;

	return json_pack("{s:s, s:o, s:o, s:o}", "mode", source_mode_name(settings->mode),
			 "address_v4", address_json(&seen_as->v4),
			 "address_v6", address_json(&seen_as->v6),
			 "prefix", settings->mode == SOURCE_PREFIX ?
			 json_string(prefix_format(&settings->prefix, text)) : json_null());
}

static json_t *subscriber_json(struct subscribers *subscribers, const struct subscriber *subscriber)
{
	struct figures figures = figures_of(subscribers, subscriber);
	uint64_t up = subscriber_way_bytes(subscribers, subscriber, RELAY_UP),
		 down = subscriber_way_bytes(subscribers, subscriber, RELAY_DOWN);
	const struct limits *limits = &figures.limits;

	return json_pack("{s:s, s:b, s:o, s:I, s:I, s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, "
			 "s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "name", figures.name,
			 "configured", figures.configured, "seen_as", seen_as_json(&figures.seen_as),
			 "sessions", (json_int_t)figures.n_sessions,
			 "opened", (json_int_t)figures.n_verdicts[SUBSCRIBERS_MAY],
			 "refused",
			 "max_sessions", (json_int_t)figures.n_verdicts[SUBSCRIBERS_OVER_SESSIONS],
			 "max_new_per_s", (json_int_t)figures.n_verdicts[SUBSCRIBERS_OVER_NEW],
			 "volume", (json_int_t)figures.n_verdicts[SUBSCRIBERS_OVER_VOLUME],
			 "up_bytes", (json_int_t)up, "down_bytes", (json_int_t)down,
			 "day_bytes", (json_int_t)quota_used_bytes(&figures.quota, QUOTA_DAY, up + down),
			 "month_bytes", (json_int_t)quota_used_bytes(&figures.quota, QUOTA_MONTH, up + down),
			 "limits",
			 "max_sessions", (json_int_t)limits->max_sessions,
			 "max_new_per_s", (json_int_t)limits->new_sessions.per_s,
			 "max_new_burst", (json_int_t)limits->new_sessions.burst,
			 "rate_mbit", (json_int_t)limits->rate_mbit,
			 "volume_mb_per_day", (json_int_t)(limits->volume_bytes[QUOTA_DAY] / BYTES_OF_MB),
			 "volume_mb_per_month", (json_int_t)(limits->volume_bytes[QUOTA_MONTH] / BYTES_OF_MB),
			 "max_mappings", (json_int_t)limits->max_mappings);
}

json_t *subscribers_json(struct subscribers *subscribers)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < subscribers->n; i++)
		json_array_append_new(array, subscriber_json(subscribers, subscribers->all[i]));
	return array;
}

void subscribers_turn(struct subscribers *subscribers)
{
	struct quota_date date = quota_kept_today();

	for (uint32_t i = 0; i < subscribers->n; i++) {
		struct subscriber *subscriber = subscribers->all[i];

		pthread_mutex_lock(&subscribers->lock);
		quota_turn(&subscriber->figures.quota, &date, subscriber_bytes(subscribers, subscriber));
		pthread_mutex_unlock(&subscribers->lock);
	}
}

uint64_t subscribers_total_bytes(struct subscribers *subscribers)
{
	uint64_t n_bytes = 0;

	for (uint32_t i = 0; i < subscribers->n; i++)
		n_bytes += subscriber_bytes(subscribers, subscribers->all[i]);
	return n_bytes;
}

json_t *subscribers_volumes(struct subscribers *subscribers)
{
	json_t *volumes = json_object();

	for (uint32_t i = 0; i < subscribers->n; i++) {
		const struct subscriber *subscriber = subscribers->all[i];
		struct figures figures = figures_of(subscribers, subscriber);
		uint64_t total = subscriber_bytes(subscribers, subscriber),
			 month_bytes = quota_used_bytes(&figures.quota, QUOTA_MONTH, total);

		if (month_bytes || figures.quota.periods[QUOTA_MONTH].aside_bytes)
			json_object_set_new(volumes, figures.name, quota_kept_json(&figures.quota, total));
	}
	return volumes;
}

static bool kept_get(const char *name, json_t *volume, struct quota_kept *kept)
{
	return *name && strlen(name) < CONF_NAME_BYTES && quota_kept_get(volume, kept);
}

static void resume(struct subscribers *subscribers, struct subscriber *subscriber, const struct quota_kept *kept)
{
	pthread_mutex_lock(&subscribers->lock);
	quota_kept_resume(kept, &subscriber->figures.quota);
	pthread_mutex_unlock(&subscribers->lock);
}

int subscribers_resume(struct subscribers *subscribers, const json_t *volumes)
{
	size_t n_names;
	_cleanup_(freep) struct name_number *names = subscribers_names(subscribers, &n_names);
	struct quota_date date = quota_kept_today();
	bool later = false;
	const char *name;
	json_t *volume;
	struct quota_kept kept;

	if (!names)
		return -ENOMEM;
	if (!json_is_object(volumes))
		return SUBSCRIBERS_E_VOLUMES;
	json_object_foreach((json_t *)volumes, name, volume)
		if (!kept_get(name, volume, &kept))
			return SUBSCRIBERS_E_VOLUMES;
	json_object_foreach((json_t *)volumes, name, volume) {
		uint32_t number;

		kept_get(name, volume, &kept);
		if (quota_kept_latest_month(&kept) < date.number[QUOTA_MONTH])
			number = subscribers_find(names, n_names, name);   /* it counts where the clock is wrong
									    * alone */
		else
			/* one that left the configuration may return within the month */
			number = subscribers_find_or_add(subscribers, names, n_names, name);
		if (number == SUBSCRIBERS_NONE && quota_kept_latest_month(&kept) < date.number[QUOTA_MONTH])
			continue;
		if (number == SUBSCRIBERS_NONE)
			return -ENOMEM;
		resume(subscribers, subscribers->all[number - 1], &kept);
		later |= quota_kept_is_later(&kept, &date);
	}
	return later ? SUBSCRIBERS_E_LATER : 0;
}
