/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/upstreams_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "role/log.h"

/* A list on its way to being the list. */
struct change {
	struct upstreams *all;
	struct upstreams_member *members[CONVERTERS_MOST];
	size_t from[CONVERTERS_MOST];   /* where it is in the old one; CONVERTERS_NONE: it is new */
	size_t n, n_left_out;
};

static size_t find(const struct upstreams *all, const struct conf_upstream *at, bool provisioned)
{
	for (size_t i = 0; i < all->n; i++)
		if (upstream_is(all->members[i]->upstream, at, provisioned))
			return i;
	return CONVERTERS_NONE;
}

/* An address that is there already, be it that two links' DHCP tell of the same converter. */
static bool has_address(const struct change *change, const struct conf_upstream *at)
{
	for (size_t i = 0; i < change->n; i++)
		for (size_t j = 0; j < at->n_converter; j++) {
			const struct conf_upstream *other = &change->members[i]->upstream->at;

			if (address_among(other->converter, other->n_converter, &at->converter[j]))
				return true;
		}
	return false;
}

static int add(struct change *change, const char *name, const struct conf_upstream *at, bool provisioned, size_t source)
{
	size_t i = find(change->all, at, provisioned);
	struct upstream *upstream;
	int r;

	if (has_address(change, at))
		return 0;
	if (change->n == CONVERTERS_MOST) {
		change->n_left_out++;
		return 0;
	}
	change->from[change->n] = i;
	if (i != CONVERTERS_NONE) {
		upstream_set_name(change->all->members[i]->upstream, name);
		change->all->members[i]->source = source;
		change->members[change->n++] = change->all->members[i];
		return 0;
	}
	upstream = upstream_new(name, at, provisioned);
	if (!upstream)
		return -ENOMEM;
	r = upstreams_member_new(change->all, upstream, source, &change->members[change->n]);
	upstream_unref(upstream);
	change->n += !r;
	return r;
}

/* No word of DHCP's says who we are there: we are who [gateway] says. */
static int add_provision(struct change *change, const struct conf *conf, size_t link,
			 const struct provisions_converter *converter, size_t source)
{
	struct conf_upstream at = { .has_key = conf->gateway.has_key, .n_converter = converter->n };
	char name[UPSTREAM_NAME_BYTES];

	memcpy(at.key, conf->gateway.key, sizeof(at.key));
	memcpy(at.converter, converter->addresses, sizeof(at.converter));
	for (size_t i = 0; i < at.n_converter; i++)
		at.converter[i].port = CONF_PORT_CONVERT;
	snprintf(name, sizeof(name), "%s's DHCP", conf->links[link].name);
	return add(change, name, &at, true, source);
}

static int add_provisions(struct change *change, const struct conf *conf)
{
	int r = 0;

	for (size_t source = 0; source < UPSTREAMS_DHCP(conf->n_links, 0); source++) {
		const struct provisions_one *one = &change->all->provisions.each[source];
		size_t link = source / 2;

		for (size_t i = 0; conf->links[link].dhcp && i < one->n && !r; i++)
			r = add_provision(change, conf, link, &one->converters[i], source);
	}
	return r;
}

static int add_all(struct change *change, const struct conf *conf)
{
	int r = 0;

	for (size_t i = 0; i < conf->n_upstreams && !r; i++)
		r = add(change, conf->upstreams[i].name[0] ? conf->upstreams[i].name : "gateway.converter",
			&conf->upstreams[i], false, 0);
	return !r && conf->gateway.dhcp ? add_provisions(change, conf) : r;
}

static void forget_new(struct change *change)
{
	for (size_t i = 0; i < change->n; i++)
		if (change->from[i] == CONVERTERS_NONE)
			upstreams_member_freep(&change->members[i]);
}

static bool stays(const struct change *change, size_t i)
{
	for (size_t j = 0; j < change->n; j++)
		if (change->from[j] == i)
			return true;
	return false;
}

static void leave(struct upstreams *all, struct upstreams_member **member)
{
	const struct conf_upstream *at = &(*member)->upstream->at;

	for (size_t i = 0; i < at->n_converter; i++)
		all->former[all->n_former++ % UPSTREAMS_FORMER] = at->converter[i];
	upstreams_member_freep(member);
}

int upstreams_list(struct upstreams *all, const struct conf *conf)
{
	struct change change = { .all = all };
	int r = add_all(&change, conf);

	if (r) {
		forget_new(&change);
		return r;
	}
	if (change.n_left_out)
		log_warning("there are %zu converters more than the %d that can be used: the last ones aren't",
			    change.n_left_out, CONVERTERS_MOST);
	for (size_t i = 0; i < all->n; i++)
		if (!stays(&change, i))
			leave(all, &all->members[i]);
	memcpy(all->members, change.members, sizeof(all->members));
	all->n = change.n;
	all->told = false;
	converters_rearrange(&all->policy, change.from, change.n, loop_now_us(all->loop));
	return 0;
}

/* A list of addresses while it grows. */
struct growing {
	struct address *at;
	size_t n, n_most;
};

static void put(struct growing *list, const struct address *addresses, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n && list->n < list->n_most; i++) {
		struct address address = addresses[i];

		address.port = port ? port : address.port;
		if (!address_among(list->at, list->n, &address))
			list->at[list->n++] = address;
	}
}

size_t upstreams_addresses(const struct upstreams *all, struct address *out, size_t n_out)
{
	struct growing list = { .at = out, .n_most = n_out };

	for (size_t i = 0; i < all->n; i++)
		put(&list, all->members[i]->upstream->at.converter, all->members[i]->upstream->at.n_converter, 0);
	for (size_t i = 0; i < PROVISIONS_SOURCES; i++)
		for (size_t j = 0; j < all->provisions.each[i].n; j++)
			put(&list, all->provisions.each[i].converters[j].addresses,
			    all->provisions.each[i].converters[j].n, CONF_PORT_CONVERT);
	put(&list, all->former, size_min(all->n_former, UPSTREAMS_FORMER), 0);
	return list.n;
}
