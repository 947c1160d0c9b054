/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/schemes.h"

#include <assert.h>
#include "base/util.h"

static const struct scheme *const schemes[] = {
	[CONF_SIGNALLING_CONVERT] = &scheme_convert,
	[CONF_SIGNALLING_PLAIN] = &scheme_plain_mode,
	[CONF_SIGNALLING_ROUTE] = &scheme_route,
};
static_assert(ARRAY_SIZE(schemes) == CONF_SIGNALLING_N, "each has its scheme");

const struct scheme *scheme_of_conf(uint32_t signalling)
{
	return schemes[signalling];
}

size_t schemes_of_conf(uint32_t set, const struct scheme *out[CONF_SIGNALLING_N])
{
	size_t n = 0;

	for (size_t i = 0; i < CONF_SIGNALLING_N; i++)
		if (set & 1u << i)
			out[n++] = schemes[i];
	return n;
}
