/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/mptcp_pm.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <string.h>
#include "base/util.h"
#include "net/netlink.h"

struct mptcp_pm {
	struct netlink *netlink;
	uint16_t family;
};

void mptcp_pm_closep(struct mptcp_pm **pm)
{
	if (*pm)
		netlink_closep(&(*pm)->netlink);
	free(*pm);
	*pm = NULL;
}

int mptcp_pm_open(struct mptcp_pm **out)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = calloc(1, sizeof(*pm));
	int r;

	if (!pm)
		return -ENOMEM;
	r = netlink_open(NETLINK_GENERIC, &pm->netlink);
	if (r)
		return r;
	r = netlink_generic_family(pm->netlink, MPTCP_PM_NAME, &pm->family);
	if (r)
		return r;
	*out = pm;
	pm = NULL;
	return 0;
}

const char *mptcp_pm_error_text(const struct mptcp_pm *pm)
{
	return netlink_error_text(pm->netlink);
}

static struct nlmsghdr *begin(struct mptcp_pm *pm, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = netlink_begin(pm->netlink, pm->family, flags);
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));

	generic->cmd = command;
	generic->version = MPTCP_PM_VER;
	return message;
}

/* An attribute of the exact size of the variable: anything else is passed over. */
static void attr_take(const struct nlattr *attr, void *out, size_t n_bytes)
{
	if (mnl_attr_get_payload_len(attr) == n_bytes)
		memcpy(out, mnl_attr_get_payload(attr), n_bytes);
}

static void endpoint_get(const struct nlattr *nest, struct mptcp_pm_endpoint *endpoint)
{
	const struct nlattr *attr;
	uint32_t v4 = 0;
	uint16_t port = 0;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case MPTCP_PM_ADDR_ATTR_ID:
			attr_take(attr, &endpoint->id, sizeof(endpoint->id));
			break;
		case MPTCP_PM_ADDR_ATTR_ADDR4:
			attr_take(attr, &v4, sizeof(v4));
			endpoint->ip = address_from_v4(v4, 0);
			break;
		case MPTCP_PM_ADDR_ATTR_ADDR6:
			attr_take(attr, endpoint->ip.ip, sizeof(endpoint->ip.ip));
			break;
		case MPTCP_PM_ADDR_ATTR_PORT:
			attr_take(attr, &port, sizeof(port));
			break;
		case MPTCP_PM_ADDR_ATTR_FLAGS:
			attr_take(attr, &endpoint->flags, sizeof(endpoint->flags));
			break;
		case MPTCP_PM_ADDR_ATTR_IF_IDX:
			attr_take(attr, &endpoint->ifindex, sizeof(endpoint->ifindex));
			break;
		default:
			break;
		}
	}
	endpoint->ip.port = port;
}

static void endpoint_put(struct nlmsghdr *message, const struct mptcp_pm_endpoint *endpoint)
{
	struct nlattr *nest = mnl_attr_nest_start(message, MPTCP_PM_ATTR_ADDR);
	bool v4 = address_is_v4(&endpoint->ip);

	mnl_attr_put_u16(message, MPTCP_PM_ADDR_ATTR_FAMILY, v4 ? AF_INET : AF_INET6);
	mnl_attr_put_u8(message, MPTCP_PM_ADDR_ATTR_ID, endpoint->id);
	if (v4)
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR4, 4, endpoint->ip.ip + 12);
	else
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR6, 16, endpoint->ip.ip);
	mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_FLAGS, endpoint->flags);
	if (endpoint->ip.port)
		mnl_attr_put_u16(message, MPTCP_PM_ADDR_ATTR_PORT, endpoint->ip.port);
	if (endpoint->ifindex)
		mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_IF_IDX, endpoint->ifindex);
	mnl_attr_nest_end(message, nest);
}

struct listing {
	mptcp_pm_endpoint_fn fn;
	void *context;
};

static void listing_take(void *context, const struct nlmsghdr *message)
{
	struct listing *listing = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		struct mptcp_pm_endpoint endpoint = { 0 };

		if (mnl_attr_get_type(attr) != MPTCP_PM_ATTR_ADDR)
			continue;
		endpoint_get(attr, &endpoint);
		listing->fn(listing->context, &endpoint);
	}
}

int mptcp_pm_list(struct mptcp_pm *pm, mptcp_pm_endpoint_fn fn, void *context)
{
	struct listing listing = { .fn = fn, .context = context };

	begin(pm, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP);
	return netlink_request(pm->netlink, listing_take, &listing);
}

int mptcp_pm_add(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint)
{
	endpoint_put(begin(pm, MPTCP_PM_CMD_ADD_ADDR, 0), endpoint);
	return netlink_request(pm->netlink, NULL, NULL);
}

int mptcp_pm_delete(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint)
{
	endpoint_put(begin(pm, MPTCP_PM_CMD_DEL_ADDR, 0), endpoint);
	return netlink_request(pm->netlink, NULL, NULL);
}

int mptcp_pm_set_backup(struct mptcp_pm *pm, const struct mptcp_pm_endpoint *endpoint)
{
	endpoint_put(begin(pm, MPTCP_PM_CMD_SET_FLAGS, 0), endpoint);
	return netlink_request(pm->netlink, NULL, NULL);
}

static void limits_take(void *context, const struct nlmsghdr *message)
{
	struct mptcp_pm_limits *limits = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == MPTCP_PM_ATTR_SUBFLOWS)
			attr_take(attr, &limits->subflows, sizeof(limits->subflows));
		if (mnl_attr_get_type(attr) == MPTCP_PM_ATTR_RCV_ADD_ADDRS)
			attr_take(attr, &limits->add_addr_accepted, sizeof(limits->add_addr_accepted));
	}
}

int mptcp_pm_get_limits(struct mptcp_pm *pm, struct mptcp_pm_limits *limits)
{
	*limits = (struct mptcp_pm_limits){ 0 };
	begin(pm, MPTCP_PM_CMD_GET_LIMITS, 0);
	return netlink_request(pm->netlink, limits_take, limits);
}

int mptcp_pm_set_limits(struct mptcp_pm *pm, const struct mptcp_pm_limits *limits)
{
	struct nlmsghdr *message = begin(pm, MPTCP_PM_CMD_SET_LIMITS, 0);

	mnl_attr_put_u32(message, MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits->add_addr_accepted);
	mnl_attr_put_u32(message, MPTCP_PM_ATTR_SUBFLOWS, limits->subflows);
	return netlink_request(pm->netlink, NULL, NULL);
}
