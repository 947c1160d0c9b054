/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/outcome.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include "net/socket.h"
#include "path/marks.h"

/* The kernel tells an errno; the codes are those of the ICMP messages that stand for them. */
static struct signalling_result unreachable(uint8_t v4_code, uint8_t v6_code, bool v6)
{
	return (struct signalling_result){ .outcome = OUTCOME_UNREACHABLE, .icmp_code = v6 ? v6_code : v4_code,
					   .icmp_v6 = v6 };
}

struct signalling_result outcome_of_error(int error, bool v6)
{
	switch (error) {
	case NET_E_REFUSED:
		return (struct signalling_result){ .outcome = OUTCOME_REFUSED };
	case NET_E_UNREACHABLE:
		return unreachable(ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH, v6);
	case NET_E_NO_ROUTE:
		return unreachable(ICMP_NET_UNREACH, ICMPV6_NOROUTE, v6);
	case NET_E_PROHIBITED:
		return unreachable(ICMP_PKT_FILTERED, ICMPV6_ADM_PROHIBITED, v6);
	case NET_E_TIMED_OUT:
		return (struct signalling_result){ .outcome = OUTCOME_TIMED_OUT };
	case NET_E_DESCRIPTORS:
	case NET_E_NO_PORT:
		return (struct signalling_result){ .outcome = OUTCOME_OVER_LIMIT, .retry_after_s = 1 };
	default:
		return (struct signalling_result){ .outcome = OUTCOME_NETWORK_FAILURE };
	}
}

struct signalling_result outcome_prohibited(bool v6)
{
	return unreachable(ICMP_PKT_FILTERED, ICMPV6_ADM_PROHIBITED, v6);
}

static unsigned int answer_of_code(uint8_t code, bool v6)
{
	if (v6)
		return code == ICMPV6_NOROUTE ? MARK_NO_ROUTE :
		code == ICMPV6_ADM_PROHIBITED || code == ICMPV6_POLICY_FAIL ? MARK_PROHIBITED : MARK_HOST_UNREACHABLE;
	switch (code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
		return MARK_NO_ROUTE;
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return MARK_PROHIBITED;
	default:
		return MARK_HOST_UNREACHABLE;
	}
}

unsigned int outcome_mark(const struct signalling_result *result, bool v6)
{
	switch (result->outcome) {
	case OUTCOME_REFUSED:
		return MARK_RESET;
	case OUTCOME_TIMED_OUT:
		return 0;
	case OUTCOME_UNREACHABLE:
		return answer_of_code(result->icmp_code, v6);
	default:
		return MARK_PASS;
	}
}
