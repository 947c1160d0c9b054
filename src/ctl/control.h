/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket, daemon's side: a Unix stream socket; a request is one line of JSON, {"command": NAME,
 * "arguments": {...}} (arguments may be missing), its answer one line, {"result": ...} or {"error": TEXT}. Requests of
 * one client are answered in their order, one at a time. It can be asked when it is out of descriptors: see
 * CONTROL_DESCRIPTORS. Clients that say nothing make room for others. Who may open the socket may tell the daemon what
 * to do: it belongs to its user and group alone.
 */
#ifndef BRAID_CTL_CONTROL_H
#define BRAID_CTL_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "base/slab.h"
#include "loop/loop.h"

/* So many numbers past the soft limit of open files (as far as the hard one leaves them) are for clients alone. */
#define CONTROL_DESCRIPTORS 64

struct control;

/* One request under way. Its client may be gone when the answer comes: then nobody hears it. */
struct control_call {
	struct control *control;
	struct slab_name client;
};

struct control_command {
	const char *name;
	/* Calls control_answer() or control_refuse() once, now or later, in the loop's thread. Borrows arguments (an
	 * object) for the call. */
	void (*run)(void *context, struct control_call call, const json_t *arguments);
};

struct control_options {
	const char *path;                        /* of the socket; its folder is made if it is missing */
	const struct control_command *commands;  /* borrowed */
	size_t n_commands;
	uint64_t patience_us;                    /* with a client that doesn't say what it wants, or doesn't take the
						  * answer; not 0 */
	/* A client waits, and can't be taken (a negative errno): it is tried again and again. May be NULL. */
	void (*on_short)(void *context, int error);
	void *context;
};

/* Borrows loop. What an earlier run left at the path is replaced; a daemon that still answers there is a failure
 * (-EADDRINUSE). 0, or a negative errno with the reason in one line. */
int control_new(struct loop *loop, const struct control_options *options, struct control **out, char *reason,
		size_t n_reason);
void control_freep(struct control **control);   /* takes the socket away */

void control_answer(struct control_call call, json_t *result);   /* takes result; NULL means that memory is short */
void control_refuse(struct control_call call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
