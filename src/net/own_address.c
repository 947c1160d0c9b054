/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/own_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/netlink.h"
#include "net/socket.h"

static int open_datagram(bool v4)
{
	return socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void take_route(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type == RTM_NEWROUTE && mnl_nlmsg_get_payload_len(message) >= sizeof(*head))
		*(bool *)context = head->rtm_type == RTN_LOCAL;
}

/* The type of the route says it. The source of it doesn't: to the second address of an IPv4 network it leads from
 * the first. */
bool net_is_own_address(const struct address *a)
{
	_cleanup_(netlink_closep) struct netlink *netlink = NULL;
	bool v4 = address_is_v4(a), own = false;
	struct nlmsghdr *message;
	struct rtmsg *head;

	if (netlink_open(NETLINK_ROUTE, &netlink))
		return false;
	message = netlink_begin(netlink, RTM_GETROUTE, 0);
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->rtm_family = v4 ? AF_INET : AF_INET6;
	head->rtm_dst_len = v4 ? 32 : 128;
	mnl_attr_put(message, RTA_DST, v4 ? 4 : 16, a->ip + (v4 ? 12 : 0));
	return !netlink_request(netlink, take_route, &own) && own;
}

int net_address_toward(const struct address *to, struct address *out)
{
	_cleanup_(fd_closep) int fd = open_datagram(address_is_v4(to));
	struct sockaddr_storage sa;
	socklen_t n_sa = address_to_sockaddr(to, &sa);
	int r;

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, n_sa))   /* sends nothing */
		return net_error(errno);
	r = net_local_address(fd, out);
	out->port = 0;
	return r;
}

static bool is_in_network(const struct address *a, const struct ifaddrs *entry)
{
	struct address own, mask;

	if (!entry->ifa_addr || !entry->ifa_netmask || address_from_sockaddr(&own, entry->ifa_addr) ||
	    address_from_sockaddr(&mask, entry->ifa_netmask) || address_is_v4(a) != address_is_v4(&own))
		return false;
	for (size_t i = address_is_v4(a) ? 12 : 0; i < sizeof(a->ip); i++)
		if ((a->ip[i] ^ own.ip[i]) & mask.ip[i])
			return false;
	return true;
}

bool net_is_neighbour(const struct address *a, bool (*is_wanted)(const void *context, const char *interface),
		      const void *context)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *entry = all; entry && !found; entry = entry->ifa_next)
		found = is_wanted(context, entry->ifa_name) && is_in_network(a, entry);
	freeifaddrs(all);
	return found;
}

void own_address_probe_init(struct own_address_probe *probe)
{
	probe->v4_fd = open_datagram(true);
	probe->v6_fd = open_datagram(false);
}

void own_address_probe_fini(struct own_address_probe *probe)
{
	fd_closep(&probe->v4_fd);
	fd_closep(&probe->v6_fd);
}

/* Whatever but "no such address here" is the routing table's to decide: the system may let anybody bind anything
 * (ip_nonlocal_bind). A socket that was bound is of no more use. */
bool own_address_probe_is_own(struct own_address_probe *probe, const struct address *a)
{
	int *fd = address_is_v4(a) ? &probe->v4_fd : &probe->v6_fd;
	struct address to = { 0 };
	struct sockaddr_storage sa;
	socklen_t n_sa;

	memcpy(to.ip, a->ip, sizeof(to.ip));
	n_sa = address_to_sockaddr(&to, &sa);
	if (*fd >= 0 && bind(*fd, (struct sockaddr *)&sa, n_sa) && errno == EADDRNOTAVAIL)
		return false;
	fd_closep(fd);
	*fd = open_datagram(address_is_v4(a));
	return net_is_own_address(a);
}
