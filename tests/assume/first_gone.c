/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_set_silent() of path/path.c: of the first subflow, on a link that has gone silent, the peer hears at the
 * latest by a second deletion, of its address, that has the id 0. */
#include "assume.h"

#include <string.h>
#include "base/util.h"

static void delete_first(unsigned int n)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	struct mptcp_pm_endpoint endpoint = { .ip = assume_address(ASSUME_NEAR, n, false, 0) };
	int r;

	assume_in(ASSUME_NEAR);
	assume_that(!mptcp_pm_open(&pm), "no MPTCP path manager");
	r = mptcp_pm_delete(pm, &endpoint);
	assume_that(!r, "deleting the id 0: %s", strerror(-r));
}

static bool far_has_one(void *context)
{
	return assume_n_subflows(*(const int *)context) == 1;
}

static void look(unsigned int n)
{
	const char *what = n ? "the joined subflow's link" : "the first subflow's link";
	struct assume_pair pair;

	assume_endpoint_add(0, false, false);
	assume_endpoint_add(1, false, false);
	pair = assume_pair(false, true);
	assume_wait_subflows(pair.near_fd, 2, what);
	assume_wait_subflows(pair.far_fd, 2, what);
	assume_set_silence(n, true);
	assume_endpoint_delete(n, false);
	delete_first(n);
	assume_that(assume_wait(far_has_one, &pair.far_fd),
		    "%s is silent: the peer has not heard that its subflow is gone", what);
	assume_that(assume_n_subflows(pair.near_fd) == 1, "%s: expected 1 subflow to be left, seen %zu", what,
		    assume_n_subflows(pair.near_fd));
	assume_set_silence(n, false);
	assume_endpoint_add(n, false, false);
	assume_wait_subflows(pair.near_fd, 2, "the endpoint added again");
	assume_wait_subflows(pair.far_fd, 2, "the endpoint added again");
	assume_pair_close(&pair);
	assume_endpoint_delete(0, false);
	assume_endpoint_delete(1, false);
}

int main(void)
{
	assume_begin("of a subflow whose link is silent the peer hears when its endpoint is deleted, of the first one "
		     "when its address is deleted as id 0 afterwards",
		     "what is sent to us goes on over a silent link until its sender finds out");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(0);
	assume_route_from_link(1);
	assume_limits();
	look(1);
	look(0);
	return assume_holds();
}
