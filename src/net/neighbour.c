/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/neighbour.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include "base/util.h"
#include "net/netlink.h"

#define SOUGHT_MOST 16          /* a link has a next hop of each family; more neighbours than that are a LAN's */

struct sought {
	unsigned int ifindex;
	size_t n;
	struct {
		uint8_t family;
		uint16_t n_address;
		uint8_t address[16];
	} at[SOUGHT_MOST];
};

static void take(void *context, const struct nlmsghdr *message)
{
	struct sought *sought = context;
	const struct ndmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(*head) || (unsigned int)head->ndm_ifindex != sought->ifindex ||
	    !(head->ndm_state & NUD_INCOMPLETE))
		return;
	mnl_attr_for_each(attr, message, sizeof(*head)) {
		uint16_t n = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != NDA_DST || n > sizeof(sought->at[0].address) || sought->n == SOUGHT_MOST)
			continue;
		sought->at[sought->n].family = head->ndm_family;
		sought->at[sought->n].n_address = n;
		memcpy(sought->at[sought->n++].address, mnl_attr_get_payload(attr), n);
	}
}

static int forget(struct netlink *netlink, const struct sought *sought, size_t i)
{
	struct nlmsghdr *message = netlink_begin(netlink, RTM_DELNEIGH, 0);
	struct ndmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	int r;

	head->ndm_family = sought->at[i].family;
	head->ndm_ifindex = (int)sought->ifindex;
	mnl_attr_put(message, NDA_DST, sought->at[i].n_address, sought->at[i].address);
	r = netlink_request(netlink, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

int neighbour_forget_sought(struct netlink *netlink, unsigned int ifindex)
{
	struct sought sought = { .ifindex = ifindex };
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
