/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of configuration keys, and how a value of each type is read. Private to conf/. */
#ifndef BRAID_CONF_KEYS_H
#define BRAID_CONF_KEYS_H

#include "conf/conf.h"

enum conf_type {
	CONF_TYPE_UINT,        /* decimal, or hex with 0x; min..max; target uint32_t */
	CONF_TYPE_BYTES,       /* a number of bytes, with k, M, G or T behind it for the powers of 1000;
			        * 0..CONF_BYTES_MOST; target uint64_t */
	CONF_TYPE_PORT,        /* 1..65535; target uint16_t */
	CONF_TYPE_BOOL,        /* yes or no */
	CONF_TYPE_TEXT,        /* at most max bytes with the terminating zero */
	CONF_TYPE_KEY,         /* 64 hex digits */
	CONF_TYPE_CHOICE,      /* one of the choices; target uint32_t, its place among them */
	CONF_TYPE_CHOICES,     /* list of them; target uint32_t, a bit each */
	CONF_TYPE_IP,          /* one address, of IPv4 or IPv6 by min: 4 or 6; 0: of either */
	CONF_TYPE_PREFIX,      /* one prefix, the same */
	CONF_TYPE_ENDPOINT,    /* one address with a port */
	CONF_TYPE_NAMES,       /* list of users or groups, by name or number, into an array of max */
	CONF_TYPE_CGROUPS,     /* list of paths below the root of control groups, into an array of max */
	CONF_TYPE_PORT_LIST,   /* list of ports and ranges of them into an array of max; target struct rule_ports */
	CONF_TYPE_PORTS,       /* a range FIRST-LAST; target struct conf_ports */
	CONF_TYPE_PATH,        /* as CONF_TYPE_TEXT, absolute */
	CONF_TYPE_INTERFACE,   /* one name */
	CONF_TYPE_ADDRESSES,   /* list of ADDRESS[:PORT] into an array of max; min: the port unless given, 0:
			        * Convert's */
	CONF_TYPE_CONVERTERS,  /* the same with Convert's port, and dhcp among them; target struct conf_gateway */
	CONF_TYPE_IPS,         /* list of addresses without ports into an array of max */
	CONF_TYPE_INTERFACES,  /* list of names into an array of max */
	CONF_TYPE_PREFIXES,    /* list of prefixes, allocated */
	CONF_TYPE_PREFIX_FILE, /* a file of prefixes, a line each; the target is that of CONF_TYPE_PREFIXES; parse.c
			        * reads it */
	CONF_TYPE_RULES,       /* a rule each time (conf/rule.h); parse.c hands them on */
};

#define CONF_BYTES_MOST 1000000000000000000ull

enum conf_section { CONF_GATEWAY, CONF_CONVERTER, CONF_LINK, CONF_SUBSCRIBER, CONF_DAEMON, CONF_LIMITS, CONF_RELAY,
		    CONF_LOG, CONF_POLICY, CONF_LIST, CONF_FORWARD, CONF_HOST, CONF_UPSTREAM,
		    CONF_N_SECTIONS };

/* [list NAME] while it is read; what is in it goes into struct rules. */
struct conf_list {
	char name[CONF_NAME_BYTES];
	struct prefix *prefixes;
	size_t n_prefixes;
	bool dnsmasq;
};

struct conf_key {
	enum conf_section section;
	const char *name;
	enum conf_type type;
	size_t offset;         /* in the section's struct: struct conf, conf_link, conf_subscriber, conf_list,
			        * conf_forward or conf_upstream */
	size_t n_offset;       /* of the size_t count of a list, or of the bool that tells a key was given; 0: none */
	uint32_t min, max;
	const char *const *choices;   /* of CONF_TYPE_CHOICE and CONF_TYPE_CHOICES; ends with NULL */
	const char *fallback;  /* default as it would be written; NULL: must be given (required) or stays empty */
	bool required;
	bool restart;          /* a change needs a restart */
	bool secret;           /* not to be shown, even a bad one */
	const char *help;
};

extern const struct conf_key conf_keys[];
extern const size_t n_conf_keys;
extern const char *const conf_section_names[CONF_N_SECTIONS];

static inline bool conf_section_is_named(enum conf_section section)
{
	return section == CONF_LINK || section == CONF_SUBSCRIBER || section == CONF_LIST || section == CONF_FORWARD ||
	       section == CONF_UPSTREAM;
}

enum { VALUE_E_INVALID = 1 };
#define CONF_WANTED_BYTES 400

/* Reads text into the field at base + key->offset; lists are appended to. 0, VALUE_E_INVALID, or -ENOMEM. */
int conf_value_set(const struct conf_key *key, void *base, const char *text);
/* Appends to a list that only this function makes longer. 0, VALUE_E_INVALID or -ENOMEM. */
int conf_prefix_add(struct prefix **list, size_t *n, const char *item);
/* An interface's name. 0 or VALUE_E_INVALID. */
int conf_interface_set(char out[CONF_INTERFACE_BYTES], const char *text);
bool conf_name_is_sound(const char *name);        /* of a link, a subscriber, a rule */
bool conf_list_name_is_sound(const char *name);   /* the same with a letter first: it becomes the name of a set in
						   * nft */
/* What would be right, as text: "1..65535", "yes or no", ... */
void conf_value_wanted(const struct conf_key *key, char *out, size_t n_out);

#endif
