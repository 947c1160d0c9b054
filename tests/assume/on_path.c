/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A converter on the way of a client's first link: here the client is FAR, and NEAR stands on the way to an address
 * that nobody has. The statements are those of path/intercept_on_path.c, the endpoints those of policy/links.h.
 */
#include "assume.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"

#define MARK 77
#define TABLE 200
#define ON_PATH_PORT 7001
#define JOIN_PORT 7002
#define ROUND_BYTES (1 << 20)
#define ROUNDS 200

static const char rules[] =
	"table inet on_path {\n"
	"	chain pre {\n"
	"		type filter hook prerouting priority -150; policy accept;\n"
	"		meta l4proto != tcp return\n"
	"		tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 meta mark set 77 accept\n"
	"		tcp flags & (fin|syn|rst|ack) != syn return\n"
	"		fib daddr type local return\n"
	"		tcp option mptcp subtype 0 meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.53.0.1:7001 meta mark set 77 accept\n"
	"		tcp option mptcp subtype 0 meta nfproto ipv6 reset tcp option timestamp\n"
	"		tcp option mptcp subtype 0 meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [100::5127:0:0:1]:7001 meta mark set 77 accept\n"
	"	}\n"
	"	chain out {\n"
	"		type filter hook output priority mangle; policy accept;\n"
	"		tcp flags & (fin|syn|rst|ack) == (syn|ack) tcp option @30,16,16 0x0101 fib saddr type != local tcp option @30,16,16 set 0x0121\n"
	"	}\n"
	"}\n";

static struct address foreign(bool v6)
{
	struct address v6_address = { .ip = { 0xfd, 0x09, 0, 0x77, [15] = 7 }, .port = ASSUME_PORT };

	return v6 ? v6_address : (struct address){ .ip = { [10] = 0xff, 0xff, 10, 9, 77, 7 }, .port = ASSUME_PORT };
}

static int listen_on_path(bool v6)
{
	struct address v6_address = { .ip = { 0x01, 0, [8] = 0x51, 0x27, [15] = 1 }, .port = ON_PATH_PORT };
	struct address address = v6 ? v6_address :
				 (struct address){ .ip = { [10] = 0xff, 0xff, 127, 53, 0, 1 }, .port = ON_PATH_PORT };
	struct net_listen_options options = { .mptcp = true, .transparent = true };
	bool fastopen_missing;
	int fd, r;

	assume_in(ASSUME_NEAR);
	r = net_listen(&address, &options, &fd, &fastopen_missing);
	assume_that(!r, "a transparent Multipath TCP listener: %s", strerror(-r));
	return fd;
}

static void change_endpoint(enum assume_place place,
			    int (*change)(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint),
			    const struct mptcp_pm_endpoint *endpoint)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	int r;

	assume_in(place);
	r = mptcp_pm_open(&pm);
	assume_that(!r, "MPTCP path manager: %s", strerror(-r));
	r = change(pm, endpoint);
	assume_that(!r, "endpoint %u: %s %s", endpoint->id, strerror(-r), mptcp_pm_error_text(pm));
}

/* The client may join from its second link, and is told where. In one family at a time: an IPv6 client joins by
 * IPv4, too. */
static void change_ways(int (*change)(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint), bool v6,
			const struct address *join)
{
	struct mptcp_pm_endpoint link = { .id = 1, .ip = assume_address(ASSUME_FAR, 1, v6, 0),
					  .flags = MPTCP_PM_SUBFLOW | MPTCP_PM_FULLMESH };
	struct mptcp_pm_endpoint told = { .id = 2, .ip = *join, .flags = MPTCP_PM_SIGNAL };

	assume_in(ASSUME_FAR);
	link.ifindex = if_nametoindex("l1");
	change_endpoint(ASSUME_FAR, change, &link);
	change_endpoint(ASSUME_NEAR, change, &told);
}

static int connect_to(const struct address *to, bool v6)
{
	struct net_connect_options options = { .mptcp = true, .source = assume_address(ASSUME_FAR, 0, v6, 0) };
	size_t n_sent;
	int fd, r;

	assume_in(ASSUME_FAR);
	r = net_connect_begin(to, &options, &fd, &n_sent);
	assume_that(!r, "connecting: %s", net_error_text(r));
	assume_wait_connected(fd);
	return fd;
}

/* As it was wanted, from there to here. */
static void expect_way(const char *which, const struct subflow_info *seen, const struct address *local,
		       const struct address *remote)
{
	char local_text[ADDRESS_TEXT_BYTES], remote_text[ADDRESS_TEXT_BYTES];

	assume_that(address_equal_ip(&seen->local, local) && address_equal(&seen->remote, remote),
		    "the %s subflow runs from %s to %s", which, address_format(&seen->local, local_text),
		    address_format(&seen->remote, remote_text));
}

/* A link is chosen by what the sockets' buffers have room for: some turns may pass before the second one gets
 * anything. */
static void expect_both_carry(int fd, struct assume_stream *up)
{
	struct mptcp_connection_info info = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		assume_stream_run(up, up->n_sent + ROUND_BYTES, up->n_sent + ROUND_BYTES, "over both links");
		assume_that(!mptcp_info_read(fd, &info) && info.n_subflows == 2, "%zu subflows under load",
			    info.n_subflows);
		if (info.subflows[0].bytes_sent && info.subflows[1].bytes_sent)
			return;
	}
	assume_broken("%d MB, and one of the subflows has carried nothing", ROUNDS);
}

static void look(bool v6)
{
	struct address to = foreign(v6), local = { 0 }, join = assume_address(ASSUME_NEAR, 1, v6, JOIN_PORT),
		       first = assume_address(ASSUME_FAR, 0, v6, 0), second = assume_address(ASSUME_FAR, 1, v6, 0);
	struct assume_stream up, down;
	struct mptcp_connection_info info;
	char text[ADDRESS_TEXT_BYTES];
	int listener_fd, client_fd, taken_fd;

	change_ways(mptcp_pm_add, v6, &join);
	listener_fd = listen_on_path(v6);
	client_fd = connect_to(&to, v6);
	taken_fd = assume_accept(listener_fd);
	up = (struct assume_stream){ .from_fd = client_fd, .to_fd = taken_fd };
	down = (struct assume_stream){ .from_fd = taken_fd, .to_fd = client_fd };
	assume_that(!net_local_address(taken_fd, &local) && address_equal(&local, &to),
		    "the local address of what was taken is %s", address_format(&local, text));
	assume_stream_run(&up, 1000, 1000, "to the one on the way");
	assume_stream_run(&down, 1000, 1000, "from the one on the way");
	assume_wait_subflows(client_fd, 2,
			     v6 ? "IPv6, the client having been told where to join" :
			     "IPv4, the client having been told where to join");
	assume_that(!mptcp_info_read(client_fd, &info), "MPTCP_FULL_INFO");
	expect_way("first", &info.subflows[0], &first, &to);
	expect_way("second", &info.subflows[1], &second, &join);
	expect_both_carry(client_fd, &up);
	close(client_fd);
	close(taken_fd);
	close(listener_fd);
	change_ways(mptcp_pm_delete, v6, &join);
}

int main(void)
{
	assume_begin("tproxy takes Multipath TCP connections by their option, nft sets the bit that forbids joins at "
		     "the first address, and the client joins where it is told",
		     "signalling = route has one link alone, or none (converter.intercept)");
	assume_make_link(0);
	assume_make_link(1);
	assume_limits();
	for (int v6 = 0; v6 < 2; v6++) {
		assume_default_route(ASSUME_FAR, 0, v6);
		assume_local_route(MARK, TABLE, v6);
	}
	assume_in(ASSUME_NEAR);
	assume_nft(rules);
	look(false);
	look(true);
	return assume_holds();
}
