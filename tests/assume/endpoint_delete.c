/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What path/ does when a link's carrier goes: it deletes the link's endpoint. And when the carrier is back: it adds the
 * endpoint again. Once with the link of the first subflow, once with that of the joined one; the sender at NEAR and at
 * FAR.
 */
#include "assume.h"

#include <stdio.h>

#define N_BYTES (1u << 20)

static bool can_send_no_more(struct assume_stream *s)
{
	return !assume_stream_send(s, 64u << 20);
}

/* Bytes in the queues of both subflows when the carrier goes: those of the dead one have to come over the other. */
static void lose(struct assume_stream *s, const char *what, unsigned int n)
{
	char text[96];

	assume_stream_run(s, s->n_sent + N_BYTES, s->n_sent + N_BYTES, what);
	assume_that(can_send_no_more(s), "%s: a socket takes 64 MB that nobody reads", what);
	assume_set_carrier(n, false);
	assume_endpoint_delete(n, false);
	snprintf(text, sizeof(text), "%s, after the deletion", what);
	assume_stream_run(s, s->n_sent + N_BYTES, s->n_sent + N_BYTES, text);
}

static void look(unsigned int n, bool far_sends)
{
	char what[64], again[96];
	struct assume_pair pair;
	struct assume_stream s = { 0 };

	snprintf(what, sizeof(what), "link of the %s subflow, %s sends", n ? "joined" : "first",
		 far_sends ? "the peer" : "our end");
	snprintf(again, sizeof(again), "%s, the endpoint added again", what);
	assume_endpoint_add(0, false, false);
	assume_endpoint_add(1, false, false);
	pair = assume_pair(false, true);
	assume_wait_subflows(pair.near_fd, 2, what);
	s.from_fd = far_sends ? pair.far_fd : pair.near_fd;
	s.to_fd = far_sends ? pair.near_fd : pair.far_fd;
	lose(&s, what, n);
	assume_that(assume_n_subflows(pair.near_fd) == 1, "%s: expected 1 subflow after the deletion, seen %zu", what,
		    assume_n_subflows(pair.near_fd));
	assume_set_carrier(n, true);
	assume_endpoint_add(n, false, false);
	assume_wait_subflows(pair.near_fd, 2, again);
	assume_stream_run(&s, s.n_sent + N_BYTES, s.n_sent + N_BYTES, again);
	assume_pair_close(&pair);
	assume_endpoint_delete(0, false);
	assume_endpoint_delete(1, false);
}

int main(void)
{
	assume_begin("deleting an endpoint moves its unacknowledged data to the other subflow, adding it again brings "
		     "a subflow",
		     "sessions hang or break when a link goes, or leave it unused when it is back");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(0);
	assume_route_from_link(1);
	assume_limits();
	for (unsigned int n = 0; n < 2; n++) {
		look(n, false);
		look(n, true);
	}
	return assume_holds();
}
