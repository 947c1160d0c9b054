/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link that goes silent with its carrier on: nobody tells path/, the kernel alone moves the data (stale_loss_cnt
 * of path/settings.c). */
#include "assume.h"

#include <stdio.h>
#include "net/sysctl.h"

#define N_BYTES (1u << 20)

static void look(unsigned int n, bool far_sends)
{
	struct assume_pair pair;
	struct assume_stream s = { 0 };
	char what[64];

	snprintf(what, sizeof(what), "link of the %s subflow, %s sends", n ? "joined" : "first",
		 far_sends ? "the peer" : "our end");
	pair = assume_pair(false, true);
	assume_wait_subflows(pair.near_fd, 2, what);
	s.from_fd = far_sends ? pair.far_fd : pair.near_fd;
	s.to_fd = far_sends ? pair.near_fd : pair.far_fd;
	assume_stream_run(&s, N_BYTES, N_BYTES, what);
	assume_set_silence(n, true);
	assume_stream_run(&s, 3 * N_BYTES, 3 * N_BYTES, what);
	assume_set_silence(n, false);
	assume_pair_close(&pair);
}

int main(void)
{
	static const enum assume_place places[] = { ASSUME_FAR, ASSUME_NEAR };

	assume_begin("a link that goes silent is left for another, with stale_loss_cnt at 1",
		     "sessions hang while one of their links is silent");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	for (size_t i = 0; i < 2; i++) {
		assume_in(places[i]);
		assume_sysctl("net/mptcp/stale_loss_cnt", "1");
	}
	assume_limits();
	assume_endpoint_add(1, false, false);
	for (unsigned int n = 0; n < 2; n++) {
		look(n, false);
		look(n, true);
	}
	return assume_holds();
}
