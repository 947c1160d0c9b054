/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gateway's own [forward NAME] sections: a port of the converter's for each, asked for over the watch as hosts ask
 * (role/mappings/port_server.h), kept while we run, and given back at the end. Main thread.
 */
#ifndef BRAID_ROLE_MAPPINGS_PORT_CLIENT_H
#define BRAID_ROLE_MAPPINGS_PORT_CLIENT_H

#include <jansson.h>
#include "conf/conf.h"
#include "loop/loop.h"
#include "role/mappings/port_server.h"

struct port_client;

/* Borrows loop and server, of which it is what options.on_answer is for. Nothing is asked before
 * port_client_reach(). 0 or -ENOMEM. */
int port_client_new(struct loop *loop, struct port_server *server, const struct conf *conf, struct port_client **out);
void port_client_freep(struct port_client **client);
/* Those that are new are asked for, those that are no more given back; without memory for it the old ones hold:
 * -ENOMEM. */
int port_client_apply(struct port_client *client, const struct conf *conf);
/* A converter that serves hosts is there, or again, and may have forgotten all: each is asked for. */
void port_client_reach(struct port_client *client);
void port_client_hear(struct port_client *client, const struct pcp_response *response);
/* All are given back. */
void port_client_end(struct port_client *client);
/* For doc/control.md: a new array, or NULL. why_none: nobody is asked, or "". */
json_t *port_client_json(const struct port_client *client, const char *why_none);

#endif
