/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of [policy] (doc/policy.md): in order, the first that matches decides what becomes of a connection; where
 * none does, it is bonded. Pure: what is known of a connection is handed in. conf/ makes the rules, path/rules_nft.h
 * writes them for nft, roles ask rules_find().
 */
#ifndef BRAID_POLICY_RULES_H
#define BRAID_POLICY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "policy/prefixes.h"

#define RULES_MOST 1024             /* each is looked at in turn */
#define RULES_LISTS 1024
#define RULES_NONE ((size_t)-1)
#define RULE_NAME_BYTES 32          /* of rules, lists, links and subscribers, with the terminating zero */
#define RULE_INTERFACE_BYTES 16     /* IFNAMSIZ */
#define RULE_TLS_NAME_BYTES 254     /* of a host name, with the terminating zero */
#define RULE_ITEMS 32               /* ports, interfaces, MACs, subscribers, TLS names of one rule, of each kind */
#define RULE_LISTS 8                /* named lists at one side of a rule */
#define RULE_MAC_BYTES 6
#define RULE_EXPLANATION_BYTES 400
#define RULE_DSCP_COPY (-1)
#define RULE_PRIORITY_NONE (-1)
#define RULE_DSCP_ALL UINT64_MAX
#define RULE_DAYS_ALL 0x7fu
#define RULE_DAY_MINUTES 1440

enum rule_action { RULE_BOND, RULE_BYPASS, RULE_LINK, RULE_REJECT, RULE_N_ACTIONS };
enum rule_accept { RULE_ACCEPT_DEFAULT, RULE_ACCEPT_AUTO, RULE_ACCEPT_FAITHFUL, RULE_ACCEPT_EARLY, RULE_N_ACCEPTS };
const char *rule_action_name(enum rule_action action);
const char *rule_accept_name(enum rule_accept accept);

/* Where a connection comes from, or where it goes: any address, or one that is in the prefixes or in one of the
 * lists. */
struct rule_side {
	struct prefixes own;                /* written in the rule itself */
	size_t lists[RULE_LISTS];           /* in rules->lists */
	size_t n_lists;
	bool given;                         /* false: any address */
};

struct rule_ports { uint16_t first, last; };

struct rule {
	char name[RULE_NAME_BYTES];         /* as given, or "rule 3" */
	char *text;                         /* as written, without the name; malloc'd */
	unsigned int line;

	enum rule_action action;
	char link[RULE_NAME_BYTES];         /* RULE_LINK: which */
	enum rule_accept accept;
	int set_dscp;                       /* of what we send for the connection: 0..63, or RULE_DSCP_COPY */
	int priority;                       /* SO_PRIORITY of its sockets: 0..6, or RULE_PRIORITY_NONE */

	/* What it matches: each kind that isn't given matches everything. */
	struct rule_side from, to;
	struct rule_ports ports[RULE_ITEMS];   /* of the destination; sorted and merged by rules_add() */
	size_t n_ports;
	char interfaces[RULE_ITEMS][RULE_INTERFACE_BYTES];
	size_t n_interfaces;
	uint64_t dscp;                      /* a bit a value; RULE_DSCP_ALL when not given */
	uint8_t macs[RULE_ITEMS][RULE_MAC_BYTES];
	size_t n_macs;
	char subscribers[RULE_ITEMS][RULE_NAME_BYTES];
	size_t n_subscribers;
	uint16_t from_minute, to_minute;    /* of the local day, 0..1440, to not included; from > to: over midnight,
					     * the day is that of from */
	uint8_t days;                       /* a bit a weekday, Sunday is bit 0 as in tm_wday */
	char (*tls_names)[RULE_TLS_NAME_BYTES];   /* lower case; "host.example" or "*.example"; malloc'd */
	size_t n_tls_names;
};

struct rule_list {
	char name[RULE_NAME_BYTES];
	struct prefixes prefixes;
	bool dynamic;                       /* its addresses are in the kernel alone, dnsmasq fills them in; prefixes
					     * is empty */
	bool defined;                       /* else only named by a rule so far */
};

struct rules {
	struct rule *all;
	size_t n;
	struct rule_list *lists;
	size_t n_lists;
};

/* What is known of a connection. What isn't known matches no rule that asks for it. */
struct rule_facts {
	struct address source, destination;
	const char *interface;              /* that it came in by; NULL: not known */
	int dscp;                           /* 0..63; negative: not known */
	const uint8_t *mac;                 /* RULE_MAC_BYTES of its source; NULL: not known */
	const char *subscriber;             /* NULL: none, or not known */
	unsigned int minute;                /* of the local day, 0..1439 */
	unsigned int weekday;               /* 0..6, Sunday is 0 */
	const char *tls_name;               /* the server's name in its ClientHello; NULL: not known */
	/* Whether a dynamic list holds the address; NULL: dynamic lists hold nothing. */
	bool (*list_holds)(void *context, const struct rule_list *list, const struct address *address);
	void *context;
};

/* What a rule looks at, in this order. */
enum rule_kind { RULE_FROM, RULE_TO, RULE_PORT, RULE_INTERFACE, RULE_DSCP, RULE_MAC, RULE_SUBSCRIBER, RULE_TIME,
		 RULE_TLS_NAME, RULE_N_KINDS };

struct rules *rules_new(void);              /* NULL without memory */
void rules_freep(struct rules **rules);
void rule_init(struct rule *rule);          /* matches everything, bonds */
void rule_end(struct rule *rule);           /* gives back what it owns */
/* Takes what *rule owns, also on failure. 0, RULES_E_MANY or -ENOMEM. */
int rules_add(struct rules *rules, struct rule *rule);
/* The index of a list by its name, a new one that isn't defined yet where there is none. 0, RULES_E_MANY or -ENOMEM. */
int rules_list(struct rules *rules, const char *name, size_t *index);
/* Says what is in a list that isn't defined yet. Borrows all. 0 or -ENOMEM. */
int rules_define_list(struct rules *rules, size_t index, const struct prefix *all, size_t n, bool dynamic);

enum { RULES_E_MANY = 1 };

/* The first rule that matches, or RULES_NONE: bond. */
size_t rules_find(const struct rules *rules, const struct rule_facts *facts);
/* The first kind of thing in the rule that doesn't match, or RULE_N_KINDS: it matches. */
enum rule_kind rules_mismatch(const struct rules *rules, const struct rule *rule, const struct rule_facts *facts);
/* Whether the rule matches, and why in a sentence without a full stop: the first thing in it that doesn't match, or
 * that everything does. */
bool rules_explain(const struct rules *rules, size_t index, const struct rule_facts *facts,
		   char out[RULE_EXPLANATION_BYTES]);

/* The first earlier rule that matches whatever this one matches, so that this one never decides; or RULES_NONE. One
 * rule alone is looked at at a time: several that shadow it together are not found. */
size_t rules_shadowed_by(const struct rules *rules, size_t index);
/* Whether nothing can match: the one side has IPv4 addresses alone, the other IPv6 addresses alone. */
bool rules_never_matches(const struct rules *rules, size_t index);
/* Whether the rule holds at that minute of the local week; what path/rules_nft.c makes UTC of. */
bool rule_holds_at(const struct rule *rule, unsigned int weekday, unsigned int minute);

#endif
