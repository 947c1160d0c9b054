/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include "base/util.h"
#include "net/netlink.h"

#define SOUGHT_MOST 16          /* a link has a next hop of each family; more neighbours than that are a LAN's */

struct sought {
	unsigned int ifindex;
	uint8_t family;
	size_t n;
	struct {
		uint16_t n_address;
		uint8_t address[16];
	} at[SOUGHT_MOST];
};

static void take(void *context, const struct nlmsghdr *message)
{
	struct sought *sought = context;
	const struct ndmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*head) ||
	    (unsigned int)head->ndm_ifindex != sought->ifindex || head->ndm_family != sought->family ||
	    !(head->ndm_state & NUD_INCOMPLETE))
		return;
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		uint16_t n = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != NDA_DST || n > sizeof(sought->at[0].address) || sought->n == SOUGHT_MOST)
			continue;
		sought->at[sought->n].n_address = n;
		memcpy(sought->at[sought->n++].address, mnl_attr_get_payload(attr), n);
	}
}

static void put_address(struct nlmsghdr *message, const struct address *a)
{
	if (address_is_v4(a))
		mnl_attr_put(message, NDA_DST, 4, a->ip + 12);
	else
		mnl_attr_put(message, NDA_DST, sizeof(a->ip), a->ip);
}

struct found {
	bool valid;
	size_t n;
	uint8_t link_address[NEIGHBOUR_BYTES];
};

static void take_found(void *context, const struct nlmsghdr *message)
{
	struct found *found = context;
	const struct ndmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return;
	found->valid = head->ndm_state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT |
					  NUD_NOARP);
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		if (mnl_attr_get_type(attr) != NDA_LLADDR || head->ndm_state & NUD_NOARP)
			continue;
		found->n = size_min(mnl_attr_get_payload_len(attr), sizeof(found->link_address));
		memcpy(found->link_address, mnl_attr_get_payload(attr), found->n);
	}
}

static struct ndmsg *begin(struct netlink *netlink, uint16_t type, uint16_t flags, unsigned int ifindex,
			   const struct address *a)
{
	struct nlmsghdr *message = netlink_begin(netlink, type, flags);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	head->ndm_family = address_is_v4(a) ? AF_INET : AF_INET6;
	head->ndm_ifindex = (int)ifindex;
	put_address(message, a);
	return head;
}

int neighbour_find(struct netlink *netlink, unsigned int ifindex, const struct address *a,
		   uint8_t link_address[NEIGHBOUR_BYTES], size_t *n)
{
	struct found found = { 0 };
	int r;

	begin(netlink, RTM_GETNEIGH, 0, ifindex, a);
	r = netlink_request(netlink, take_found, &found);
	if (r && r != -ENOENT)
		return r;
	*n = found.n;
	memcpy(link_address, found.link_address, found.n);
	return found.valid ? 0 : NEIGHBOUR_E_UNKNOWN;
}

int neighbour_seek(struct netlink *netlink, unsigned int ifindex, const struct address *a)
{
	begin(netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, a)->ndm_flags = NTF_USE;
	return netlink_request(netlink, NULL, NULL);
}

static int forget(struct netlink *netlink, const struct sought *sought, size_t i)
{
	struct nlmsghdr *message = netlink_begin(netlink, RTM_DELNEIGH, 0);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	int r;

	head->ndm_family = sought->family;
	head->ndm_ifindex = (int)sought->ifindex;
	mnl_attr_put(message, NDA_DST, sought->at[i].n_address, sought->at[i].address);
	r = netlink_request(netlink, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

int neighbour_forget_sought(struct netlink *netlink, unsigned int ifindex, bool v6)
{
	struct sought sought = { .ifindex = ifindex, .family = v6 ? AF_INET6 : AF_INET };
	struct nlmsghdr *message = netlink_begin(netlink, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	int r;

	head->ndm_family = AF_UNSPEC;
	mnl_attr_put_u32(message, NDA_IFINDEX, ifindex);
	r = netlink_request(netlink, take, &sought);
	for (size_t i = 0; !r && i < sought.n; i++)
		r = forget(netlink, &sought, i);
	return r;
}
