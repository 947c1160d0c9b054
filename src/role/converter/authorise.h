/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a client may use the converter, and for what. */
#ifndef BRAID_ROLE_CONVERTER_AUTHORISE_H
#define BRAID_ROLE_CONVERTER_AUTHORISE_H

#include "role/worker.h"
#include "signalling/scheme.h"
#include "signalling/ticket.h"

/* What a ticket has to do with a connection. */
struct ticket_use {
	uint64_t holder;         /* in: who comes with it; out, where it was used before: who came with it then */
	bool plain;              /* in: the connection is plain TCP, and its message doesn't say so */
	bool refused;            /* out: a gateway of ours, which doesn't know that; the ticket is as good as before */
	bool used_before;
	const char *subscriber;  /* out: whose it is; NULL: nobody's. The configuration's */
	const uint8_t *key;      /* out, the same: his, where it was proven */
	uint32_t number;         /* and his number */
	const struct source_settings *source;   /* out: what addresses he has; NULL: he isn't let in as himself. The
						 * configuration's */
	bool logged_in;          /* by a password; whose, is login's to say, for the configuration may be another one
				  * by then */
	uint8_t login[DIRECTORY_FINGERPRINT_BYTES];
	bool admitted;           /* the nonce is remembered with its holder */
	uint8_t nonce[TICKET_NONCE_BYTES];
};

/* What the client wants: a session, to know whether it could have one, or to bring a leg of one, whose limits are
 * looked at when it is asked for. */
enum authorise_what { AUTHORISE_SESSION, AUTHORISE_QUESTION, AUTHORISE_LEG };

/* OUTCOME_CONNECTED: it may; *owner is the subscriber counted in for a session (subscribers_leave()), or
 * SUBSCRIBERS_NONE. Otherwise what to answer. */
struct signalling_result authorise_client(struct worker *worker, const struct address *client,
					  const struct signalling_request *request, enum authorise_what what,
					  struct ticket_use *use, uint32_t *owner);
/* The same of a client that says nothing, for its connection was taken on its way: by its address alone. */
struct signalling_result authorise_intercepted(struct worker *worker, const struct address *client,
					       struct ticket_use *use, uint32_t *owner);
/* Whether the user and the password of the request are a subscriber's, or the client is served anyway; the first is
 * noted for authorise_client(). */
bool authorise_login(struct worker *worker, const struct address *client, const struct signalling_request *request,
		     struct ticket_use *use);
/* Some time after authorise_client(), of one that has logged in if it is somebody's: the configuration may be
 * another one. False where its subscriber has gone. */
bool authorise_again(const struct worker *worker, struct ticket_use *use);
/* Whether the client needs no credential. */
bool authorise_anonymous(const struct worker *worker, const struct address *client);
/* Who has it now. */
uint64_t authorise_holder(struct worker *worker, const struct ticket_use *use);
/* Somebody else has the connection that the ticket is for. */
void authorise_pass_on(struct worker *worker, const struct ticket_use *use, uint64_t holder);
/* own: the address that the client connected to. OUTCOME_BYPASSED: it isn't ours to connect to; the client itself is
 * welcome. */
enum signalling_outcome authorise_destination(struct worker *worker, const struct address *own,
					      const struct address *destination);

#endif
