/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MPTCP_PM_MOST of net/mptcp_pm.h. */
#include "assume.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "base/util.h"

int main(void)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	struct mptcp_pm_limits limits;
	int r;

	assume_begin("the path manager takes limits of 8 and 8 endpoints, and refuses the next with ERANGE",
		     "links beyond the kernel's number are not told, or fewer can be had");
	assume_limits();
	assume_in(ASSUME_NEAR);
	assume_that(!mptcp_pm_open(&pm), "no MPTCP path manager");
	assume_that(!mptcp_pm_get_limits(pm, &limits) && limits.subflows == MPTCP_PM_MOST &&
		    limits.add_addr_accepted == MPTCP_PM_MOST,
		    "expected limits of 8 and 8, seen %u and %u", limits.subflows, limits.add_addr_accepted);
	for (uint32_t i = 1; i <= MPTCP_PM_MOST + 1; i++) {
		struct mptcp_pm_endpoint endpoint = { .id = (uint8_t)(100 + i), .flags = MPTCP_PM_SUBFLOW,
						      .ip = address_from_v4(htonl(10u << 24 | i), 0) };

		r = mptcp_pm_add(pm, &endpoint);
		assume_that(i > MPTCP_PM_MOST ? r == -ERANGE : !r, "endpoint %u: %s", i, strerror(-r));
	}
	return assume_holds();
}
