/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listing half of net/route.h. */
#include "net/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"

struct listing {
	union {
		route_interface_fn interface;
		route_address_fn address;
		route_entry_fn entry;
		route_rule_fn rule;
	} fn;
	void *context;
};

static uint32_t attr_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) ? 0 : mnl_attr_get_u32(attr);
}

/* An address of whichever family its length says. */
static struct address attr_address(const struct nlattr *attr)
{
	struct address a = { 0 };
	uint32_t v4;

	if (mnl_attr_get_payload_len(attr) == sizeof(a.ip)) {
		memcpy(a.ip, mnl_attr_get_payload(attr), sizeof(a.ip));
	} else if (mnl_attr_get_payload_len(attr) == sizeof(v4)) {
		memcpy(&v4, mnl_attr_get_payload(attr), sizeof(v4));
		a = address_from_v4(v4, 0);
	}
	return a;
}

static uint8_t mapped_bits(unsigned char family, unsigned char n_bits)
{
	return (uint8_t)(family == AF_INET ? n_bits + 96 : n_bits);
}

static bool has_head(const struct nlmsghdr *message, uint16_t type, size_t n_bytes)
{
	return message->nlmsg_type == type && mnl_nlmsg_get_payload_len(message) >= n_bytes;
}

/* IFLA_LINKINFO. What comes by a port of anything but a VRF is the other interface's. */
static bool is_port(const struct nlattr *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND && !mnl_attr_validate(attr, MNL_TYPE_STRING))
			return strncmp(mnl_attr_get_str(attr), "vrf", mnl_attr_get_payload_len(attr)) != 0;
	return false;
}

static void interface_take(void *context, const struct nlmsghdr *message)
{
	struct listing *listing = context;
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	struct route_interface interface = { 0 };
	struct rtnl_link_stats64 stats = { 0 };
	const struct nlattr *attr;

	if (!has_head(message, RTM_NEWLINK, sizeof(*head)))
		return;
	interface.ifindex = (unsigned int)head->ifi_index;
	interface.up = head->ifi_flags & IFF_UP;
	/* LOWER_UP falls at once; RUNNING knows more (802.1X, a lower device), but may come up to a second later. */
	interface.carrier = (head->ifi_flags & IFF_RUNNING) && (head->ifi_flags & 0x10000 /* IFF_LOWER_UP */);
	interface.point_to_point = head->ifi_flags & (IFF_POINTOPOINT | IFF_NOARP);
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		if (mnl_attr_get_type(attr) == IFLA_IFNAME && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			strncpy(interface.name, mnl_attr_get_str(attr), sizeof(interface.name) - 1);
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			interface.is_port = is_port(attr);
		if (mnl_attr_get_type(attr) == IFLA_STATS64)
			memcpy(&stats, mnl_attr_get_payload(attr),
			       size_min(sizeof(stats), mnl_attr_get_payload_len(attr)));
	}
	interface.rx_bytes = stats.rx_bytes;
	interface.tx_bytes = stats.tx_bytes;
	listing->fn.interface(listing->context, &interface);
}

int route_list_interfaces(struct netlink *netlink, route_interface_fn fn, void *context)
{
	struct listing listing = { .fn.interface = fn, .context = context };
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(netlink_begin(netlink, RTM_GETLINK, NLM_F_DUMP),
							    sizeof(*head));

	head->ifi_family = AF_UNSPEC;
	return netlink_request(netlink, interface_take, &listing);
}

static void address_take(void *context, const struct nlmsghdr *message)
{
	struct listing *listing = context;
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	struct address remote = { 0 }, local = { 0 };
	struct route_address address = { 0 };
	const struct nlattr *attr;
	uint32_t flags;

	if (!has_head(message, RTM_NEWADDR, sizeof(*head)))
		return;
	flags = head->ifa_flags;
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr_address(attr);
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			remote = attr_address(attr);
		if (mnl_attr_get_type(attr) == IFA_FLAGS)
			flags = attr_u32(attr);
	}
	/* IFA_LOCAL is ours where both are there (point to point); IPv6 mostly has the other alone. */
	address.ip = address_is_unspecified(&local) ? remote : local;
	address.ifindex = head->ifa_index;
	address.n_bits = mapped_bits(head->ifa_family, head->ifa_prefixlen);
	address.global = head->ifa_scope < RT_SCOPE_LINK;
	address.usable = !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) || (flags & IFA_F_OPTIMISTIC);
	address.secondary = flags & IFA_F_SECONDARY;   /* IFA_F_TEMPORARY is the same bit */
	address.deprecated = flags & IFA_F_DEPRECATED;
	if (!address_is_unspecified(&address.ip))
		listing->fn.address(listing->context, &address);
}

int route_list_addresses(struct netlink *netlink, route_address_fn fn, void *context)
{
	struct listing listing = { .fn.address = fn, .context = context };
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(netlink_begin(netlink, RTM_GETADDR, NLM_F_DUMP),
							    sizeof(*head));

	head->ifa_family = AF_UNSPEC;
	return netlink_request(netlink, address_take, &listing);
}

/* One call a next hop of a multipath route. Lengths inside come from the kernel, and are checked all the same. */
static void hops_take(const struct listing *listing, const struct nlattr *nest, struct route_entry entry)
{
	const uint8_t *at = mnl_attr_get_payload(nest);
	size_t n_left = mnl_attr_get_payload_len(nest);

	while (n_left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)at;
		const struct nlattr *attr;
		size_t n_hop = MNL_ALIGN(hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || n_hop > n_left)
			return;
		entry.ifindex = (unsigned int)hop->rtnh_ifindex;
		entry.via = (struct address){ 0 };
		for (attr = (const void *)(at + sizeof(*hop));
		     mnl_attr_ok(attr, (int)(at + hop->rtnh_len - (const uint8_t *)attr));
		     attr = mnl_attr_next(attr))
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				entry.via = attr_address(attr);
		listing->fn.entry(listing->context, &entry);
		at += n_hop;
		n_left -= n_hop;
	}
}

/* The next hop of the other family that an IPv4 route may have (RFC 5549). */
static struct address via_address(const struct nlattr *attr)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	struct address a = { 0 };

	if (mnl_attr_get_payload_len(attr) == sizeof(*via) + sizeof(a.ip) && via->rtvia_family == AF_INET6)
		memcpy(a.ip, via->rtvia_addr, sizeof(a.ip));
	return a;
}

static void entry_attr_take(struct route_entry *entry, const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		memcpy(entry->to.ip, attr_address(attr).ip, sizeof(entry->to.ip));
		break;
	case RTA_TABLE:
		entry->table = attr_u32(attr);
		break;
	case RTA_OIF:
		entry->ifindex = attr_u32(attr);
		break;
	case RTA_GATEWAY:
		entry->via = attr_address(attr);
		break;
	case RTA_VIA:
		entry->via = via_address(attr);
		break;
	case RTA_PREFSRC:
		entry->source = attr_address(attr);
		break;
	case RTA_PRIORITY:
		entry->metric = attr_u32(attr);
		break;
	default:
		break;
	}
}

static void entry_take(void *context, const struct nlmsghdr *message)
{
	struct listing *listing = context;
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *hops = NULL;
	struct route_entry entry = { 0 };

	if (!has_head(message, RTM_NEWROUTE, sizeof(*head)) || (head->rtm_flags & RTM_F_CLONED) ||
	    (head->rtm_type != RTN_UNICAST && head->rtm_type != RTN_LOCAL))
		return;
	entry.v6 = head->rtm_family == AF_INET6;
	entry.local = head->rtm_type == RTN_LOCAL;
	entry.table = head->rtm_table;
	if (!entry.v6)
		memcpy(entry.to.ip, address_from_v4(0, 0).ip, sizeof(entry.to.ip));
	entry.to.n_bits = mapped_bits(head->rtm_family, head->rtm_dst_len);
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			hops = attr;
		else
			entry_attr_take(&entry, attr);
	}
	if (hops)
		hops_take(listing, hops, entry);
	else
		listing->fn.entry(listing->context, &entry);
}

static int list_routes(struct netlink *netlink, unsigned char family, uint8_t table, uint8_t protocol,
		       struct listing *listing)
{
	struct rtmsg *head = mnl_nlmsg_put_extra_header(netlink_begin(netlink, RTM_GETROUTE, NLM_F_DUMP),
							sizeof(*head));
	int r;

	head->rtm_family = family;
	head->rtm_table = table;
	head->rtm_protocol = protocol;
	r = netlink_request(netlink, entry_take, listing);
	return r == -ENOENT || r == -EAFNOSUPPORT ? 0 : r;   /* no such table yet, or a kernel without IPv6: no
							      * routes */
}

static void default_take(void *context, const struct route_entry *entry)
{
	const struct listing *listing = context;

	if (entry->table == RT_TABLE_MAIN && entry->to.n_bits == (entry->v6 ? 0 : 96) && !entry->local)
		listing->fn.entry(listing->context, entry);
}

int route_list_defaults(struct netlink *netlink, route_entry_fn fn, void *context)
{
	struct listing caller = { .fn.entry = fn, .context = context };
	struct listing listing = { .fn.entry = default_take, .context = &caller };
	int r = list_routes(netlink, AF_INET, RT_TABLE_MAIN, 0, &listing);

	return r ? r : list_routes(netlink, AF_INET6, RT_TABLE_MAIN, 0, &listing);
}

int route_list_ours(struct netlink *netlink, route_entry_fn fn, void *context)
{
	struct listing listing = { .fn.entry = fn, .context = context };
	int r = list_routes(netlink, AF_INET, RT_TABLE_UNSPEC, ROUTE_PROTOCOL, &listing);

	return r ? r : list_routes(netlink, AF_INET6, RT_TABLE_UNSPEC, ROUTE_PROTOCOL, &listing);
}

static void rule_take(void *context, const struct nlmsghdr *message)
{
	struct listing *listing = context;
	const struct fib_rule_hdr *head = mnl_nlmsg_get_payload(message);
	struct route_rule rule = { 0 };
	const struct nlattr *attr;
	uint8_t protocol = 0;

	if (!has_head(message, RTM_NEWRULE, sizeof(*head)))
		return;
	rule.v6 = head->family == AF_INET6;
	rule.table = head->table;
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		if (mnl_attr_get_type(attr) == FRA_SRC)
			rule.from = attr_address(attr);
		if (mnl_attr_get_type(attr) == FRA_IIFNAME && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			rule.iif_lo = !strcmp(mnl_attr_get_str(attr), "lo");
		if (mnl_attr_get_type(attr) == FRA_FWMARK)
			rule.fwmark = attr_u32(attr);
		/* the kernel names that of all bits, too */
		if (mnl_attr_get_type(attr) == FRA_FWMASK && attr_u32(attr) != UINT32_MAX)
			rule.fwmask = attr_u32(attr);
		if (mnl_attr_get_type(attr) == FRA_TABLE)
			rule.table = attr_u32(attr);
		if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			rule.priority = attr_u32(attr);
		if (mnl_attr_get_type(attr) == FRA_PROTOCOL && !mnl_attr_validate(attr, MNL_TYPE_U8))
			protocol = mnl_attr_get_u8(attr);
	}
	if (protocol == ROUTE_PROTOCOL)
		listing->fn.rule(listing->context, &rule);
}

int route_list_our_rules(struct netlink *netlink, route_rule_fn fn, void *context)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing listing = { .fn.rule = fn, .context = context };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !r; i++) {
		struct nlmsghdr *message = netlink_begin(netlink, RTM_GETRULE, NLM_F_DUMP);
		struct fib_rule_hdr *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

		head->family = families[i];
		r = netlink_request(netlink, rule_take, &listing);
		if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
			r = 0;
	}
	return r;
}
