/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a configuration serves, found by what they show: a key, a name, an address. Immutable, and read by any
 * thread. */
#ifndef BRAID_ROLE_CONVERTER_ROSTER_H
#define BRAID_ROLE_CONVERTER_ROSTER_H

#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"
#include "policy/directory.h"
#include "policy/owners.h"

struct subscribers;

/* By the fingerprints of their keys, and of the names of those that have a password. */
struct roster {
	struct directory_entry *keys, *logins;   /* place: in the configuration */
	size_t n_keys, n_logins;
	uint32_t *numbers;                 /* by place */
	size_t n;
	struct owned *clients;             /* by their addresses; owner: the place */
	size_t n_clients;
};

/* Gives every subscriber of conf a number, the one that it had before; limits stay as they are. NULL without memory.
 * Main thread. */
struct roster *roster_new(struct subscribers *subscribers, const struct conf *conf);
void roster_free(struct roster *roster);   /* NULL is fine */

/* Number and configuration of the one whose key has the fingerprint; SUBSCRIBERS_NONE: nobody's. */
uint32_t roster_find(const struct roster *roster, const struct conf *conf,
		     const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES], const struct conf_subscriber **found);
/* The same of the one whose name has the fingerprint, and who has a password. Another name may have the same one. */
void roster_fingerprint(const uint8_t *name, size_t n_name, uint8_t out[DIRECTORY_FINGERPRINT_BYTES]);
uint32_t roster_find_login(const struct roster *roster, const struct conf *conf,
			   const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES],
			   const struct conf_subscriber **found);

/* The same of the one whose client has the address. */
uint32_t roster_find_client(const struct roster *roster, const struct conf *conf, const struct address *address,
			    const struct conf_subscriber **found);

#endif
