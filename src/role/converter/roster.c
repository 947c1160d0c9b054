/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/roster.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "role/converter/subscribers_parts.h"
#include "signalling/ticket.h"

static_assert(DIRECTORY_FINGERPRINT_BYTES == TICKET_FINGERPRINT_BYTES,
	      "subscribers are found by the fingerprints in tickets");

/* 0 or -ENOMEM. */
static int take_clients(struct roster *roster, const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_subscribers; i++)
		n += conf->subscribers[i].n_clients;
	roster->clients = calloc(n + 1, sizeof(*roster->clients));
	if (!roster->clients)
		return -ENOMEM;
	for (uint32_t i = 0; i < conf->n_subscribers; i++)
		for (size_t j = 0; j < conf->subscribers[i].n_clients; j++)
			roster->clients[roster->n_clients++] =
			(struct owned){ .prefix = conf->subscribers[i].clients[j], .owner = i };
	owners_sort(roster->clients, roster->n_clients);
	return 0;
}

void roster_fingerprint(const uint8_t *name, size_t n_name, uint8_t out[DIRECTORY_FINGERPRINT_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES];   /* fewer can't be asked for */

	crypto_generichash(hash, sizeof(hash), name, n_name, NULL, 0);
	memcpy(out, hash, DIRECTORY_FINGERPRINT_BYTES);
}

static void enter(struct roster *roster, const struct conf_subscriber *subscriber, uint32_t place)
{
	struct directory_entry entry = { .place = place };

	if (subscriber->has_key) {
		ticket_fingerprint(subscriber->key, entry.fingerprint);
		roster->keys[roster->n_keys++] = entry;
	}
	if (subscriber->password[0]) {
		roster_fingerprint((const uint8_t *)subscriber->name, strlen(subscriber->name), entry.fingerprint);
		roster->logins[roster->n_logins++] = entry;
	}
}

struct roster *roster_new(struct subscribers *subscribers, const struct conf *conf)
{
	size_t n_names;
	_cleanup_(freep) struct name_number *names = subscribers_names(subscribers, &n_names);
	struct roster *roster = calloc(1, sizeof(*roster));
	bool complete = names && roster;

	if (complete) {
		roster->keys = calloc(conf->n_subscribers + 1, sizeof(*roster->keys));
		roster->logins = calloc(conf->n_subscribers + 1, sizeof(*roster->logins));
		roster->numbers = calloc(conf->n_subscribers + 1, sizeof(*roster->numbers));
		complete = roster->keys && roster->logins && roster->numbers && !take_clients(roster, conf);
	}
	for (size_t i = 0; complete && i < conf->n_subscribers; i++) {
		enter(roster, &conf->subscribers[i], (uint32_t)i);
		roster->numbers[i] = subscribers_find_or_add(subscribers, names, n_names, conf->subscribers[i].name);
		complete = roster->numbers[i] != SUBSCRIBERS_NONE;
	}
	if (!complete) {
		roster_free(roster);
		return NULL;
	}
	roster->n = conf->n_subscribers;
	directory_sort(roster->keys, roster->n_keys);
	directory_sort(roster->logins, roster->n_logins);
	return roster;
}

void roster_free(struct roster *roster)
{
	if (roster) {
		free(roster->keys);
		free(roster->logins);
		free(roster->numbers);
		free(roster->clients);
	}
	free(roster);
}

static uint32_t found_at(const struct roster *roster, const struct conf *conf, const struct directory_entry *entry,
			 const struct conf_subscriber **found)
{
	*found = entry ? &conf->subscribers[entry->place] : NULL;
	return entry ? roster->numbers[entry->place] : SUBSCRIBERS_NONE;
}

uint32_t roster_find(const struct roster *roster, const struct conf *conf,
		     const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES], const struct conf_subscriber **found)
{
	return found_at(roster, conf, directory_find(roster->keys, roster->n_keys, fingerprint), found);
}

uint32_t roster_find_login(const struct roster *roster, const struct conf *conf,
			   const uint8_t fingerprint[DIRECTORY_FINGERPRINT_BYTES], const struct conf_subscriber **found)
{
	return found_at(roster, conf, directory_find(roster->logins, roster->n_logins, fingerprint), found);
}

uint32_t roster_find_client(const struct roster *roster, const struct conf *conf, const struct address *address,
			    const struct conf_subscriber **found)
{
	const struct owned *owned = owners_find(roster->clients, roster->n_clients, address);

	*found = owned ? &conf->subscribers[owned->owner] : NULL;
	return owned ? roster->numbers[owned->owner] : SUBSCRIBERS_NONE;
}
