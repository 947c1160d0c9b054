/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signalling/scheme.h"

#include <assert.h>
#include <string.h>
#include "base/util.h"
#include "signalling/convert_parts.h"
#include "signalling/plain_mode_parts.h"
#include "signalling/socks5_parts.h"

static const uint8_t plain_mode_opening[] = { 0xfa, 0xa8, 0xfa, 0xa8 }, socks5_opening[] = { SOCKS5_VERSION };

const struct scheme scheme_convert = {
	.name = "convert",
	.tickets = true,
	.probes = true,
	.client_begin = convert_client_begin,
	.client_feed = convert_client_feed,
	.server_feed = convert_server_feed,
	.server_answer = convert_server_answer,
	.server_offer = convert_server_offer,
	.server_early = convert_server_early,
	.client_early = convert_client_early,
	.server_limited = convert_server_limited,
	.client_limited = convert_client_limited,
	.server_inbound = convert_server_inbound,
	.client_inbound = convert_client_inbound,
	.host_put = convert_host_put,
	.host_get = convert_host_get,
};

const struct scheme scheme_plain_mode = {
	.name = "plain",
	.opening = { plain_mode_opening, sizeof(plain_mode_opening) },
	.client_begin = plain_mode_client_begin,
	.client_feed = plain_mode_client_feed,
	.server_feed = plain_mode_server_feed,
	.server_answer = plain_mode_server_answer,
	.client_end = plain_mode_client_end,
};

const struct scheme scheme_socks5 = {
	.name = "socks5",
	.opening = { socks5_opening, sizeof(socks5_opening) },
	.probes = true,
	.tells_bound = true,
	.client_begin = socks5_client_begin,
	.client_feed = socks5_client_feed,
	.server_feed = socks5_server_feed,
	.server_admit = socks5_server_admit,
	.server_answer = socks5_server_answer,
};

static size_t say_nothing(struct conversation *c, const struct signalling_result *result, uint8_t *out)
{
	return 0;
}

const struct scheme scheme_route = {
	.name = "route",
	.mute = true,
	.server_answer = say_nothing,
};

static const char *const outcome_names[] = {
	"connected", "unsupported version", "malformed message", "unsupported message", "missing cookie",
	"not authorised", "left to the ordinary way",
	"unsupported TCP option", "resource exceeded", "network failure", "connection refused",
	"destination unreachable", "timed out",
};
static_assert(ARRAY_SIZE(outcome_names) == OUTCOME_N, "name every outcome");

enum signalling_verdict scheme_by_opening(const struct scheme *const *schemes, size_t n_schemes, struct bytes in,
					  const struct scheme **out)
{
	bool may_be = false;

	for (size_t i = 0; i < n_schemes; i++) {
		struct bytes opening = schemes[i]->opening;
		size_t n = in.n < opening.n ? in.n : opening.n;

		if (!n || memcmp(in.at, opening.at, n) != 0)
			continue;
		if (n == opening.n) {
			*out = schemes[i];
			return SIGNALLING_DONE;
		}
		may_be = true;
	}
	if (may_be || !in.n)
		return SIGNALLING_NEED_MORE;
	for (size_t i = 0; i < n_schemes; i++)
		if (!schemes[i]->opening.n) {
			*out = schemes[i];
			return SIGNALLING_DONE;
		}
	return SIGNALLING_REFUSED;
}

bool signalling_is_never_remote(const struct address *a)
{
	static const uint8_t loopback_v6[16] = { [15] = 1 };

	if (address_is_v4(a))
		return a->ip[12] == 127 || a->ip[12] >= 224;   /* 240/4 and 255.255.255.255 with it */
	return a->ip[0] == 0xff || !memcmp(a->ip, loopback_v6, sizeof(loopback_v6));
}

bool signalling_tells_by_reset(enum signalling_outcome outcome)
{
	return outcome == OUTCOME_REFUSED;
}

const char *signalling_outcome_name(enum signalling_outcome outcome)
{
	return (unsigned int)outcome < OUTCOME_N ? outcome_names[outcome] : "unknown";
}
