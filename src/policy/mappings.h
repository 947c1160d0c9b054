/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings: an external address and port, and the host behind a subscriber's gateway that connections to it go to. Who
 * may have which one, for how long, and when it ends (RFC 6887, 11.3, 15). Found by the host's address, protocol and
 * port, by external port, by subscriber and by end, so that a request costs the same among ten as among ten thousand.
 * Pure: times are seconds of one clock that never goes back; nothing is kept but in memory.
 */
#ifndef BRAID_POLICY_MAPPINGS_H
#define BRAID_POLICY_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define MAPPINGS_NONCE_BYTES 12
#define MAPPINGS_FILTERS 8               /* a mapping */
#define MAPPINGS_STATICS 1024
#define MAPPINGS_FOR_EVER UINT64_MAX

struct mappings;

/* Who may come: the remote's address and port; port 0: any. */
struct mapping_filter {
	struct prefix from;
	uint16_t port;
};

struct mapping {
	uint32_t subscriber;
	uint8_t protocol;
	bool is_static;                  /* of the configuration: never ends, can't be deleted, has no nonce */
	struct address internal, external;
	uint8_t nonce[MAPPINGS_NONCE_BYTES];
	uint64_t ends_at_s;              /* MAPPINGS_FOR_EVER: a static one */
	size_t n_filters;                /* 0: everybody may come */
	struct mapping_filter filters[MAPPINGS_FILTERS];
};

enum mappings_change { MAPPINGS_MADE, MAPPINGS_RENEWED, MAPPINGS_ENDED };

struct mappings_options {
	struct address external;         /* without a port */
	uint16_t first_port, last_port;  /* that are given out; not 0 */
	uint32_t least_s, most_s;        /* lifetime */
	uint32_t hold_s;                 /* how long a port that was given back is nobody else's: what is still on
					  * its way to it is the old one's */
	/* Told of every change but those of mappings_restore(); the mapping is borrowed for the call, in which the
	 * table may not be changed. */
	void (*on_change)(void *context, enum mappings_change change, const struct mapping *mapping);
	void *context;
};

/* What is asked. internal: the host's address and port; port 0 (where mappings are to end): all of them. */
struct mappings_request {
	uint32_t subscriber;             /* small numbers: there is a place for each up to the greatest */
	uint32_t most;                   /* that the subscriber may have */
	uint32_t most_of_host;           /* and one of his hosts, by its address; 0: as many */
	uint8_t protocol;                /* 0 (where they are to end): all */
	struct address internal, suggested;   /* suggested: unspecified address and port 0 are no preference */
	uint8_t nonce[MAPPINGS_NONCE_BYTES];
	uint32_t lifetime_s;
	bool prefer_failure;             /* the suggested one or none */
	bool clear_filters;              /* in front of those that follow */
	size_t n_filters;
	const struct mapping_filter *filters;
};

enum {
	MAPPINGS_E_NONCE = 1,    /* another's: there is one, with another nonce */
	MAPPINGS_E_STATIC,       /* a static one doesn't end */
	MAPPINGS_E_EXTERNAL,     /* the suggested one can't be had, and no other was wanted */
	MAPPINGS_E_QUOTA,        /* the subscriber has as many as he may, or his host */
	MAPPINGS_E_FULL,         /* no port is left, or no memory */
	MAPPINGS_E_FILTERS,      /* more than MAPPINGS_FILTERS */
};

int mappings_new(const struct mappings_options *options, struct mappings **out);   /* 0 or -ENOMEM */
void mappings_freep(struct mappings **mappings);

/* Makes or renews one. *out: as it is now; with MAPPINGS_E_NONCE the one in the way. 0 or MAPPINGS_E_*; what failed
 * has changed nothing. */
int mappings_map(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s,
		 struct mapping *out);
/* Ends the one that is named, or with internal port 0 those of the host that have the nonce. That there is none is
 * fine. 0, MAPPINGS_E_NONCE (*out: it) or MAPPINGS_E_STATIC. */
int mappings_unmap(struct mappings *mappings, const struct mappings_request *request, uint64_t now_s,
		   struct mapping *out);
/* The one of the host's address, protocol and port. False: there is none. */
bool mappings_find(const struct mappings *mappings, uint32_t subscriber, uint8_t protocol,
		   const struct address *internal, struct mapping *out);

/* Ends those whose time is over. Every function that is given the time does so first. */
void mappings_turn(struct mappings *mappings, uint64_t now_s);
/* When mappings_turn() has something to do next; MAPPINGS_FOR_EVER: never, as things are. */
uint64_t mappings_turn_at_s(const struct mappings *mappings);

/* One that an earlier run has made. 0; MAPPINGS_E_EXTERNAL: its address or port is none that is given out;
 * MAPPINGS_E_FULL: somebody has it. */
int mappings_restore(struct mappings *mappings, const struct mapping *mapping, uint64_t now_s);
/* One of the configuration: only subscriber, protocol, internal, external and filters count. Whoever has that port,
 * or another one for that host and port, loses it. 0 or MAPPINGS_E_FULL. */
int mappings_add_static(struct mappings *mappings, const struct mapping *mapping, uint64_t now_s);
void mappings_drop_statics(struct mappings *mappings);
/* The subscriber is one no longer: all that he asked for ends. */
void mappings_end_all(struct mappings *mappings, uint32_t subscriber, uint64_t now_s);

/* Live ones in any order: *at begins at 0; NULL at the end. Borrowed until the table changes. */
const struct mapping *mappings_next(const struct mappings *mappings, uint32_t *at);
size_t mappings_count(const struct mappings *mappings);   /* of live ones */

#endif
