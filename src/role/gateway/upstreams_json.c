/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "role/gateway/upstreams_parts.h"

static json_t *addresses_json(const struct conf_upstream *at)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < at->n_converter; i++)
		json_array_append_new(array, json_string(address_format(&at->converter[i], text)));
	return array;
}

/* Seconds that what DHCP has told is good for; null: for ever, or it is the configuration's. */
static json_t *left_json(const struct upstreams *all, const struct upstreams_member *member)
{
	uint64_t until_us = all->provisions.each[member->source].until_us, now_us = loop_now_us(all->loop);

	if (!member->upstream->provisioned || until_us == CLOCK_NEVER_US)
		return json_null();
	return json_integer((json_int_t)((until_us > now_us ? until_us - now_us : 0) / US_PER_S));
}

static json_t *member_json(const struct upstreams *all, size_t i)
{
	const struct upstreams_member *member = all->members[i];
	const struct converters_one *one = &all->policy.each[i];

	return json_pack("{s:s, s:o, s:b, s:b, s:b, s:s, s:f, s:b, s:o}", "name", member->upstream->name,
			 "addresses", addresses_json(&member->upstream->at),
			 "used", i == all->policy.in_use, "answers", one->answers, "known", one->known,
			 "why", one->answers ? "" : member->why,
			 "took_ms", (double)one->took_us / (double)US_PER_MS,
			 "provisioned", member->upstream->provisioned, "left_s", left_json(all, member));
}

json_t *upstreams_json(const struct upstreams *all)
{
	json_t *array = json_array();

	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(array, member_json(all, i));
	return array;
}
