/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts of the LAN that ask for mappings: who is one. A datagram may bear any source; so whoever asks must have
 * answered for that address on its interface (ARP, neighbour discovery), and who answers for many is one host. Whoever
 * feigns link addresses, too, can't be told from many hosts. Main thread.
 */
#ifndef BRAID_ROLE_MAPPINGS_LAN_HOSTS_H
#define BRAID_ROLE_MAPPINGS_LAN_HOSTS_H

#include <stdbool.h>
#include "base/address.h"
#include "loop/loop.h"

#define LAN_HOSTS_ADDRESSES 4            /* of one link address, in ten minutes: two of each family, say */

struct lan_hosts;

int lan_hosts_new(struct loop *loop, struct lan_hosts **out);   /* 0 or -ENOMEM */
void lan_hosts_freep(struct lan_hosts **hosts);
/* Whether the request that came by the interface is to be heard. One that isn't in its networks is, where routed
 * says so. An address that nobody has answered for lately is asked for: when its host asks again, it is known. */
bool lan_hosts_admit(struct lan_hosts *hosts, const char *interface, const struct address *peer, bool routed);

#endif
