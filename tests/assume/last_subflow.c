/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay/half.c takes 0 from recv() and splice() as the end of the stream. */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"

#define N_BYTES 100000
#define ENOUGH_MS 5000   /* of net.mptcp.close_timeout, 1 s here, and a busy machine */

enum last { BY_BYTES, BY_OUR_END, AFTER_OUR_END };

/* Whatever comes to FAR from now on is answered with a RST, which has no MPTCP option: as a middlebox does, and a
 * peer that forgot. */
static void reset_all(void)
{
	assume_in(ASSUME_FAR);
	assume_nft("add table inet t\nadd chain inet t c { type filter hook input priority 0; }\n"
		   "add rule inet t c tcp dport 7000 reject with tcp reset\n");
}

static void stop_resetting(void)
{
	assume_in(ASSUME_FAR);
	assume_nft("delete table inet t\n");
}

static void expect_reset(const char *what, int fd, bool by_splice)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLRDHUP };
	int pipes[2], error = 0;
	ssize_t n;
	char byte;

	assume_that(poll(&poll_fd, 1, ENOUGH_MS) == 1, "%s: expected an event, none within %d ms", what, ENOUGH_MS);
	assume_that(!pipe(pipes), "no pipe");
	n = by_splice ? splice(fd, NULL, pipes[1], NULL, N_BYTES, SPLICE_F_NONBLOCK) :
	    net_receive(fd, &byte, 1, &error);
	if (by_splice && n < 0)
		error = net_error(errno);
	assume_that(n == -1 && error == NET_E_RESET, "%s: expected a reset, %s gave %zd, %s", what,
		    by_splice ? "splice" : "recv", n, net_error_text(error));
	close(pipes[0]);
	close(pipes[1]);
}

static void look(const char *what, enum last last, bool by_splice)
{
	struct assume_pair pair = assume_pair(false, true);
	struct assume_stream down = { .from_fd = pair.far_fd, .to_fd = pair.near_fd };
	int error = 0;

	assume_stream_run(&down, N_BYTES, N_BYTES, what);
	if (last == AFTER_OUR_END) {
		shutdown(pair.near_fd, SHUT_WR);
		assume_wait_readable(pair.far_fd, what);
	}
	reset_all();
	if (last == BY_BYTES)
		net_send(pair.near_fd, "x", 1, &error);
	else if (last == BY_OUR_END)
		shutdown(pair.near_fd, SHUT_WR);
	else
		assume_stream_send(&down, 1);   /* what NEAR acknowledges */
	if (last == AFTER_OUR_END) {
		assume_wait_readable(pair.near_fd, what);
		assume_that(assume_stream_receive(&down), "%s: the byte before the reset is not received", what);
	}
	expect_reset(what, pair.near_fd, by_splice);
	stop_resetting();
	assume_pair_close(&pair);
}

int main(void)
{
	assume_begin("an MPTCP connection whose last subflow is reset without FASTCLOSE ends with an error to its "
		     "reader, not with the end of the stream",
		     "streams that were cut look whole");
	assume_make_link(0);
	assume_in(ASSUME_NEAR);
	assume_sysctl("net/mptcp/close_timeout", "1");
	look("open both ways", BY_BYTES, false);
	look("open both ways, splice", BY_BYTES, true);
	look("by our DATA_FIN", BY_OUR_END, false);
	look("by our DATA_FIN, splice", BY_OUR_END, true);
	look("after our end", AFTER_OUR_END, false);
	look("after our end, splice", AFTER_OUR_END, true);
	return assume_holds();
}
