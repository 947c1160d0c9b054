/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses, routes and settings of the places. */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "net/netlink.h"
#include "net/nft.h"
#include "net/route.h"
#include "net/sysctl.h"

#define LINK_NAME_BYTES 8
#define TABLE_FIRST 100
#define CLOSED_PORT 9
#define SERVER_NET 100   /* in the place of a link's number */

static const char *link_name(unsigned int n, char out[LINK_NAME_BYTES])
{
	snprintf(out, LINK_NAME_BYTES, "l%u", n % 10);
	return out;
}

static enum assume_place far_end(unsigned int n)
{
	return n == 2 ? ASSUME_HOST : ASSUME_FAR;
}

/* In the place where the program is. */
static struct netlink *route_netlink(void)
{
	struct netlink *netlink = NULL;
	int r = netlink_open(NETLINK_ROUTE, &netlink);

	if (r)
		assume_not_looked_at("rtnetlink: %s", strerror(-r));
	return netlink;
}

static void request(struct netlink *netlink, const char *what)
{
	int r = netlink_request(netlink, NULL, NULL);

	if (r)
		assume_not_looked_at("%s: %s %s", what, strerror(-r), netlink_error_text(netlink));
}

static void set_up(const char *name, bool up)
{
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	struct nlmsghdr *message = netlink_begin(netlink, RTM_NEWLINK, 0);
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	head->ifi_index = (int)if_nametoindex(name);
	head->ifi_change = IFF_UP;
	head->ifi_flags = up ? IFF_UP : 0;
	request(netlink, "setting an interface up or down");
}

void assume_sysctl(const char *name, const char *value)
{
	int r = sysctl_write(name, value);

	if (r)
		assume_not_looked_at("%s = %s: %s", name, value,
				     r == SYSCTL_E_MISSING ? "this kernel has no such setting" : strerror(-r));
}

void world_begin(void)
{
	set_up("lo", true);
	assume_sysctl("net/ipv4/conf/all/rp_filter", "0");
	assume_sysctl("net/ipv4/conf/default/rp_filter", "0");
	assume_sysctl("net/ipv4/tcp_fastopen", "3");
	assume_sysctl("net/ipv4/tcp_fastopen_blackhole_timeout_sec", "0");
	sysctl_write("net/mptcp/blackhole_timeout", "0");   /* since 6.12 */
}

static void make_veth(const char *name, int peer_place_fd)
{
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	struct nlmsghdr *message = netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)peer_place_fd);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	request(netlink, "making a veth pair");
}

struct address assume_address(enum assume_place place, unsigned int n, bool v6, uint16_t port)
{
	unsigned int host = place == ASSUME_NEAR ? 1 : 2;
	struct address address = { .ip = { 0xfd, 0x09, 0, (uint8_t)n }, .port = port };

	address.ip[15] = (uint8_t)host;
	return v6 ? address : address_from_v4(htonl(10u << 24 | 9u << 16 | n << 8 | host), port);
}

struct address assume_server(bool v6)
{
	return assume_address(ASSUME_FAR, SERVER_NET, v6, ASSUME_PORT);
}

static void add_address(const char *name, const struct address *address)
{
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	struct nlmsghdr *message = netlink_begin(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	bool v4 = address_is_v4(address);

	head->ifa_family = v4 ? AF_INET : AF_INET6;
	head->ifa_prefixlen = v4 ? 24 : 64;
	head->ifa_flags = IFA_F_NODAD;
	head->ifa_index = if_nametoindex(name);
	mnl_attr_put(message, IFA_LOCAL, v4 ? 4 : 16, address->ip + (v4 ? 12 : 0));
	mnl_attr_put(message, IFA_ADDRESS, v4 ? 4 : 16, address->ip + (v4 ? 12 : 0));
	request(netlink, "adding an address");
}

struct address assume_second_address(unsigned int n, bool v6)
{
	struct address address = assume_address(ASSUME_NEAR, n, v6, 0);
	char name[LINK_NAME_BYTES];

	address.ip[15] = 9;
	assume_in(ASSUME_NEAR);
	add_address(link_name(n, name), &address);
	return address;
}

#define OPERATIONAL_UP 6   /* IF_OPER_UP of linux/if.h, which does not go with net/if.h */

struct carrier {
	const char *name;
	bool wanted;
	bool up, sends;
};

static void carrier_take(void *context, const struct nlmsghdr *message)
{
	struct carrier *carrier = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_OPERSTATE)
			carrier->up = mnl_attr_get_u8(attr) == OPERATIONAL_UP;
		if (mnl_attr_get_type(attr) == IFLA_QDISC)   /* "noop" drops: it goes a moment after the carrier has
							      * come */
			carrier->sends = strcmp(mnl_attr_get_str(attr), "noop");
	}
}

static bool carrier_is(void *context)
{
	struct carrier *carrier = context;
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	struct nlmsghdr *message = netlink_begin(netlink, RTM_GETLINK, 0);
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	int r;

	head->ifi_index = (int)if_nametoindex(carrier->name);
	carrier->up = carrier->sends = false;
	r = netlink_request(netlink, carrier_take, carrier);
	if (r)
		assume_not_looked_at("looking at %s: %s", carrier->name, strerror(-r));
	return carrier->wanted ? carrier->up && carrier->sends : !carrier->up;
}

static void wait_carrier(const char *name, bool wanted)
{
	struct carrier carrier = { .name = name, .wanted = wanted };

	if (!assume_wait(carrier_is, &carrier))
		assume_not_looked_at("the carrier of %s did not %s", name, wanted ? "come" : "go");
}

struct datagrams {
	int from_fd, to_fd;
};

static bool datagram_arrives(void *context)
{
	const struct datagrams *d = context;
	char byte = 0;

	if (recv(d->to_fd, &byte, 1, MSG_DONTWAIT) == 1)
		return true;
	(void)!send(d->from_fd, &byte, 1, MSG_DONTWAIT);   /* lost, perhaps: it is asked again */
	return false;
}

static int open_datagrams(enum assume_place place, const struct address *address, bool far)
{
	struct sockaddr_storage sa;
	socklen_t n_sa = address_to_sockaddr(address, &sa);
	int fd;

	assume_in(place);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (far ? bind(fd, (struct sockaddr *)&sa, n_sa) : connect(fd, (struct sockaddr *)&sa, n_sa)))
		assume_not_looked_at("a socket for datagrams: %s", strerror(errno));
	return fd;
}

/* A link says that it runs a moment before it takes packets, and neighbours have to be found first: the first SYN or
 * its answer would be lost, and with it what is to be looked at. */
static void wait_passage(enum assume_place from, enum assume_place to, struct address address)
{
	struct datagrams datagrams = { .to_fd = open_datagrams(to, &address, true) };
	char text[ADDRESS_TEXT_BYTES];

	datagrams.from_fd = open_datagrams(from, &address, false);
	if (!assume_wait(datagram_arrives, &datagrams))
		assume_not_looked_at("nothing comes to %s", address_format(&address, text));
	close(datagrams.from_fd);
	close(datagrams.to_fd);
}

static void make_server(void)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct address address = assume_server(v6);

		assume_in(ASSUME_FAR);
		add_address("lo", &address);
		assume_default_route(ASSUME_NEAR, 0, v6);
		wait_passage(ASSUME_NEAR, ASSUME_FAR, address);
	}
}

static bool has_answer(void *context)
{
	return net_connect_result(*(int *)context) != NET_E_AGAIN;
}

/* Both ends have found each other (ARP, neighbour discovery): no first packet of a test waits for that. */
static void introduce(struct address to, unsigned int n)
{
	struct net_connect_options options = { .mptcp = false };
	_cleanup_(fd_closep) int fd = -1;
	size_t n_sent;
	int r;

	to.port = CLOSED_PORT;
	assume_in(ASSUME_NEAR);
	r = net_connect_begin(&to, &options, &fd, &n_sent);
	if (r != NET_E_REFUSED && (r || !assume_wait(has_answer, &fd)))
		assume_not_looked_at("link %u: no answer from its other end: %s", n, net_error_text(r));
}

void assume_make_link(unsigned int n)
{
	enum assume_place ends[] = { ASSUME_NEAR, far_end(n) };
	char name[LINK_NAME_BYTES];

	assume_in(ASSUME_NEAR);
	make_veth(link_name(n, name), world_place_fd(far_end(n)));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		assume_in(ends[i]);
		set_up(name, true);
		for (int v6 = 0; v6 < 2; v6++) {
			struct address address = assume_address(ends[i], n, v6, 0);

			add_address(name, &address);
		}
	}
	for (size_t i = ARRAY_SIZE(ends); i-- > 0;) {
		assume_in(ends[i]);
		wait_carrier(name, true);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		wait_passage(ASSUME_NEAR, far_end(n), assume_address(far_end(n), n, v6, ASSUME_PORT));
		wait_passage(far_end(n), ASSUME_NEAR, assume_address(ASSUME_NEAR, n, v6, ASSUME_PORT));
	}
	if (!n)
		make_server();
	for (int v6 = 0; v6 < 2; v6++) {
		introduce(assume_address(far_end(n), n, v6, 0), n);
		if (!n)
			introduce(assume_server(v6), n);
	}
}

void assume_set_carrier(unsigned int n, bool carrier)
{
	char name[LINK_NAME_BYTES];

	assume_in(far_end(n));
	set_up(link_name(n, name), carrier);
	assume_in(ASSUME_NEAR);
	wait_carrier(name, carrier);
}

static void add_route(const struct route_entry *entry)
{
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	int r = route_add(netlink, entry);

	if (r)
		assume_not_looked_at("adding a route: %s", strerror(-r));
}

static void add_rule(const struct route_rule *rule)
{
	_cleanup_(netlink_closep) struct netlink *netlink = route_netlink();
	int r = route_add_rule(netlink, rule);

	if (r)
		assume_not_looked_at("adding a rule: %s", strerror(-r));
}

static struct route_entry default_route(enum assume_place place, unsigned int n, bool v6)
{
	enum assume_place other = place == ASSUME_NEAR ? far_end(n) : ASSUME_NEAR;
	char name[LINK_NAME_BYTES];

	return (struct route_entry){ .v6 = v6, .table = RT_TABLE_MAIN, .to = { .n_bits = v6 ? 0 : 96 },
				     .via = assume_address(other, n, v6, 0),
				     .ifindex = if_nametoindex(link_name(n, name)) };
}

void assume_set_silence(unsigned int n, bool silent)
{
	char script[256];

	assume_in(ASSUME_NEAR);
	snprintf(script, sizeof(script),
		 "table netdev silence { chain in { type filter hook ingress device l%u priority 0; policy drop; }; }\n"
		 "table inet silence { chain out { type filter hook postrouting priority 0; oifname \"l%u\" drop; }; }",
		 n, n);
	assume_nft(silent ? script : "delete table netdev silence\ndelete table inet silence");
}

void assume_default_route(enum assume_place place, unsigned int n, bool v6)
{
	struct route_entry entry;

	assume_in(place);
	entry = default_route(place, n, v6);
	add_route(&entry);
}

void assume_route_from_link(unsigned int n)
{
	assume_in(ASSUME_NEAR);
	for (int v6 = 0; v6 < 2; v6++) {
		struct route_entry entry = default_route(ASSUME_NEAR, n, v6);
		struct route_rule rule = { .v6 = v6, .from = assume_address(ASSUME_NEAR, n, v6, 0),
					   .table = TABLE_FIRST + n,
					   .priority = TABLE_FIRST + n };

		entry.table = rule.table;
		add_route(&entry);
		add_rule(&rule);
	}
}

void assume_local_route(uint32_t fwmark, uint32_t table, bool v6)
{
	struct route_entry entry = { .v6 = v6, .local = true, .table = table, .to = { .n_bits = v6 ? 0 : 96 } };
	struct route_rule rule = { .v6 = v6, .fwmark = fwmark, .table = table, .priority = TABLE_FIRST };

	assume_in(ASSUME_NEAR);
	entry.ifindex = if_nametoindex("lo");
	add_route(&entry);
	add_rule(&rule);
}

void assume_nft(const char *script)
{
	char reason[256] = "";
	_cleanup_(nft_closep) struct nft *nft = NULL;
	int r = nft_open(&nft);

	assume_that(!r, "nft: %s", strerror(-r));
	r = nft_run(nft, script, reason, sizeof(reason));

	if (r)
		assume_not_looked_at("nft: %s", r < 0 ? strerror(-r) : reason);
}

void assume_make_router(const char *rules)
{
	assume_make_link(0);
	assume_make_link(2);
	assume_in(ASSUME_NEAR);
	assume_sysctl("net/ipv4/ip_forward", "1");
	assume_sysctl("net/ipv6/conf/all/forwarding", "1");
	assume_nft(rules);
}
