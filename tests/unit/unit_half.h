/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of a session over sockets: bytes go in at in[0], the half moves them from in[1] to out[0], they come
 * out at out[1]. */
#ifndef BRAID_TESTS_UNIT_HALF_H
#define BRAID_TESTS_UNIT_HALF_H

#include "relay/half.h"
#include "unit_fds.h"

#define BUDGET_BYTES (256u << 10)
#define SCRATCH_BYTES (16u << 10)

struct fixture {
	struct half_tools tools;
	struct half half;
	int in[2], out[2];
	uint64_t n_in, n_out;
	size_t n_fds;
};

/* small: little room on the way out. */
static inline struct fixture *unit_half_begin(bool small)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->n_fds = unit_n_descriptors();
	unit_tcp_pair(f->in, false);
	unit_tcp_pair(f->out, small);
	f->tools = (struct half_tools){ .scratch = malloc(SCRATCH_BYTES), .n_scratch_bytes = SCRATCH_BYTES };
	f->half = (struct half){ .src_fd = f->in[1], .dst_fd = f->out[0], .readable = true, .writable = true };
	return f;
}

/* Whatever the test did, nothing stays behind. */
static inline int unit_half_end(void **state)
{
	struct fixture *f = *state;

	half_free(&f->half, &f->tools);
	assert_null(f->half.pipe);
	assert_null(f->half.residue);
	assert_int_equal(half_waiting_bytes(&f->half), 0);
	assert_int_equal(f->tools.n_held_bytes, 0);
	assert_int_equal(f->tools.pipes.n_lent, 0);
	pipes_close(&f->tools.pipes);
	assert_int_equal(f->tools.pipes.n_open, 0);
	for (int i = 0; i < 2; i++) {
		fd_closep(&f->in[i]);
		fd_closep(&f->out[i]);
	}
	assert_int_equal(unit_n_descriptors(), f->n_fds);
	free(f->tools.scratch);
	free(f);
	return 0;
}

/* As the relay would: both sides may be ready. */
static inline int unit_half_step_ready(struct fixture *f)
{
	f->half.readable = f->half.writable = true;
	return half_step(&f->half, &f->tools, BUDGET_BYTES);
}

#endif
