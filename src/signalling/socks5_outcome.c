/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Outcomes and SOCKS5's replies (RFC 1928, 6), both ways: the table stands in doc/wire.md. */
#include "signalling/socks5_parts.h"

/* Of ICMP (RFC 792, RFC 1122, RFC 1812) and ICMPv6 (RFC 4443). */
enum { V4_NETWORK = 0, V4_HOST = 1, V4_NETWORK_UNKNOWN = 6, V4_NETWORK_PROHIBITED = 9, V4_HOST_PROHIBITED = 10,
       V4_PROHIBITED = 13 };
enum { V6_NO_ROUTE = 0, V6_PROHIBITED = 1, V6_ADDRESS = 3, V6_POLICY = 5, V6_REJECT_ROUTE = 6 };

/* Who is turned away by somebody on the way is told that he is not allowed: it is the nearest word, and a gateway
 * then lets a host find out by the ordinary way. */
static uint8_t reply_of_v4(uint8_t code)
{
	switch (code) {
	case V4_NETWORK:
	case V4_NETWORK_UNKNOWN:
		return SOCKS5_NETWORK_UNREACHABLE;
	case V4_NETWORK_PROHIBITED:
	case V4_HOST_PROHIBITED:
	case V4_PROHIBITED:
		return SOCKS5_NOT_ALLOWED;
	default:
		return SOCKS5_HOST_UNREACHABLE;
	}
}

static uint8_t reply_of_v6(uint8_t code)
{
	switch (code) {
	case V6_NO_ROUTE:
		return SOCKS5_NETWORK_UNREACHABLE;
	case V6_PROHIBITED:
	case V6_POLICY:
	case V6_REJECT_ROUTE:
		return SOCKS5_NOT_ALLOWED;
	default:
		return SOCKS5_HOST_UNREACHABLE;
	}
}

uint8_t socks5_reply_of(const struct signalling_result *result)
{
	switch (result->outcome) {
	case OUTCOME_CONNECTED:
		return SOCKS5_SUCCEEDED;
	case OUTCOME_UNSUPPORTED_MESSAGE:
	case OUTCOME_UNSUPPORTED_OPTION:
		return SOCKS5_UNKNOWN_COMMAND;
	case OUTCOME_MISSING_CREDENTIAL:
	case OUTCOME_NOT_AUTHORISED:
	case OUTCOME_BYPASSED:
		return SOCKS5_NOT_ALLOWED;
	case OUTCOME_REFUSED:
		return SOCKS5_REFUSED;
	case OUTCOME_UNREACHABLE:
		return result->icmp_v6 ? reply_of_v6(result->icmp_code) : reply_of_v4(result->icmp_code);
	case OUTCOME_TIMED_OUT:
		return SOCKS5_TTL_EXPIRED;   /* as other servers say it: there is no other code for silence */
	case OUTCOME_BAD_VERSION:
	case OUTCOME_MALFORMED:
	case OUTCOME_OVER_LIMIT:
	case OUTCOME_NETWORK_FAILURE:
	case OUTCOME_N:
		break;
	}
	return SOCKS5_FAILURE;
}

struct signalling_result socks5_result_of(uint8_t reply, bool v6)
{
	struct signalling_result result = { .outcome = OUTCOME_NETWORK_FAILURE, .window_scale = 0xff };

	switch (reply) {
	case SOCKS5_SUCCEEDED:
		result.outcome = OUTCOME_CONNECTED;
		break;
	case SOCKS5_NOT_ALLOWED:   /* this destination: others may be */
		result.outcome = OUTCOME_BYPASSED;
		break;
	case SOCKS5_NETWORK_UNREACHABLE:
		result.outcome = OUTCOME_UNREACHABLE;
		result.icmp_code = v6 ? V6_NO_ROUTE : V4_NETWORK;
		break;
	case SOCKS5_HOST_UNREACHABLE:
		result.outcome = OUTCOME_UNREACHABLE;
		result.icmp_code = v6 ? V6_ADDRESS : V4_HOST;
		break;
	case SOCKS5_REFUSED:
		result.outcome = OUTCOME_REFUSED;
		break;
	case SOCKS5_TTL_EXPIRED:
		result.outcome = OUTCOME_TIMED_OUT;
		break;
	case SOCKS5_UNKNOWN_COMMAND:
	case SOCKS5_UNKNOWN_ADDRESS_TYPE:
		result.outcome = OUTCOME_UNSUPPORTED_MESSAGE;
		break;
	default:   /* 1, and what isn't assigned */
		break;
	}
	return result;
}
