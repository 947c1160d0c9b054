/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pipes for splice, lent to halves while bulk data flows and given back when it doesn't. One pool a worker. */
#ifndef BRAID_RELAY_PIPES_H
#define BRAID_RELAY_PIPES_H

#include <stddef.h>
#include <stdint.h>

#define PIPE_WANTED_BYTES (1u << 20)   /* fs.pipe-max-size and fs.pipe-user-pages-soft may give less */

struct pipe {
	struct pipe *next;       /* in the pool */
	int read_fd, write_fd;
	size_t n_room_bytes;
};

struct pipe_pool {
	struct pipe *idle;
	uint32_t n_open;         /* lent and idle ones */
	uint32_t n_lent;
	uint32_t n_most;
	uint64_t n_made;         /* ever */
};

enum { PIPES_E_NONE = 1 };       /* all lent, or out of descriptors: go on without */

int pipes_lend(struct pipe_pool *pool, struct pipe **out);     /* 0 or PIPES_E_NONE */
/* Must be empty. One that isn't (its half was reset) goes to pipes_discard(). */
void pipes_return(struct pipe_pool *pool, struct pipe *pipe);
void pipes_discard(struct pipe_pool *pool, struct pipe *pipe);
void pipes_close(struct pipe_pool *pool);                      /* the idle ones */

#endif
