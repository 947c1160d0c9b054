/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/upstream.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void upstream_set_name(struct upstream *upstream, const char *name)
{
	snprintf(upstream->name, sizeof(upstream->name), "%s", name);
}

struct upstream *upstream_new(const char *name, const struct conf_upstream *at, bool provisioned)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream)
		return NULL;
	upstream->n_refs = 1;
	upstream->provisioned = provisioned;
	upstream->at = *at;
	upstream_set_name(upstream, name);
	return upstream;
}

struct upstream *upstream_ref(struct upstream *upstream)
{
	if (upstream)
		__atomic_add_fetch(&upstream->n_refs, 1, __ATOMIC_RELAXED);
	return upstream;
}

void upstream_unref(struct upstream *upstream)
{
	if (upstream && !__atomic_sub_fetch(&upstream->n_refs, 1, __ATOMIC_ACQ_REL))
		free(upstream);
}

bool upstream_is(const struct upstream *upstream, const struct conf_upstream *at, bool provisioned)
{
	const struct conf_upstream *own = &upstream->at;

	if (upstream->provisioned != provisioned || own->n_converter != at->n_converter || own->has_key != at->has_key)
		return false;
	for (size_t i = 0; i < at->n_converter; i++)
		if (!address_equal(&own->converter[i], &at->converter[i]))
			return false;
	return !sodium_memcmp(own->key, at->key, sizeof(own->key)) && !strcmp(own->user, at->user) &&
	       !strcmp(own->password, at->password);
}

bool upstream_must_prove(const struct upstream *upstream)
{
	return upstream->provisioned && upstream->at.has_key;
}
