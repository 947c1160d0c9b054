/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's converters, in the main thread: those of the configuration and those that DHCP has told of, in their
 * order; a watch on each, and which of them new connections go to (policy/converters.h). A list that changes under way
 * leaves what runs alone: whoever goes on with a converter that has left it has a reference.
 */
#ifndef BRAID_ROLE_GATEWAY_UPSTREAMS_H
#define BRAID_ROLE_GATEWAY_UPSTREAMS_H

#include <jansson.h>
#include "policy/provisions.h"
#include "role/gateway/watch.h"

struct upstreams;

struct upstreams_options {
	struct shared *shared;                       /* borrowed */
	struct view *(*view)(void *context);         /* the present view, borrowed for the call */
	/* The converter that is in use has answered, anew perhaps, or is another one; or none answers any more, and
	 * why. */
	void (*on_change)(void *context, bool reachable, const char *why);
	/* The others are others: the next view is to say so. */
	void (*on_others)(void *context);
	/* As a watch has them; of the one that is in use. */
	void (*on_early)(void *context, const uint8_t nonce[SIGNALLING_NONCE_BYTES],
			 const struct signalling_result *result);
	void (*on_inbound)(void *context, const struct signalling_inbound *inbound);
	void (*on_limited)(void *context, enum signalling_limited what);
	void (*on_answer)(void *context, const struct signalling_host_message *message);
	void *context;
};

/* Borrows loop. There are none before upstreams_apply(). 0 or -ENOMEM. */
int upstreams_new(struct loop *loop, const struct upstreams_options *options, struct upstreams **out);
void upstreams_freep(struct upstreams **upstreams);
/* Those of this configuration, and of DHCP where it wants these: new ones are watched from here on, and those that
 * are in neither no longer. Borrows conf for the call. 0, or -ENOMEM: all is as before. */
int upstreams_apply(struct upstreams *upstreams, const struct conf *conf);
/* What a link's DHCP of one family says from now on, until until_us; without addresses: nothing. In force with the
 * next upstreams_apply(). */
void upstreams_provision(struct upstreams *upstreams, size_t link, bool v6, const struct provisions_address *addresses,
			 size_t n, uint64_t until_us);

/* Each may be another one by now: what is under way is dropped, and all are asked. */
void upstreams_ask_again(struct upstreams *upstreams);
/* A connection could not reach the one in use: it is asked again, and the others whether they are there. */
void upstreams_suspect(struct upstreams *upstreams);
/* We end: so do the watches, and the list stays as it is. */
void upstreams_leave(struct upstreams *upstreams);
/* Whether the one in use serves requests of hosts. */
bool upstreams_serve_hosts(const struct upstreams *upstreams);
/* Hands one over to it, as watch_ask(). */
bool upstreams_ask(struct upstreams *upstreams, const struct signalling_host_message *message);

/* Fills in what a view has of them, with references. */
void upstreams_put(const struct upstreams *upstreams, struct view *view);
/* All addresses: of those that there are, that DHCP has told of, and that there were lately. Returns how many. */
size_t upstreams_addresses(const struct upstreams *upstreams, struct address *out, size_t n_out);
/* What was found out about the one in use (watch_peer_name()). */
const char *upstreams_peer_name(const struct upstreams *upstreams);
/* Why the one in use is the one, in a few words. */
const char *upstreams_because(const struct upstreams *upstreams);
/* For those who ask: each in its order. The caller's; NULL without memory. */
json_t *upstreams_json(const struct upstreams *upstreams);

#endif
