/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules of [policy] make of a connection. */
#ifndef BRAID_ROLE_TREATMENT_H
#define BRAID_ROLE_TREATMENT_H

#include <stdint.h>
#include "conf/conf.h"
#include "net/queue.h"
#include "policy/choose.h"
#include "wire/syn.h"

struct treatment {
	enum rule_action action;
	uint32_t accept;          /* enum conf_accept */
	uint8_t dscp;             /* of what we send for it */
	int priority;             /* SO_PRIORITY of its sockets; RULE_PRIORITY_NONE: as they are */
	uint8_t link;             /* over this one alone; CHOOSE_NO_LINK: over all */
};

/* Gateway: of a connection whose first packet is there. nft has matched the rule already where it could: rule is then its number, else RULES_NONE. */
struct treatment treatment_of_packet(const struct conf *conf, const struct net_queue_packet *packet, const struct syn *syn, size_t rule);
/* Gateway: of one that was accepted without its first packet having been seen. nft has let it come, so that it is to be bonded, whatever can't be known now. */
struct treatment treatment_of_connection(const struct conf *conf, const struct address *source, const struct address *destination);
/* Converter: of a request. subscriber: its name, NULL where it has none; dscp: of the host's connection. */
struct treatment treatment_of_request(const struct conf *conf, const struct address *client, const struct address *destination,
				      const char *subscriber, uint8_t dscp);

#endif
