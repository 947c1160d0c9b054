/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules of [policy] make of a connection. */
#ifndef BRAID_ROLE_GATEWAY_TREATMENT_H
#define BRAID_ROLE_GATEWAY_TREATMENT_H

#include <stdint.h>
#include "conf/conf.h"
#include "net/socket.h"
#include "policy/choose.h"
#include "policy/rules.h"

struct treatment {
	enum rule_action action;
	uint32_t accept;          /* enum conf_accept */
	uint8_t dscp;             /* of what we send for it */
	int priority;             /* SO_PRIORITY of its sockets; RULE_PRIORITY_NONE: as they are */
	uint8_t link;             /* over this one alone; CHOOSE_NO_LINK: over all */
};

/* Gateway: of a connection whose first packet waits. nft has looked at the rules, and knows more than could be found
 * out here: rule is the number of the one that matched, RULES_NONE: none did. */
struct treatment treatment_of_packet(const struct conf *conf, uint8_t dscp, size_t rule);
/* Gateway: of one that was accepted without its first packet having been seen: no rule asks more for it than that.
 * (Where no packets can be held, rules that do are rules that bond.) */
struct treatment treatment_of_connection(const struct conf *conf);
/* Of a connection of which these facts are known, its DSCP among them; what time it is is looked up here. Gateway:
 * where the server's name was asked for. */
struct treatment treatment_of_facts(const struct conf *conf, struct rule_facts *facts);
/* Converter: of a request. subscriber: its name, NULL where it has none; dscp: of the host's connection. */
struct treatment treatment_of_request(const struct conf *conf, const struct address *client,
				      const struct address *destination, const char *subscriber, uint8_t dscp);

/* What nft on this machine is to know of a socket of ours that goes to a destination itself, where connections of
 * the machine's own are taken: that it isn't one of them. 0: nothing. */
uint32_t treatment_fwmark(const struct conf *conf);

/* What the legs of the connection are marked with, at both roles. */
struct net_marking treatment_marking(const struct treatment *treatment);

#endif
