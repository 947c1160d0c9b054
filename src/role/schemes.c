/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/schemes.h"

#include <assert.h>
#include <string.h>
#include "base/util.h"

static const struct scheme *const schemes[] = {
	[CONF_SIGNALLING_CONVERT] = &scheme_convert,
	[CONF_SIGNALLING_PLAIN] = &scheme_plain_mode,
	[CONF_SIGNALLING_SOCKS5] = &scheme_socks5,
	[CONF_SIGNALLING_ROUTE] = &scheme_route,
};
static_assert(CONF_LOGIN_BYTES == SIGNALLING_LOGIN_BYTES + 1, "a login fits");
static_assert(ARRAY_SIZE(schemes) == CONF_SIGNALLING_N, "each has its scheme");

const struct scheme *scheme_of_conf(uint32_t signalling)
{
	return schemes[signalling];
}

const struct scheme *scheme_of_watch(uint32_t signalling)
{
	return schemes[signalling]->probes ? schemes[signalling] : &scheme_convert;
}

void schemes_put_login(const struct conf_gateway *conf, const struct conf_upstream *upstream, bool kin,
		       struct signalling_request *request)
{
	request->n_user = (uint8_t)strlen(upstream->user);
	request->n_password = (uint8_t)strlen(upstream->password);
	memcpy(request->user, upstream->user, request->n_user);
	memcpy(request->password, upstream->password, request->n_password);
	request->pipelined = conf->pipelined == CONF_PIPELINED_YES || (conf->pipelined == CONF_PIPELINED_AUTO && kin);
}

size_t schemes_of_conf(uint32_t set, const struct scheme *out[CONF_SIGNALLING_N])
{
	size_t n = 0;

	for (size_t i = 0; i < CONF_SIGNALLING_N; i++)
		if (set & 1u << i)
			out[n++] = schemes[i];
	return n;
}
