/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay.congestion is set on the converter's listener before listen(), and on the gateway's socket before connect() (net/socket.c): every
 * subflow of either end has to have it, also those that join. The names come from sock_diag: what the TCP connections really use.
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
					      .idiag_ext = 1u << (INET_DIAG_CONG - 1), .idiag_states = 1u << TCP_ESTABLISHED };
	r = netlink_request(netlink, take, &names);
	if (r)
		assume_not_looked_at("sock_diag: %s", strerror(-r));
	assume_that(names.n_wanted == n && !names.n_others, "%s: expected %zu subflows with %s, seen %zu, and %zu with %s", end, n, wanted,
		    names.n_wanted, names.n_others, names.n_others ? names.other : "others");
}

int main(void)
{
	struct net_listen_options listen_options = { .mptcp = true };
	struct net_connect_options options = { .mptcp = true };
	struct assume_stream s = { 0 };
	char present[SYSCTL_VALUE_BYTES];
	int listener_fd;
	size_t n_sent;

	assume_begin("congestion control set on an MPTCP socket before listen or connect is that of every subflow",
		     "relay.congestion has no effect on downloads, or on the second link");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	assume_endpoint_add(1, false, false);
	if (sysctl_read("net/ipv4/tcp_congestion_control", present))
		assume_not_looked_at("no net.ipv4.tcp_congestion_control");
	options.congestion = listen_options.congestion = strcmp(present, "reno") ? "reno" : "cubic";   /* not the default */
	listener_fd = assume_listen(false, &listen_options);
	s.from_fd = assume_connect_begin(false, options, &n_sent);
	assume_wait_connected(s.from_fd);
	s.to_fd = assume_accept(listener_fd);
	assume_stream_run(&s, 100000, 100000, "a session");
	assume_wait_subflows(s.from_fd, 2, "a second endpoint");
	assume_wait_subflows(s.to_fd, 2, "a second endpoint, seen by the peer");
	expect(ASSUME_NEAR, "the end that connected", options.congestion, 2);
	expect(ASSUME_FAR, "the end that accepted", options.congestion, 2);
	return assume_holds();
}
