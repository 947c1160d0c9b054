/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/port_client.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/log.h"
#include "signalling/pcp_lease.h"

#define AT_ONCE 4                        /* asked for in a second: the converter has eight of a gateway's requests
					  * under way at most */

struct kept {
	char name[CONF_NAME_BYTES];
	struct pcp_lease lease;
};

struct port_client {
	struct loop *loop;
	struct port_server *server;
	uint8_t handler;
	struct kept *all;
	size_t n;
	uint64_t armed_for_s;            /* CLOCK_NEVER_US: no timer is set */
};

static uint64_t now_s(const struct port_client *client)
{
	return loop_now_us(client->loop) / US_PER_S;
}

/* The same after a restart, so that the port is ours still; and not the one of the host's own mappings by NAT-PMP,
 * which it may end. */
static void make_nonce(const uint8_t key[CONF_KEY_BYTES], const struct address *host, uint8_t nonce[PCP_NONCE_BYTES])
{
	static const uint8_t purpose[] = "[forward NAME]";
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES_MIN];

	static_assert(sizeof(hash) >= PCP_NONCE_BYTES, "the nonce is its beginning");
	crypto_generichash_init(&state, key, CONF_KEY_BYTES, sizeof(hash));
	crypto_generichash_update(&state, purpose, sizeof(purpose));
	crypto_generichash_update(&state, host->ip, sizeof(host->ip));
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(nonce, hash, PCP_NONCE_BYTES);
}

static struct kept kept_of(const struct conf *conf, const struct conf_forward *forward)
{
	struct kept kept = { .lease = {
		.host = forward->host,
		.wanted_port = forward->external_port ? forward->external_port : forward->port
	} };

	memcpy(kept.name, forward->name, sizeof(kept.name));
	kept.lease.host.port = forward->port;
	make_nonce(conf->gateway.key, &forward->host, kept.lease.nonce);
	return kept;
}

static bool say(struct port_client *client, const struct pcp_lease *lease, bool ends)
{
	uint8_t request[PCP_MESSAGE_BYTES];

	return port_server_ask(client->server, &lease->host,
			       (struct bytes){ request, pcp_lease_request(lease, ends, request) });
}

static void arm(struct port_client *client, uint64_t at_s)
{
	if (at_s < client->armed_for_s &&
	    !loop_timer_at(client->loop, at_s * US_PER_S, (struct loop_ref){ .handler = client->handler }))
		client->armed_for_s = at_s;
}

static void tell_end(const struct kept *kept)
{
	char host[ADDRESS_TEXT_BYTES];

	log_warning("forward %s: %s is reached from outside no longer: the converter hasn't answered for as long as "
		    "the port was ours", kept->name, address_format(&kept->lease.host, host));
}

static void turn(struct port_client *client)
{
	uint64_t today_s = now_s(client), next_s = CLOCK_NEVER_US;
	size_t n_asked = 0;

	for (size_t i = 0; i < client->n; i++) {
		struct pcp_lease *lease = &client->all[i].lease;

		if (pcp_lease_turn(lease, today_s))
			tell_end(&client->all[i]);
		if (lease->again_at_s <= today_s && n_asked < AT_ONCE) {
			n_asked++;
			say(client, lease, false);
			pcp_lease_asked(lease, today_s);
		}
		next_s = lease->again_at_s < next_s ? lease->again_at_s : next_s;
	}
	if (next_s != CLOCK_NEVER_US)
		arm(client, next_s > today_s ? next_s : today_s + 1);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct port_client *client = context;

	if (now_s(client) < client->armed_for_s)
		return;   /* an earlier one was set meanwhile */
	client->armed_for_s = CLOCK_NEVER_US;
	turn(client);
}

static struct kept *find(const struct port_client *client, const struct kept *wanted)
{
	for (size_t i = 0; i < client->n; i++)
		if (address_equal(&client->all[i].lease.host, &wanted->lease.host) &&
		    !memcmp(client->all[i].lease.nonce, wanted->lease.nonce, PCP_NONCE_BYTES))
			return &client->all[i];
	return NULL;
}

int port_client_apply(struct port_client *client, const struct conf *conf)
{
	struct port_client next = { .all = calloc(conf->n_asked + 1, sizeof(*next.all)) };

	if (!next.all)
		return -ENOMEM;
	for (; next.n < conf->n_asked; next.n++) {
		struct kept kept = kept_of(conf, &conf->asked[next.n]);
		const struct kept *before = find(client, &kept);

		if (before && before->lease.wanted_port == kept.lease.wanted_port)
			kept.lease = before->lease;
		next.all[next.n] = kept;
	}
	for (size_t i = 0; i < client->n; i++)
		if (!find(&next, &client->all[i]))
			say(client, &client->all[i].lease, true);
	free(client->all);
	client->all = next.all;
	client->n = next.n;
	arm(client, now_s(client));
	return 0;
}

void port_client_reach(struct port_client *client)
{
	for (size_t i = 0; i < client->n; i++)
		pcp_lease_forgotten(&client->all[i].lease, now_s(client));
	turn(client);
}

static const char *result_name(uint8_t result)
{
	static const char *const names[] = {
		"", "the version isn't known", "not authorized", "malformed", "the opcode isn't known",
		"an option isn't known", "an option is malformed", "it has no address for it now",
		"no port is left", "the protocol isn't known", "the subscriber has as many ports as he may",
		"the port can't be had", "the address isn't the host's", "too many filters",
	};

	static_assert(ARRAY_SIZE(names) == PCP_RESULTS, "name every result");
	return result < ARRAY_SIZE(names) ? names[result] : "an unknown error";
}

static void tell(const struct kept *kept)
{
	char host[ADDRESS_TEXT_BYTES], external[ADDRESS_TEXT_BYTES];

	address_format(&kept->lease.host, host);
	if (kept->lease.result)
		log_warning("forward %s: the converter gives %s no port: %s", kept->name, host,
			    result_name(kept->lease.result));
	else
		log_info("forward %s: %s is reached from outside at %s", kept->name, host,
			 address_format(&kept->lease.external, external));
}

void port_client_hear(struct port_client *client, const struct pcp_response *response)
{
	for (size_t i = 0; i < client->n; i++) {
		if (!response->lifetime_s && !response->result)
			continue;   /* given back: by the configuration before */
		if (pcp_lease_hear(&client->all[i].lease, response, now_s(client)))
			tell(&client->all[i]);
		arm(client, client->all[i].lease.again_at_s);
	}
}

/* One request a host: the others of its forwards have the same nonce. */
void port_client_end(struct port_client *client)
{
	uint8_t request[PCP_MESSAGE_BYTES];

	for (size_t i = 0; i < client->n; i++) {
		const struct pcp_lease *lease = &client->all[i].lease;
		bool is_first = true;

		for (size_t j = 0; j < i; j++)
			is_first = is_first && !address_equal_ip(&client->all[j].lease.host, &lease->host);
		if (is_first)
			port_server_ask(client->server, &lease->host,
					(struct bytes){ request, pcp_lease_end_all(lease, request) });
	}
	client->n = 0;
}

json_t *port_client_json(const struct port_client *client, const char *why_none)
{
	json_t *array = json_array();

	for (size_t i = 0; i < client->n; i++) {
		const struct pcp_lease *lease = &client->all[i].lease;
		char host[ADDRESS_TEXT_BYTES], external[ADDRESS_TEXT_BYTES];
		bool is_there = !address_is_unspecified(&lease->external);

		json_array_append_new(array, json_pack("{s:s, s:s, s:s?, s:o, s:s}", "name", client->all[i].name,
						       "host", address_format(&lease->host, host),
						       "external",
						       is_there ? address_format(&lease->external, external) : NULL,
						       "left_s", is_there ?
						       json_integer((json_int_t)(lease->ends_at_s - now_s(client))) :
						       json_null(),
						       "refused", is_there || lease->result ?
						       result_name(lease->result) : why_none));
	}
	return array;
}

int port_client_new(struct loop *loop, struct port_server *server, const struct conf *conf, struct port_client **out)
{
	struct port_client *client = calloc(1, sizeof(*client));
	struct loop_handler handler = { .on_timer = on_timer, .context = client };
	int r;

	if (!client)
		return -ENOMEM;
	client->loop = loop;
	client->server = server;
	client->armed_for_s = CLOCK_NEVER_US;
	client->handler = loop_handler_add(loop, &handler);
	*out = client;
	r = port_client_apply(client, conf);
	return r;
}

void port_client_freep(struct port_client **client)
{
	if (!*client)
		return;
	free((*client)->all);
	free(*client);
	*client = NULL;
}
