/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct pipe *open_pipe(void)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2], room;

	if (!pipe || pipe2(fds, O_NONBLOCK | O_CLOEXEC)) {
		free(pipe);
		return NULL;
	}
	room = fcntl(fds[1], F_SETPIPE_SZ, PIPE_WANTED_BYTES);
	if (room < 0)
		room = fcntl(fds[1], F_GETPIPE_SZ);
	*pipe = (struct pipe){ .read_fd = fds[0], .write_fd = fds[1], .n_room_bytes = room > 0 ? (size_t)room : 4096 };
	return pipe;
}

int pipes_lend(struct pipe_pool *pool, struct pipe **out)
{
	struct pipe *pipe = pool->idle;

	if (pipe) {
		pool->idle = pipe->next;
	} else {
		if (pool->n_open >= pool->n_most)
			return PIPES_E_NONE;
		pipe = open_pipe();
		if (!pipe)
			return PIPES_E_NONE;
		pool->n_open++;
		pool->n_made++;
	}
	pipe->next = NULL;
	pool->n_lent++;
	*out = pipe;
	return 0;
}

void pipes_return(struct pipe_pool *pool, struct pipe *pipe)
{
	pool->n_lent--;
	pipe->next = pool->idle;
	pool->idle = pipe;
}

static void close_pipe(struct pipe *pipe)
{
	close(pipe->read_fd);
	close(pipe->write_fd);
	free(pipe);
}

void pipes_discard(struct pipe_pool *pool, struct pipe *pipe)
{
	pool->n_lent--;
	pool->n_open--;
	close_pipe(pipe);
}

void pipes_close(struct pipe_pool *pool)
{
	while (pool->idle) {
		struct pipe *next = pool->idle->next;

		close_pipe(pool->idle);
		pool->idle = next;
		pool->n_open--;
	}
}
