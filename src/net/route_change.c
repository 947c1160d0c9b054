/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The changing half of net/route.h, and its notifications. */
#include "net/route.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"

static void put_ip(struct nlmsghdr *message, uint16_t type, const uint8_t ip[16], bool v6)
{
	if (v6)
		mnl_attr_put(message, type, 16, ip);
	else
		mnl_attr_put(message, type, 4, ip + 12);
}

static void put_via(struct nlmsghdr *message, const struct route_entry *entry)
{
	struct {
		uint16_t family;
		uint8_t ip[16];
	} via = { .family = AF_INET6 };

	if (address_is_unspecified(&entry->via))
		return;
	if (entry->v6 || address_is_v4(&entry->via)) {
		put_ip(message, RTA_GATEWAY, entry->via.ip, entry->v6);
		return;
	}
	memcpy(via.ip, entry->via.ip, sizeof(via.ip));
	mnl_attr_put(message, RTA_VIA, sizeof(via), &via);
}

static int route_change(struct netlink *netlink, uint16_t type, uint16_t flags, const struct route_entry *entry)
{
	struct nlmsghdr *message = netlink_begin(netlink, type, flags);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	bool has_via = !address_is_unspecified(&entry->via);

	head->rtm_family = entry->v6 ? AF_INET6 : AF_INET;
	head->rtm_dst_len = (uint8_t)(entry->v6 ? entry->to.n_bits : entry->to.n_bits - 96);
	head->rtm_protocol = ROUTE_PROTOCOL;
	head->rtm_type = entry->local ? RTN_LOCAL : RTN_UNICAST;
	head->rtm_scope = entry->local ? RT_SCOPE_HOST : has_via || entry->v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	head->rtm_table = entry->table < 256 ? (uint8_t)entry->table : RT_TABLE_UNSPEC;
	if (has_via)   /* the next hop is there, whether or not a route of ours says so (a /32 from DHCP or PPP) */
		head->rtm_flags = RTNH_F_ONLINK;
	mnl_attr_put_u32(message, RTA_TABLE, entry->table);
	if (head->rtm_dst_len)
		put_ip(message, RTA_DST, entry->to.ip, entry->v6);
	put_via(message, entry);
	mnl_attr_put_u32(message, RTA_OIF, entry->ifindex);
	if (!address_is_unspecified(&entry->source))
		put_ip(message, RTA_PREFSRC, entry->source.ip, entry->v6);
	if (entry->metric)
		mnl_attr_put_u32(message, RTA_PRIORITY, entry->metric);
	return netlink_request(netlink, NULL, NULL);
}

int route_add(struct netlink *netlink, const struct route_entry *entry)
{
	return route_change(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, entry);
}

int route_delete(struct netlink *netlink, const struct route_entry *entry)
{
	return route_change(netlink, RTM_DELROUTE, 0, entry);
}

static int rule_change(struct netlink *netlink, uint16_t type, uint16_t flags, const struct route_rule *rule)
{
	struct nlmsghdr *message = netlink_begin(netlink, type, flags);
	struct fib_rule_hdr *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	head->family = rule->v6 ? AF_INET6 : AF_INET;
	head->action = FR_ACT_TO_TBL;
	head->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	if (!address_is_unspecified(&rule->from)) {
		head->src_len = rule->v6 ? 128 : 32;
		put_ip(message, FRA_SRC, rule->from.ip, rule->v6);
	}
	if (rule->iif_lo)
		mnl_attr_put_strz(message, FRA_IIFNAME, "lo");
	if (rule->fwmark)
		mnl_attr_put_u32(message, FRA_FWMARK, rule->fwmark);
	if (rule->fwmask)
		mnl_attr_put_u32(message, FRA_FWMASK, rule->fwmask);
	mnl_attr_put_u32(message, FRA_TABLE, rule->table);
	mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(message, FRA_PROTOCOL, ROUTE_PROTOCOL);
	return netlink_request(netlink, NULL, NULL);
}

int route_add_rule(struct netlink *netlink, const struct route_rule *rule)
{
	return rule_change(netlink, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

int route_delete_rule(struct netlink *netlink, const struct route_rule *rule)
{
	return rule_change(netlink, RTM_DELRULE, 0, rule);
}

int route_open_events(struct netlink **out)
{
	static const unsigned int groups[] = { RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
					       RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
					       RTNLGRP_IPV6_RULE };

	return netlink_open_events(NETLINK_ROUTE, groups, ARRAY_SIZE(groups), out);
}

bool route_event_matters(const struct nlmsghdr *message)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
		return true;
	return mnl_nlmsg_get_payload_len(message) >= sizeof(*head) &&
	       (!head->rtm_dst_len || head->rtm_protocol == ROUTE_PROTOCOL);
}
