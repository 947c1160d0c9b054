/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listener a worker on one address (role/worker.c), closed and opened again one by one (role/listener.c). */
#include "assume.h"

#include <poll.h>
#include <unistd.h>

#define LISTENERS 4
#define CONNECTIONS 128   /* chance of a listener with none, were they spread evenly: 4 x 0.75^128, 10^-15 */

static void connect_all(int *near_fds)
{
	struct net_connect_options options = { .mptcp = true };
	size_t n_sent;

	for (size_t i = 0; i < CONNECTIONS; i++)
		near_fds[i] = assume_connect_begin(false, options, &n_sent);
	for (size_t i = 0; i < CONNECTIONS; i++)
		assume_wait_connected(near_fds[i]);
}

static size_t take_all(int listener_fd)
{
	struct address peer;
	size_t n = 0;
	int fd;

	for (; !net_accept(listener_fd, &fd, &peer); n++) {
		assume_that(!mptcp_info_fell_back(fd), "an accepted connection is plain TCP");
		close(fd);
	}
	return n;
}

struct count {
	int fds[LISTENERS];
	size_t n[LISTENERS], n_all;
};

static bool all_came(void *context)
{
	struct count *count = context;

	for (size_t i = 0; i < LISTENERS; i++) {
		size_t n = count->fds[i] >= 0 ? take_all(count->fds[i]) : 0;

		count->n[i] += n;
		count->n_all += n;
	}
	return count->n_all == CONNECTIONS;
}

static void look(struct count *count, const char *what)
{
	int near_fds[CONNECTIONS];

	count->n_all = 0;
	connect_all(near_fds);
	assume_that(assume_wait(all_came, count), "%s: %d connections made, %zu accepted", what, CONNECTIONS,
		    count->n_all);
	for (size_t i = 0; i < LISTENERS; i++)
		assume_that(count->fds[i] < 0 || count->n[i], "%s: %zu, %zu, %zu and %zu connections at the listeners",
			    what, count->n[0], count->n[1], count->n[2], count->n[3]);
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(near_fds[i]);
}

int main(void)
{
	struct net_listen_options options = { .mptcp = true, .fastopen_queue = 16 };
	struct count count = { 0 };

	assume_begin("SO_REUSEPORT spreads connections over MPTCP listeners of one address, also after one of them was "
		     "closed",
		     "one worker does the work of all, or connections get lost");
	assume_make_link(0);
	for (size_t i = 0; i < LISTENERS; i++)
		count.fds[i] = assume_listen(false, &options);
	look(&count, "four listeners");
	close(count.fds[1]);
	count.fds[1] = -1;
	count.n[0] = count.n[2] = count.n[3] = 0;
	look(&count, "one of them closed");
	return assume_holds();
}
