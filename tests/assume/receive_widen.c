/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_receive_buffer_set() of net/tcp_receive.c: from then on the kernel leaves the buffer alone, and what it is set
 * to later is what the peer is offered. */
#include "assume.h"

#include "net/tcp_receive.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define HELD_BYTES 262144
#define WIDER_BYTES 1048576
#define N_BYTES (64u << 20)

static uint32_t buffer_of(int fd)
{
	uint32_t n_bytes;

	assume_that(!tcp_receive_buffer_get(fd, &n_bytes), "the receive buffer can't be asked for");
	return n_bytes;
}

static void set(int fd, uint32_t n_bytes)
{
	assume_that(!tcp_receive_buffer_set(fd, n_bytes, false), "a receive buffer of %u can't be set", n_bytes);
	assume_that(buffer_of(fd) == n_bytes, "a receive buffer that was set to %u is %u", n_bytes, buffer_of(fd));
}

/* The most that the sender was offered in the stream's course. */
static uint32_t offered(struct assume_stream *s)
{
	struct tcp_info info = { 0 };
	uint64_t until = s->n_received + N_BYTES;
	uint32_t most = 0;

	while (s->n_received < until) {
		socklen_t n_info = sizeof(info);

		assume_stream_run(s, s->n_received + HELD_BYTES, s->n_received + HELD_BYTES, "a piece");
		assume_that(!getsockopt(s->from_fd, IPPROTO_TCP, TCP_INFO, &info, &n_info), "TCP_INFO can't be had");
		most = info.tcpi_snd_wnd > most ? info.tcpi_snd_wnd : most;
	}
	return most;
}

int main(void)
{
	struct net_listen_options listen = { 0 };
	struct net_connect_options connect = { 0 };
	struct assume_stream s = { 0 };
	uint32_t narrow, wide;
	size_t n_sent;
	bool forced;
	int listener_fd;

	assume_begin("A plain TCP receive buffer that is set amid a connection stays so, and widens the window where "
		     "it is set wider (SO_RCVBUF, TCP_WINDOW_CLAMP)",
		     "sources faster than the links fill megabytes in each session, or distant ones are held to a "
		     "narrow window");
	assume_make_link(0);
	assume_in(ASSUME_FAR);
	listener_fd = assume_listen(false, &listen);
	assume_in(ASSUME_NEAR);
	if (tcp_receive_buffer_most(WIDER_BYTES, &forced) < WIDER_BYTES)
		assume_not_looked_at("no buffer of %u may be set here (net.core.rmem_max)", WIDER_BYTES);
	s.from_fd = assume_connect_begin(false, connect, &n_sent);
	assume_wait_connected(s.from_fd);
	s.to_fd = assume_accept(listener_fd);
	set(s.to_fd, HELD_BYTES);
	narrow = offered(&s);
	assume_that(narrow <= HELD_BYTES, "the peer was offered %u with a buffer of %u", narrow, HELD_BYTES);
	assume_that(buffer_of(s.to_fd) == HELD_BYTES, "the kernel has tuned a buffer that was set to %u: %u",
		    HELD_BYTES, buffer_of(s.to_fd));
	set(s.to_fd, WIDER_BYTES);
	wide = offered(&s);
	assume_that(wide > narrow,
		    "the peer is offered %u after the buffer was widened to %u, and was offered %u before", wide,
		    WIDER_BYTES, narrow);
	assume_that(wide <= WIDER_BYTES, "the peer is offered %u with a buffer of %u", wide, WIDER_BYTES);
	return assume_holds();
}
