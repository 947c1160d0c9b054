/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The converter's subscribers: what each may, what each has, what it was refused. Found by name, so that a reload
 * changes limits and nothing else; one that leaves the configuration keeps its numbers, for its sessions and for the
 * day it returns. Never freed before the end: workers name them by number.
 */
#ifndef BRAID_ROLE_CONVERTER_SUBSCRIBERS_H
#define BRAID_ROLE_CONVERTER_SUBSCRIBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"
#include "policy/quota.h"
#include "relay/account.h"
#include "role/converter/roster.h"

struct subscribers;

enum { SUBSCRIBERS_NONE = 0 };   /* the number of nobody */

enum subscribers_verdict { SUBSCRIBERS_MAY, SUBSCRIBERS_OVER_SESSIONS, SUBSCRIBERS_OVER_NEW, SUBSCRIBERS_OVER_VOLUME,
			   SUBSCRIBERS_N_VERDICTS };

int subscribers_new(unsigned int n_workers, struct subscribers **out);   /* 0 or -ENOMEM */
void subscribers_freep(struct subscribers **subscribers);

/* Main thread. The limits of conf hold from now on; the workers' relays are still to be told that paces changed. */
void subscribers_apply(struct subscribers *subscribers, const struct conf *conf, const struct roster *roster);

struct name_number {
	const char *name;            /* borrowed */
	uint32_t number;
};

/* Main thread. All that there are, to be searched by name; NULL without memory. */
struct name_number *subscribers_names(const struct subscribers *subscribers, size_t *n);
/* SUBSCRIBERS_NONE where it isn't among the names. */
uint32_t subscribers_find(const struct name_number *names, size_t n, const char *name);

/* From any thread, as all that follow. Counts a new session in, or says which limit forbids it and when to ask again
 * (1..255 s). now_us: monotonic. */
enum subscribers_verdict subscribers_enter(struct subscribers *subscribers, uint32_t number, uint64_t now_us,
					   uint8_t *retry_after_s);
void subscribers_leave(struct subscribers *subscribers, uint32_t number);   /* SUBSCRIBERS_NONE is fine */
/* Whether a session would be let in now but for max_new_per_s: what a gateway that asks wants to know. Nothing is
 * counted. */
enum subscribers_verdict subscribers_ask(struct subscribers *subscribers, uint32_t number, uint8_t *retry_after_s);
/* "max_sessions", ... for the log. */
const char *subscribers_verdict_name(enum subscribers_verdict verdict);

/* Where his gateways hear of sessions from our side: the names of their watches (role/converter/take_over.h), the
 * latest first, of more than SUBSCRIBERS_WATCHES the latest alone. How many there are. */
#define SUBSCRIBERS_WATCHES 4
size_t subscribers_watches(struct subscribers *subscribers, uint32_t number, uint64_t out[SUBSCRIBERS_WATCHES]);
void subscribers_add_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch);
/* Where the latest of them wants to be told that the links limit what is sent to it, or that one keeps a better one
 * waiting; 0: nowhere, or not now, having been told that just before. now_us: monotonic. */
uint64_t subscribers_limits_watch(struct subscribers *subscribers, uint32_t number, bool spoilt, uint64_t now_us);
void subscribers_set_limits_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch);
/* It is one no longer, of either kind; the others stay. */
void subscribers_drop_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch);

/* What the worker's relay counts the subscriber's sessions in; NULL for SUBSCRIBERS_NONE. */
struct relay_account *subscribers_account(struct subscribers *subscribers, uint32_t number, unsigned int worker);

/* A list for doc/control.md. NULL without memory. */
json_t *subscribers_json(struct subscribers *subscribers);

/* Begins the periods that have begun by the clock. */
void subscribers_turn(struct subscribers *subscribers);
/* What each has used of this day and this month, to be kept; *n_bytes: of all of them since the start. NULL without
 * memory. */
json_t *subscribers_volumes(struct subscribers *subscribers);
uint64_t subscribers_total_bytes(struct subscribers *subscribers);
/* Adds what an earlier run has kept. 0, SUBSCRIBERS_E_VOLUMES where that is nothing that subscribers_volumes()
 * writes (nothing is added then), SUBSCRIBERS_E_LATER where some of it is of a later date than the clock has (it is
 * kept until that comes), or -ENOMEM. */
enum { SUBSCRIBERS_E_VOLUMES = 1, SUBSCRIBERS_E_LATER };
int subscribers_resume(struct subscribers *subscribers, const json_t *volumes);

#endif
