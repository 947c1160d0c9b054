/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The statements of path/intercept.c: with a listener a host's connection is caught, whatever its destination; without
 * one it goes the ordinary way, and one that was caught stays with its socket when the listener is gone.
 */
#include "assume.h"

#include <poll.h>
#include <unistd.h>

#define MARK 77
#define TABLE 200
#define INTERCEPT_PORT 7001

static const char rules[] =
	"table inet intercept {\n"
	"	chain pre {\n"
	"		type filter hook prerouting priority -150; policy accept;\n"
	"		iifname != l2 return\n"
	"		meta l4proto != tcp return\n"
	"		tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 meta mark set 77 accept\n"
	"		tcp flags & (fin|syn|rst|ack) != syn return\n"
	"		meta nfproto ipv4 meta l4proto tcp tproxy ip to :7001 meta mark set 77 accept\n"
	"		meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :7001 meta mark set 77 accept\n"
	"	}\n"
	"}\n";

static int listen_transparent(bool v6)
{
	struct address any = v6 ? (struct address){ .port = INTERCEPT_PORT } : address_from_v4(0, INTERCEPT_PORT);
	struct net_listen_options options = { .transparent = true };
	bool fastopen_missing;
	int fd, r;

	assume_in(ASSUME_NEAR);
	r = net_listen(&any, &options, &fd, &fastopen_missing);
	assume_that(!r, "a transparent listener: %s", net_error_text(-r));
	return fd;
}

static void expect_passed(const char *family, bool v6, int server_fd)
{
	int host_fd = assume_connect_host(v6), fd;

	assume_wait_connected(host_fd);
	fd = assume_accept(server_fd);
	close(fd);
	close(host_fd);
}

/* The server must see nothing; both directions must work, also once the listener is closed. */
static void expect_caught(const char *family, bool v6, int server_fd)
{
	struct address wanted = assume_server(v6), local = { 0 };
	int listener_fd = listen_transparent(v6), host_fd = assume_connect_host(v6), fd;
	struct pollfd poll_fd = { .fd = server_fd, .events = POLLIN };
	struct assume_stream up = { .from_fd = host_fd }, down = { .to_fd = host_fd };
	char text[ADDRESS_TEXT_BYTES];

	assume_wait_connected(host_fd);
	fd = assume_accept(listener_fd);
	up.to_fd = down.from_fd = fd;
	assume_that(!net_local_address(fd, &local) && address_equal(&local, &wanted),
		    "%s: the caught connection's local address is %s, not what the host wanted", family,
		    address_format(&local, text));
	assume_stream_run(&up, 100000, 100000, "from the host");
	close(listener_fd);
	assume_stream_run(&up, 200000, 200000, "from the host, the listener being gone");
	assume_stream_run(&down, 100000, 100000, "to the host, the listener being gone");
	assume_that(!poll(&poll_fd, 1, 0), "%s: the server got the caught connection, too", family);
	close(fd);
	close(host_fd);
}

static void look(bool v6)
{
	struct net_listen_options options = { .mptcp = false };
	const char *family = v6 ? "IPv6" : "IPv4";
	int server_fd;

	assume_default_route(ASSUME_HOST, 2, v6);
	assume_default_route(ASSUME_FAR, 0, v6);
	assume_local_route(MARK, TABLE, v6);
	server_fd = assume_listen(v6, &options);
	expect_passed(family, v6, server_fd);
	expect_caught(family, v6, server_fd);
	expect_passed(family, v6, server_fd);
	close(server_fd);
}

int main(void)
{
	assume_begin("nft tproxy catches connections while somebody listens, and lets them pass while nobody does",
		     "hosts are not bonded, or are cut off while the daemon is away");
	assume_make_router(rules);
	look(false);
	look(true);
	return assume_holds();
}
