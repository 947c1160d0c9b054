/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/mapper.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/own_address.h"
#include "policy/bucket.h"
#include "role/mappings/forwarding.h"
#include "role/mappings/mapping_store.h"
#include "signalling/pcp_server.h"

#define HOLD_S 120                        /* a maximum segment lifetime (RFC 6887, 15) */
#define CLOCK_MOVED_S 2

/* a subscriber's, all hosts together */
static const struct bucket_limit request_limit = { .per_s = 50, .burst = 200 };

struct allowance {
	const char *name;                 /* the subscribers', who are never freed before us */
	uint32_t most, most_of_host;
	uint64_t full_at_ns;              /* the bucket of requests */
};

struct mapper {
	struct loop *loop;
	struct mapper_options options;
	uint8_t handler;
	struct pcp_server server;
	struct address external;
	struct own_address_probe probe;
	struct mapping_store *store;
	struct allowance *allowances;     /* by the subscriber's number */
	size_t n_allowances;
	uint64_t base_us;                 /* between the table's clock, which never goes back, and the monotonic one */
	int64_t kept_offset_s;            /* between the clock of the day and the table's, as the file has it */
	uint64_t armed_for_s, again_at_s; /* again: what couldn't be written is tried once more */
	bool changed;                     /* on_change is to be called */
};

/* The table's clock: the day's as it was at our start, from there on the monotonic one. */
static uint64_t now_s(const struct mapper *mapper)
{
	return (mapper->base_us + loop_now_us(mapper->loop)) / US_PER_S;
}

static uint64_t day_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

static void put(struct mapper *mapper, const struct mapping *mapping)
{
	struct mapping_record record = { .mapping = *mapping };

	if (mapping->is_static)
		return;
	snprintf(record.subscriber, sizeof(record.subscriber), "%s", mapper->allowances[mapping->subscriber].name);
	record.mapping.ends_at_s += (uint64_t)mapper->kept_offset_s;
	mapping_store_put(mapper->store, &record);
}

/* All of it. */
static void write_anew(struct mapper *mapper)
{
	const struct mapping *mapping;

	mapper->again_at_s = now_s(mapper) + MAPPING_STORE_AGAIN_S;
	mapping_store_begin(mapper->store);
	mapping_store_clear(mapper->store);
	mapping_store_begin_epoch(mapper->store, mapper->server.began_s + (uint64_t)mapper->kept_offset_s);
	for (uint32_t at = 0; (mapping = mappings_next(mapper->server.table, &at));)
		put(mapper, mapping);
	mapping_store_end(mapper->store);
}

/* Somebody has set the clock: what the file says is by another one. */
static void follow_clock(struct mapper *mapper)
{
	int64_t offset_s = (int64_t)(day_us() / US_PER_S) - (int64_t)now_s(mapper),
		moved_s = offset_s - mapper->kept_offset_s;

	if (moved_s >= -CLOCK_MOVED_S && moved_s <= CLOCK_MOVED_S)
		return;
	mapper->kept_offset_s = offset_s;
	write_anew(mapper);
}

static void on_table(void *context, enum mappings_change change, const struct mapping *mapping)
{
	struct mapper *mapper = context;

	mapper->changed = mapper->changed || change != MAPPINGS_RENEWED || mapping->n_filters;
	if (mapping->is_static)
		return;
	if (change == MAPPINGS_ENDED)
		mapping_store_remove(mapper->store, &mapping->external);
	else
		put(mapper, mapping);
}

/* After whatever may have changed the table. What that is begins with mapping_store_begin(): for each of many
 * changes alone the disk would be waited for now and then. */
static void settle(struct mapper *mapper)
{
	uint64_t at_s = mappings_turn_at_s(mapper->server.table);

	mapping_store_end(mapper->store);
	if (mapping_store_is_behind(mapper->store)) {
		if (now_s(mapper) >= mapper->again_at_s)
			write_anew(mapper);
		at_s = at_s < mapper->again_at_s ? at_s : mapper->again_at_s;
	}
	if (mapper->changed)
		mapper->options.on_change(mapper->options.context, mapper->server.table);
	mapper->changed = false;
	if (at_s >= mapper->armed_for_s ||
	    loop_timer_at(mapper->loop, at_s * US_PER_S - mapper->base_us,
			  (struct loop_ref){ .handler = mapper->handler }))
		return;
	mapper->armed_for_s = at_s;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct mapper *mapper = context;

	if (now_s(mapper) < mapper->armed_for_s)
		return;   /* one that something earlier had got ahead of, and there is another by now: each would set
			   * one more for ever */
	mapper->armed_for_s = MAPPINGS_FOR_EVER;
	follow_clock(mapper);
	mapping_store_begin(mapper->store);
	mappings_turn(mapper->server.table, now_s(mapper));
	settle(mapper);
}

/* Asked each time: addresses come and go. */
static struct address external_now(struct mapper *mapper)
{
	return own_address_probe_is_own(&mapper->probe, &mapper->external) ? mapper->external :
	       (struct address){ .port = 0 };
}

size_t mapper_answer(struct mapper *mapper, uint32_t subscriber, const struct address *host, struct bytes request,
		     uint8_t out[PCP_MESSAGE_BYTES], struct address *external)
{
	struct allowance *allowance = subscriber < mapper->n_allowances ? &mapper->allowances[subscriber] : NULL;
	struct pcp_asker asker = { .subscriber = subscriber, .source = *host, .proven = true };
	uint64_t now_us = loop_now_us(mapper->loop);
	size_t n;

	if (!allowance || !bucket_level(allowance->full_at_ns, &request_limit, now_us))
		return 0;
	allowance->full_at_ns = bucket_take(allowance->full_at_ns, &request_limit, now_us, 1);
	asker.most = allowance->most;
	asker.most_of_host = allowance->most_of_host;
	follow_clock(mapper);
	*external = mapper->server.external = external_now(mapper);
	mapping_store_begin(mapper->store);
	n = pcp_server_answer(&mapper->server, &asker, request, now_s(mapper), out);
	settle(mapper);
	return n;
}

/* Of that address: those of ports that are given out, or the others. How many had no place in the table. */
static size_t add_statics(struct mapper *mapper, const struct conf_ports *ports, const struct forwards *forwards,
			  bool given_out)
{
	size_t n_left_out = 0;

	for (size_t i = 0; i < forwards_n(forwards); i++) {
		const struct forward *forward = forwards_at(forwards, i);
		struct mapping fixed = { .subscriber = forward->subscriber, .protocol = IPPROTO_TCP,
					 .internal = forward->host, .external = forward->external };
		bool is_of_range = fixed.external.port >= ports->first && fixed.external.port <= ports->last;

		if (address_equal_ip(&fixed.external, &mapper->external) && is_of_range == given_out)
			n_left_out += mappings_add_static(mapper->server.table, &fixed, now_s(mapper)) != 0;
	}
	return n_left_out;
}

/* What the configuration forwards of that address is nobody's who asks. */
static int set_statics(struct mapper *mapper, const struct conf *conf, const struct roster *roster)
{
	_cleanup_(forwards_freep) struct forwards *forwards = NULL;
	const struct conf_ports *ports = &conf->converter.mapping_ports;
	int r = forwarding_compile(conf, roster, NULL, &forwards);
	char text[160];

	if (r)
		return r;
	mappings_drop_statics(mapper->server.table);
	if (add_statics(mapper, ports, forwards, true)) {
		snprintf(text, sizeof(text),
			 "more than %u ports of converter.mapping_ports are some [forward NAME]'s: hosts may be given "
			 "what doesn't lead to them", MAPPINGS_STATICS);
		mapper->options.on_warning(mapper->options.context, text);
	}
	add_statics(mapper, ports, forwards, false);   /* a host that asks for such a port is told where it is
						        * already */
	return 0;
}

int mapper_apply(struct mapper *mapper, const struct conf *conf, const struct roster *roster)
{
	size_t n_names;
	_cleanup_(freep) struct name_number *names = subscribers_names(mapper->options.subscribers, &n_names);
	struct allowance *next = calloc(n_names + 1, sizeof(*next));   /* numbers begin at 1 */

	if (!names || !next || set_statics(mapper, conf, roster)) {
		free(next);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_names; i++)
		next[names[i].number].name = names[i].name;
	for (size_t i = 0; i < mapper->n_allowances; i++)
		next[i].full_at_ns = mapper->allowances[i].full_at_ns;
	for (size_t i = 0; i < conf->n_subscribers; i++) {
		next[roster->numbers[i]].most = conf->subscribers[i].max_mappings;
		next[roster->numbers[i]].most_of_host = conf->subscribers[i].max_host_mappings;
	}
	free(mapper->allowances);
	mapper->allowances = next;
	mapper->n_allowances = n_names + 1;
	mapping_store_begin(mapper->store);
	for (uint32_t i = 0; i < mapper->n_allowances; i++)
		if (!next[i].most)
			mappings_end_all(mapper->server.table, i, now_s(mapper));
	settle(mapper);
	return 0;
}

/* False: it can't be again what it was. One whose time is over, or whose subscriber has left, ends now as it would
 * have ended. */
static bool restore(struct mapper *mapper, const struct name_number *names, size_t n_names,
		    struct mapping_record *record)
{
	struct mapping *mapping = &record->mapping;

	mapping->subscriber = subscribers_find(names, n_names, record->subscriber);
	mapping->ends_at_s -= (uint64_t)mapper->kept_offset_s;
	if (mapping->subscriber != SUBSCRIBERS_NONE && !mappings_restore(mapper->server.table, mapping, now_s(mapper)))
		return true;
	mapping_store_remove(mapper->store, &mapping->external);
	return mapping->subscriber == SUBSCRIBERS_NONE;
}

/* The epoch goes on where all that was granted is there again, and begins anew where it isn't, or the clock is
 * earlier than it was (RFC 6887, 8.5). */
static int take_up(struct mapper *mapper, struct mapping_past *past)
{
	size_t n_names, n_lost = 0;
	_cleanup_(freep) struct name_number *names = subscribers_names(mapper->options.subscribers, &n_names);
	uint64_t today_s = now_s(mapper);
	char text[160];

	if (!names)
		return -ENOMEM;
	mapping_store_begin(mapper->store);
	for (size_t i = 0; i < past->n; i++)
		n_lost += !restore(mapper, names, n_names, &past->records[i]);
	mapper->server.began_s = past->began_s && past->began_s <= today_s && !n_lost ? past->began_s : today_s;
	if (mapper->server.began_s != past->began_s)
		mapping_store_begin_epoch(mapper->store, mapper->server.began_s);
	mappings_turn(mapper->server.table, today_s);
	mapping_store_end(mapper->store);
	if (n_lost) {
		snprintf(text, sizeof(text),
			 "%zu mappings of an earlier run don't fit converter.mapping_address and mapping_ports, or a "
			 "[forward NAME] is there, and have ended", n_lost);
		mapper->options.on_warning(mapper->options.context, text);
	}
	mapper->changed = past->n;
	return 0;
}

int mapper_new(struct loop *loop, const struct mapper_options *options, const struct conf *conf,
	       const struct roster *roster, struct mapper **out)
{
	_cleanup_(mapper_freep) struct mapper *mapper = calloc(1, sizeof(*mapper));
	const struct conf_converter *converter = &conf->converter;
	struct mapping_store_options store = { .state_dir = conf->daemon.state_dir, .on_warning = options->on_warning,
					       .context = options->context };
	struct mappings_options table = {
		.external = converter->mapping_address, .first_port = converter->mapping_ports.first,
		.last_port = converter->mapping_ports.last,
		.least_s = converter->mapping_least_s, .most_s = converter->mapping_most_s, .hold_s = HOLD_S,
		.on_change = on_table, .context = mapper,
	};
	struct loop_handler handler = { .on_timer = on_timer, .context = mapper };
	struct mapping_past past = { 0 };
	int r;

	if (!mapper)
		return -ENOMEM;
	mapper->loop = loop;
	mapper->options = *options;
	mapper->external = converter->mapping_address;
	own_address_probe_init(&mapper->probe);
	mapper->base_us = day_us() - loop_now_us(loop);
	mapper->armed_for_s = MAPPINGS_FOR_EVER;
	mapper->handler = loop_handler_add(loop, &handler);
	r = mappings_new(&table, &mapper->server.table);
	if (!r)
		r = mapping_store_new(&store, &past, &mapper->store);
	if (!r)
		r = set_statics(mapper, conf, roster);
	if (!r)
		r = take_up(mapper, &past);
	free(past.records);
	if (!r)
		r = mapper_apply(mapper, conf, roster);
	if (r)
		return r;
	*out = mapper;
	mapper = NULL;
	return 0;
}

void mapper_freep(struct mapper **out)
{
	struct mapper *mapper = *out;

	if (!mapper)
		return;
	mappings_freep(&mapper->server.table);
	mapping_store_freep(&mapper->store);
	own_address_probe_fini(&mapper->probe);
	free(mapper->allowances);
	free(mapper);
	*out = NULL;
}

const struct mappings *mapper_table(const struct mapper *mapper)
{
	return mapper->server.table;
}

static json_t *filters_json(const struct mapping *mapping)
{
	json_t *array = json_array();
	char from[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < mapping->n_filters; i++)
		json_array_append_new(array, json_pack("{s:s, s:i}",
						       "from", prefix_format(&mapping->filters[i].from, from),
						       "port", mapping->filters[i].port));
	return array;
}

json_t *mapper_json(const struct mapper *mapper)
{
	json_t *array = json_array();
	const struct mapping *m;
	char external[ADDRESS_TEXT_BYTES], internal[ADDRESS_TEXT_BYTES];

	for (uint32_t at = 0; (m = mappings_next(mapper->server.table, &at));) {
		json_t *left = m->is_static ? json_null() : json_integer((json_int_t)(m->ends_at_s - now_s(mapper)));

		json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o, s:o}",
						       "external", address_format(&m->external, external),
						       "subscriber", mapper->allowances[m->subscriber].name,
						       "internal", address_format(&m->internal, internal),
						       "left_s", left, "filters", filters_json(m)));
	}
	return array;
}
