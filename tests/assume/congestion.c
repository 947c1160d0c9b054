/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay.congestion is set on the converter's listener before listen(), and on the gateway's socket before connect()
 * (net/socket.c): every subflow of either end has to have it, also those that join. Where it is "auto", it is changed
 * while the connection carries data (role/links/loss_watch.c): that has to reach every subflow, those that join
 * afterwards, too, and nothing of the stream may be lost by it. The names come from sock_diag: what the TCP connections
 * really use.
 */
#include "assume.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"
#include "net/netlink.h"
#include "net/sysctl.h"

struct names {
	const char *wanted;
	size_t n_wanted, n_others;
	char other[32];
};

static void take(void *context, const struct nlmsghdr *message)
{
	struct names *names = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct inet_diag_msg)) {
		if (mnl_attr_get_type(attr) != INET_DIAG_CONG)
			continue;
		if (!strcmp(mnl_attr_get_str(attr), names->wanted)) {
			names->n_wanted++;
		} else {
			names->n_others++;
			snprintf(names->other, sizeof(names->other), "%s", mnl_attr_get_str(attr));
		}
	}
}

/* All established TCP connections of the place are subflows of ours. */
static void expect(enum assume_place place, const char *end, const char *wanted, size_t n)
{
	_cleanup_(netlink_closep) struct netlink *netlink = NULL;
	struct names names = { .wanted = wanted };
	struct inet_diag_req_v2 *request;
	int r;

	assume_in(place);
	r = netlink_open(NETLINK_SOCK_DIAG, &netlink);
	if (r)
		assume_not_looked_at("sock_diag: %s", strerror(-r));
	request = mnl_nlmsg_put_extra_header(netlink_begin(netlink, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP), sizeof(*request));
	*request = (struct inet_diag_req_v2){ .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP,
					      .idiag_ext = 1u << (INET_DIAG_CONG - 1),
					      .idiag_states = 1u << TCP_ESTABLISHED };
	r = netlink_request(netlink, take, &names);
	if (r)
		assume_not_looked_at("sock_diag: %s", strerror(-r));
	assume_that(names.n_wanted == n && !names.n_others,
		    "%s: expected %zu subflows with %s, seen %zu, and %zu with %s", end, n, wanted,
		    names.n_wanted, names.n_others, names.n_others ? names.other : "others");
}

/* Half of the stream before, half after; at the end that is told, both subflows change, and nothing changes at the
 * other. */
static void change(struct assume_stream *s, int fd, const char *congestion, const char *end)
{
	uint64_t so_far = s->n_received;
	char seen[NET_CONGESTION_BYTES];
	int r;

	assume_stream_send(s, 100000);
	r = net_change_congestion(fd, congestion);
	assume_that(!r, "%s: TCP_CONGESTION %s on a connection that carries data: %s", end, congestion, strerror(-r));
	assume_that(net_congestion(fd, seen) && !strcmp(seen, congestion), "%s: expected %s to be told, seen %s", end,
		    congestion, seen);
	assume_stream_run(s, so_far + 200000, so_far + 200000, "a session whose congestion control was changed");
}

int main(void)
{
	struct net_listen_options listen_options = { .mptcp = true };
	struct net_connect_options options = { .mptcp = true };
	struct assume_stream s = { 0 };
	char present[SYSCTL_VALUE_BYTES];
	const char *other;
	int listener_fd;
	size_t n_sent;

	assume_begin("congestion control set on an MPTCP socket before listen or connect, or later, is that of every "
		     "subflow",
		     "relay.congestion has no effect on downloads, or on the second link, or does not follow what the "
		     "links show");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	assume_endpoint_add(1, false, false);
	if (sysctl_read("net/ipv4/tcp_congestion_control", present))
		assume_not_looked_at("no net.ipv4.tcp_congestion_control");
	/* not the default */
	options.congestion = listen_options.congestion = strcmp(present, "reno") ? "reno" : "cubic";
	listener_fd = assume_listen(false, &listen_options);
	s.from_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(s.from_fd);
	s.to_fd = assume_accept(listener_fd);
	assume_stream_run(&s, 100000, 100000, "a session");
	assume_wait_subflows(s.from_fd, 2, "a second endpoint");
	assume_wait_subflows(s.to_fd, 2, "a second endpoint, seen by the peer");
	expect(ASSUME_NEAR, "the end that connected", options.congestion, 2);
	expect(ASSUME_FAR, "the end that accepted", options.congestion, 2);

	other = strcmp(options.congestion, "reno") ? "reno" : present;
	change(&s, s.from_fd, other, "the end that connected");
	expect(ASSUME_NEAR, "the end that connected, changed", other, 2);
	expect(ASSUME_FAR, "the end that accepted, not changed", options.congestion, 2);
	change(&s, s.to_fd, other, "the end that accepted");
	expect(ASSUME_FAR, "the end that accepted, changed", other, 2);

	assume_endpoint_delete(1, false);
	assume_wait_subflows(s.from_fd, 1, "an endpoint less");
	assume_wait_subflows(s.to_fd, 1, "an endpoint less, seen by the peer");
	assume_endpoint_add(1, false, false);
	assume_stream_run(&s, s.n_sent + 100000, s.n_received + 100000, "a session with a new subflow");
	assume_wait_subflows(s.from_fd, 2, "a second endpoint, after the change");
	assume_wait_subflows(s.to_fd, 2, "a second endpoint, after the change, seen by the peer");
	expect(ASSUME_NEAR, "the end that connected, changed before the join", other, 2);
	expect(ASSUME_FAR, "the end that accepted, changed before the join", other, 2);
	return assume_holds();
}
