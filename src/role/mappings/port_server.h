/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hosts of the LAN ask their router for, to be reached from outside: PCP (RFC 6887) and NAT-PMP (RFC 6886) on UDP
 * port 5351 of the LAN's interfaces. Requests go to the converter over the watch, each with the address that it came
 * from, and the answers back; nothing is kept here but who waits. What the gateway asks for itself
 * (role/mappings/port_client.h) goes the same way. Main thread.
 */
#ifndef BRAID_ROLE_MAPPINGS_PORT_SERVER_H
#define BRAID_ROLE_MAPPINGS_PORT_SERVER_H

#include <stdbool.h>
#include "conf/conf.h"
#include "loop/loop.h"
#include "signalling/scheme.h"
#include "wire/pcp.h"

struct port_server;

struct port_server_options {
	void (*on_warning)(void *context, const char *text);   /* one line */
	/* Hands a request over to the converter; false: it couldn't be. */
	bool (*ask)(void *context, const struct signalling_host_message *message);
	/* The answer to port_server_ask(), borrowed for the call. */
	void (*on_answer)(void *context, const struct pcp_response *response);
	void *context;
};

/* Listens as conf says, which is borrowed for the call; without gateway.port_mapping nowhere. 0 or a negative errno.
 * An interface that isn't there is tried again. */
int port_server_new(struct loop *loop, const struct port_server_options *options, const struct conf *conf,
		    struct port_server **out);
void port_server_freep(struct port_server **server);
/* The LAN may have other interfaces now. */
void port_server_apply(struct port_server *server, const struct conf *conf);
/* A converter that serves hosts is there, or again: hosts are told where it is one that has forgotten what they
 * asked for. */
void port_server_reach(struct port_server *server);
/* A request of our own, for a host. False: it couldn't be handed over. The answer may never come. */
bool port_server_ask(struct port_server *server, const struct address *host, struct bytes request);
/* The converter's answer. */
void port_server_hear(struct port_server *server, const struct signalling_host_message *message);

#endif
