/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses servers see: what fits together within a subscriber's section, and that no address is two
 * parties'. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "conf/check.h"

struct check {
	const struct conf *conf;
	struct conf_error *error;
	const char *file;
};

static int fail(const struct check *check, const struct conf_subscriber *subscriber, const char *what, const char *name)
{
	snprintf(check->error->text, sizeof(check->error->text), "%s: subscriber %s%s%s", check->file, subscriber->name,
		 what, name);
	return CONF_E_INVALID;
}

/* NULL when the section fits together. */
static const char *section_fault(const struct source_settings *source)
{
	if (source->mode == SOURCE_SHARED && (source->has_address || source->has_prefix))
		return " has an address or a prefix of its own, which address_mode = shared doesn't use; set preserve "
		       "or prefix";
	if (source->mode == SOURCE_PRESERVE && (!source->has_address || source->has_prefix))
		return ": address_mode = preserve wants 'address', and no 'prefix'";
	if (source->mode == SOURCE_PREFIX && !source->has_prefix)
		return ": address_mode = prefix wants 'prefix', and takes 'address' for IPv4 destinations";
	if (source->has_address && !source_address_is_usable(&source->address))
		return ": its address is loopback, link-local, multicast or reserved, and no source in any network";
	if (source->has_prefix && !source_prefix_is_usable(&source->prefix))
		return ": its prefix has link-local, multicast, mapped or reserved addresses";
	return NULL;
}

static bool is_its_own(const struct source_settings *source, const struct address *address)
{
	return (source->has_address && address_equal_ip(&source->address, address)) ||
	       (source->has_prefix && prefix_contains(&source->prefix, address));
}

static const char *clash(const struct conf_converter *conf, const struct source_settings *source)
{
	for (size_t i = 0; i < conf->n_listen; i++)
		if (is_its_own(source, &conf->listen[i]))
			return ": the converter itself listens on an address of its own";
	for (size_t i = 0; i < conf->n_pool; i++)
		if (is_its_own(source, &conf->pool[i]))
			return ": an address of its own is in converter.pool, which others share";
	return NULL;
}

static int check_sections(const struct check *check)
{
	for (size_t i = 0; i < check->conf->n_subscribers; i++) {
		const struct conf_subscriber *subscriber = &check->conf->subscribers[i];
		const char *fault = section_fault(&subscriber->source);

		if (!fault)
			fault = clash(&check->conf->converter, &subscriber->source);
		if (fault)
			return fail(check, subscriber, fault, "");
	}
	return 0;
}

static int order_of_addresses(const void *a, const void *b)
{
	const struct conf_subscriber *const *one = a, *const *other = b;

	return memcmp((*one)->source.address.ip, (*other)->source.address.ip, sizeof((*one)->source.address.ip));
}

/* The wider one first where two begin alike, so that what one holds stands behind it. */
static int order_of_prefixes(const void *a, const void *b)
{
	const struct prefix *one = &(*(const struct conf_subscriber *const *)a)->source.prefix,
			    *other = &(*(const struct conf_subscriber *const *)b)->source.prefix;
	int order = memcmp(one->ip, other->ip, sizeof(one->ip));

	return order ? order : one->n_bits - other->n_bits;
}

/* Sorted, for there may be tens of thousands. Prefixes hold each other or have nothing in common: if one holds
 * another, it holds the next in the order. */
static int check_each_once(const struct check *check, const struct conf_subscriber **sorted)
{
	size_t n = 0;

	for (size_t i = 0; i < check->conf->n_subscribers; i++)
		if (check->conf->subscribers[i].source.has_address)
			sorted[n++] = &check->conf->subscribers[i];
	qsort(sorted, n, sizeof(*sorted), order_of_addresses);
	for (size_t i = 1; i < n; i++)
		if (!order_of_addresses(&sorted[i - 1], &sorted[i]))
			return fail(check, sorted[i], " has the same address as subscriber ", sorted[i - 1]->name);
	n = 0;
	for (size_t i = 0; i < check->conf->n_subscribers; i++)
		if (check->conf->subscribers[i].source.has_prefix)
			sorted[n++] = &check->conf->subscribers[i];
	qsort(sorted, n, sizeof(*sorted), order_of_prefixes);
	for (size_t i = 1; i < n; i++)
		if (source_prefixes_overlap(&sorted[i - 1]->source.prefix, &sorted[i]->source.prefix))
			return fail(check, sorted[i], " has a prefix that overlaps with that of subscriber ",
				    sorted[i - 1]->name);
	return 0;
}

int conf_check_addresses(const struct conf *conf, struct conf_error *error, const char *file)
{
	struct check check = { conf, error, file };
	_cleanup_(freep) const struct conf_subscriber **sorted = calloc(conf->n_subscribers + 1, sizeof(*sorted));
	int r = sorted ? check_sections(&check) : -ENOMEM;
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < conf->converter.n_pool && !r; i++) {
		if (source_address_is_usable(&conf->converter.pool[i]))
			continue;
		snprintf(error->text, sizeof(error->text),
			 "%s: converter.pool: %s is loopback, link-local, multicast or reserved", file,
			 address_format(&conf->converter.pool[i], text));
		r = CONF_E_INVALID;
	}
	return r ? r : check_each_once(&check, sorted);
}
