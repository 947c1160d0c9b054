/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection from an address that isn't this machine's: what comes back is led to its socket by what
 * path/returns.c puts in place. */
#include "assume.h"

#include <string.h>
#include <unistd.h>

#define MARK 77
#define TABLE 200
#define BYTES (1 << 20)

static const char rules[] =
	"table inet returns {\n"
	"	chain ours {\n"
	"		socket wildcard 1 accept\n"
	"		meta mark set 77\n"
	"	}\n"
	"	chain back {\n"
	"		type filter hook prerouting priority filter; policy accept;\n"
	"		tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 goto ours\n"
	"	}\n"
	"}\n";

static struct address foreign(bool v6)
{
	return v6 ? (struct address){ .ip = { 0xfd, 0x09, 0, 0x77, [15] = 7 } } :
	       (struct address){ .ip = { [10] = 0xff, 0xff, 10, 9, 77, 7 } };
}

static void look(bool v6, bool mptcp)
{
	struct net_listen_options listening = { .mptcp = mptcp };
	struct net_connect_options options = { .mptcp = mptcp, .source = foreign(v6), .transparent = true };
	struct address to = assume_server(v6), peer;
	struct assume_stream up, down;
	int listener_fd = assume_listen(v6, &listening), near_fd, far_fd, r;
	size_t n_sent;

	assume_in(ASSUME_NEAR);
	r = net_connect_begin(&to, &options, &near_fd, &n_sent);
	assume_that(!r, "connecting from a foreign address: %s", net_error_text(r));
	assume_wait_connected(near_fd);
	assume_wait_readable(listener_fd, "a listener");
	r = net_accept(listener_fd, &far_fd, &peer);
	assume_that(!r && address_equal_ip(&peer, &options.source), "the other end sees another address");
	up = (struct assume_stream){ .from_fd = near_fd, .to_fd = far_fd };
	down = (struct assume_stream){ .from_fd = far_fd, .to_fd = near_fd };
	assume_stream_run(&up, BYTES, BYTES, "from the foreign address");
	assume_stream_run(&down, BYTES, BYTES, "to the foreign address");
	net_close_reset(near_fd);
	net_close_reset(far_fd);
	close(listener_fd);
}

int main(void)
{
	assume_begin("a transparent socket may connect from any address, and `socket transparent`, not `wildcard`, a "
		     "mark and a local route bring it what comes back",
		     "subscribers of a converter have no address of their own (address_mode = preserve, prefix)");
	assume_make_link(0);
	for (int v6 = 0; v6 < 2; v6++) {
		assume_default_route(ASSUME_FAR, 0, v6);
		assume_local_route(MARK, TABLE, v6);
	}
	assume_in(ASSUME_NEAR);
	assume_nft(rules);
	for (int v6 = 0; v6 < 2; v6++)
		for (int mptcp = 0; mptcp < 2; mptcp++)
			look(v6, mptcp);
	return assume_holds();
}
