/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of configuration keys, and how a value of each type is read. Private to conf/. */
#ifndef BRAID_CONF_KEYS_H
#define BRAID_CONF_KEYS_H

#include "conf/conf.h"

enum conf_type {
	CONF_TYPE_UINT,        /* decimal, or hex with 0x; min..max; target uint32_t */
	CONF_TYPE_PORT,        /* 1..65535; target uint16_t */
	CONF_TYPE_BOOL,        /* yes or no */
	CONF_TYPE_TEXT,        /* at most max bytes with the terminating zero */
	CONF_TYPE_KEY,         /* 64 hex digits */
	CONF_TYPE_CHOICE,      /* one of the choices; target uint32_t, its place among them */
	CONF_TYPE_NEXT_HOP,    /* one address, of IPv4 or IPv6 by min: 4 or 6 */
	CONF_TYPE_PATH,        /* as CONF_TYPE_TEXT, absolute */
	CONF_TYPE_INTERFACE,   /* one name */
	CONF_TYPE_ADDRESSES,   /* list of ADDRESS[:PORT] into an array of max */
	CONF_TYPE_INTERFACES,  /* list of names into an array of max */
	CONF_TYPE_PREFIXES,    /* list of prefixes, allocated */
};

enum conf_section { CONF_GATEWAY, CONF_CONVERTER, CONF_LINK, CONF_SUBSCRIBER, CONF_DAEMON, CONF_LIMITS, CONF_RELAY, CONF_LOG, CONF_N_SECTIONS };

struct conf_key {
	enum conf_section section;
	const char *name;
	enum conf_type type;
	size_t offset;         /* in the section's struct: struct conf, conf_link or conf_subscriber */
	size_t n_offset;       /* of the size_t count of a list, or of the bool that tells a key was given; 0: none */
	uint32_t min, max;
	const char *const *choices;   /* of CONF_TYPE_CHOICE; ends with NULL */
	const char *fallback;  /* default as it would be written; NULL: must be given (required) or stays empty */
	bool required;
	bool restart;          /* a change needs a restart */
	const char *help;
};

extern const struct conf_key conf_keys[];
extern const size_t n_conf_keys;
extern const char *const conf_section_names[CONF_N_SECTIONS];

enum { VALUE_E_INVALID = 1 };

/* Reads text into the field at base + key->offset; lists are appended to. 0, VALUE_E_INVALID, or -ENOMEM. */
int conf_value_set(const struct conf_key *key, void *base, const char *text);
/* What would be right, as text: "1..65535", "yes or no", ... */
void conf_value_wanted(const struct conf_key *key, char *out, size_t n_out);

#endif
