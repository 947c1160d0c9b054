/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/lan_hosts.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "net/neighbour.h"
#include "net/netlink.h"
#include "net/own_address.h"

#define SEEN 256                         /* the one seen longest ago makes room */
#define SEEN_US (600 * US_PER_S)

struct seen {
	struct address address;
	size_t n_link;                   /* 0: the place is free */
	uint8_t link_address[NEIGHBOUR_BYTES];
	uint64_t at_us;
};

struct lan_hosts {
	struct loop *loop;
	struct netlink *netlink;
	struct seen seen[SEEN];
};

static bool is_it(const void *context, const char *interface)
{
	return !strcmp(context, interface);
}

/* Room for one more address of the link address; NULL: it has enough. One that is known is its own. */
static struct seen *place_for(struct lan_hosts *hosts, const struct seen *wanted)
{
	struct seen *oldest = &hosts->seen[0];
	size_t n = 0;

	for (size_t i = 0; i < SEEN; i++) {
		struct seen *one = &hosts->seen[i];
		bool same = one->n_link == wanted->n_link &&
			    !memcmp(one->link_address, wanted->link_address, wanted->n_link);

		if (same && address_equal_ip(&one->address, &wanted->address))
			return one;
		n += same && wanted->at_us - one->at_us < SEEN_US;
		oldest = one->at_us < oldest->at_us ? one : oldest;
	}
	return n < LAN_HOSTS_ADDRESSES ? oldest : NULL;
}

static bool note(struct lan_hosts *hosts, const struct seen *seen)
{
	struct seen *place = place_for(hosts, seen);

	if (place)
		*place = *seen;
	return place;
}

bool lan_hosts_admit(struct lan_hosts *hosts, const char *interface, const struct address *peer, bool routed)
{
	struct seen seen = { .address = *peer, .at_us = loop_now_us(hosts->loop) };
	unsigned int ifindex = if_nametoindex(interface);
	int r;

	if (!net_is_neighbour(peer, is_it, interface))
		return routed;
	r = neighbour_find(hosts->netlink, ifindex, peer, seen.link_address, &seen.n_link);
	if (!r)
		return !seen.n_link || note(hosts, &seen);
	if (r == NEIGHBOUR_E_UNKNOWN)
		neighbour_seek(hosts->netlink, ifindex, peer);
	return false;
}

int lan_hosts_new(struct loop *loop, struct lan_hosts **out)
{
	struct lan_hosts *hosts = calloc(1, sizeof(*hosts));
	int r = hosts ? netlink_open(NETLINK_ROUTE, &hosts->netlink) : -ENOMEM;

	if (r) {
		free(hosts);
		return r;
	}
	hosts->loop = loop;
	*out = hosts;
	return 0;
}

void lan_hosts_freep(struct lan_hosts **hosts)
{
	if (*hosts)
		netlink_closep(&(*hosts)->netlink);
	free(*hosts);
	*hosts = NULL;
}
