/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that a converter takes on their way: from whom, for whom, and where they are joined; and where others
 * are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "conf/check.h"
#include "policy/admit.h"
#include "policy/owners.h"

static bool holds(const struct prefix *p, const struct prefix *other)
{
	struct address first = { 0 };

	memcpy(first.ip, other->ip, sizeof(first.ip));
	return p->n_bits <= other->n_bits && prefix_contains(p, &first);
}

static bool any_holds(const struct prefix *list, size_t n, const struct prefix *other)
{
	for (size_t i = 0; i < n; i++)
		if (holds(&list[i], other))
			return true;
	return false;
}

static bool is_served(const struct conf *conf, const struct prefix *clients)
{
	if (any_holds(conf->converter.allow, conf->converter.n_allow, clients))
		return true;
	for (size_t i = 0; i < conf->n_subscribers; i++)
		if (any_holds(conf->subscribers[i].clients, conf->subscribers[i].n_clients, clients))
			return true;
	return false;
}

static bool any_unreachable(const struct address *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct address with_port = list[i];

		with_port.port = 1;
		if (admit_is_no_peer(&with_port))
			return true;
	}
	return false;
}

/* Of one that was asked for by one family Linux takes subflows by the other where the socket that listens is of
 * IPv6. NULL when it is fine. */
static const char *check_announced(const struct conf_converter *conf)
{
	bool takes_both = false;

	if (!conf->n_announce)
		return NULL;
	if (conf->n_announce == 1 || address_is_v4(&conf->announce[0]) == address_is_v4(&conf->announce[1]))
		return "converter.announce wants two addresses, one of each family: with one there is nothing to be "
		       "told";
	if (any_unreachable(conf->announce, conf->n_announce))
		return "converter.announce has an address that other machines can't connect to";
	for (size_t i = 0; i < conf->n_listen; i++)
		takes_both |= address_is_unspecified(&conf->listen[i]) && !address_is_v4(&conf->listen[i]);
	return takes_both ? NULL :
	       "converter.announce wants [::] in converter.listen: one that listens for both families";
}

/* NULL when it is fine. */
static const char *check_joins(const struct conf_converter *conf)
{
	if (conf->signalling & 1u << CONF_SIGNALLING_ROUTE)
		return "converter.signalling: route comes to no listener; name the clients in converter.intercept";
	if (!conf->n_intercept)
		return conf->n_intercept_join ?
		"converter.intercept_join says where connections are joined, and converter.intercept says of none that "
		"they are taken" : NULL;
	if (!conf->n_intercept_join)
		return "converter.intercept wants converter.intercept_join: an address of this machine, by which "
		       "clients' other links join";
	if (conf->n_intercept_join == 2 &&
	    address_is_v4(&conf->intercept_join[0]) == address_is_v4(&conf->intercept_join[1]))
		return "converter.intercept_join has two addresses of one family, wanted one of each at most";
	if (any_unreachable(conf->intercept_join, conf->n_intercept_join))
		return "converter.intercept_join has an address that other machines can't connect to";
	for (size_t i = 0; i < conf->n_listen; i++)
		if (conf->listen[i].port == conf->intercept_join_port || conf->listen[i].port == conf->intercept_port)
			return "converter.intercept_port and converter.intercept_join_port must be other ports than "
			       "those of converter.listen";
	return conf->intercept_port == conf->intercept_join_port ?
	       "converter.intercept_port and converter.intercept_join_port are the same" : NULL;
}

static int fail(struct conf_error *error, const char *file, const char *before, const struct prefix *prefix,
		const char *what)
{
	char text[ADDRESS_TEXT_BYTES];

	snprintf(error->text, sizeof(error->text), "%s: %s%s%s", file, before, prefix_format(prefix, text), what);
	return CONF_E_INVALID;
}

static int check_once(const struct conf *conf, struct conf_error *error, const char *file)
{
	_cleanup_(freep) struct owned *list = calloc(conf->converter.n_intercept + 1, sizeof(*list));
	const struct owned *twice;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->converter.n_intercept; i++)
		list[i] = (struct owned){ .prefix = conf->converter.intercept[i] };
	owners_sort(list, conf->converter.n_intercept);
	twice = owners_overlap(list, conf->converter.n_intercept);
	return twice ? fail(error, file, "converter.intercept: ", &twice->prefix,
			    " is in another of its prefixes already") : 0;
}

/* Of all subscribers together. */
static int check_clients(const struct conf *conf, struct conf_error *error, const char *file)
{
	_cleanup_(freep) struct owned *list = NULL;
	const struct owned *twice;
	size_t n = 0;

	for (size_t i = 0; i < conf->n_subscribers; i++)
		n += conf->subscribers[i].n_clients;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (uint32_t i = 0; i < conf->n_subscribers; i++)
		for (size_t j = 0; j < conf->subscribers[i].n_clients; j++)
			list[n++] = (struct owned){ .prefix = conf->subscribers[i].clients[j], .owner = i };
	owners_sort(list, n);
	twice = owners_overlap(list, n);
	if (!twice)
		return 0;
	snprintf(error->text, sizeof(error->text),
		 "%s: subscriber %s has clients that are in another prefix of clients already, of subscriber %s", file,
		 conf->subscribers[twice->owner].name, conf->subscribers[twice[-1].owner].name);
	return CONF_E_INVALID;
}

int conf_check_intercept(const struct conf *conf, struct conf_error *error, const char *file)
{
	const char *wrong = check_joins(&conf->converter);
	int r;

	if (!wrong)
		wrong = check_announced(&conf->converter);
	if (wrong) {
		snprintf(error->text, sizeof(error->text), "%s: %s", file, wrong);
		return CONF_E_INVALID;
	}
	for (size_t i = 0; i < conf->converter.n_intercept; i++)
		if (!is_served(conf, &conf->converter.intercept[i]))
			return fail(error, file, "converter.intercept: ", &conf->converter.intercept[i],
				    " is in no prefix of converter.allow, and of no subscriber's clients: whoever "
				    "comes from there is nobody's");
	r = check_once(conf, error, file);
	return r ? r : check_clients(conf, error, file);
}
