/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/port_server.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/slab.h"
#include "base/util.h"
#include "net/socket.h"
#include "net/udp.h"
#include "policy/bucket.h"
#include "role/mappings/lan_hosts.h"
#include "signalling/pcp_client.h"
#include "signalling/pcp_server.h"

#define SOCKETS (2 * CONF_LAN_INTERFACES)
#define WAITING_MOST 256u                 /* requests under way; the eight lower bits of their ids */
#define WAITING_US (3 * US_PER_S)         /* hosts ask again after that (RFC 6887, 8.1.1) */
#define RETRY_US (5 * US_PER_S)
#define READS 64                          /* in a turn */
#define HOSTS 64u                         /* buckets; hosts of one hash share one */
#define ANNOUNCEMENTS 10                  /* RFC 6887, 14.1.3: so many, the pause doubles each time */
#define ANNOUNCE_FIRST_US (250 * US_PER_MS)

static const struct bucket_limit host_limit = { .per_s = 10, .burst = 40 }, all_limit = { .per_s = 100, .burst = 400 };

enum { PART_SOCKET, PART_RETRY, PART_ANNOUNCE };

struct port_socket {
	char interface[CONF_INTERFACE_BYTES];
	bool v4;
	int fd;                           /* -1: not to be had so far */
};

/* A request that the converter has. */
struct waiting {
	uint8_t socket;                   /* SOCKETS: our own */
	bool is_natpmp;
	struct address peer, local;
	struct natpmp_request natpmp;
	uint64_t until_us;
};

struct port_server {
	struct loop *loop;
	struct port_server_options options;
	uint8_t handler;
	uint8_t key[CONF_KEY_BYTES];      /* the subscriber's: what nonces are made with */
	struct port_socket sockets[SOCKETS];
	size_t n_sockets;
	uint16_t generation;              /* of the sockets */
	struct lan_hosts *hosts;
	bool routed;                      /* hosts that aren't on the LAN's own networks may be reached, too */
	struct slab waiting;
	uint64_t hosts_full_at_ns[HOSTS], all_full_at_ns;
	struct pcp_epoch epoch;
	struct address external;          /* as the converter said last; unspecified: none */
	unsigned int n_announcements;     /* still to be sent */
	uint64_t announce_pause_us;
};

static uint64_t now_s(const struct port_server *server)
{
	return loop_now_us(server->loop) / US_PER_S;
}

static struct loop_ref ref_of(const struct port_server *server, uint32_t index, uint8_t part)
{
	return (struct loop_ref){ .handler = server->handler, .index = index, .generation = server->generation,
				  .part = part };
}

static uint16_t id_of(const struct port_server *server, const struct waiting *waiting)
{
	struct slab_name name = slab_name_of(&server->waiting, waiting);

	return (uint16_t)(name.generation << 8 | name.index);
}

static struct waiting *find(const struct port_server *server, uint16_t id)
{
	struct waiting *waiting = slab_at(&server->waiting, id & 0xff);

	return waiting && id_of(server, waiting) == id ? waiting : NULL;
}

/* A place for a request. Where all are taken, those that nobody waits for any more are given back. NULL: too many
 * are under way. */
static struct waiting *take_place(struct port_server *server)
{
	struct waiting *waiting = slab_take(&server->waiting);

	if (waiting)
		return waiting;
	for (uint32_t i = 0; i < WAITING_MOST; i++) {
		struct waiting *other = slab_at(&server->waiting, i);

		if (other && other->until_us <= loop_now_us(server->loop))
			slab_give(&server->waiting, other);
	}
	return slab_take(&server->waiting);
}

static bool take_from(uint64_t *full_at_ns, const struct bucket_limit *limit, uint64_t now_us)
{
	if (!bucket_level(*full_at_ns, limit, now_us))
		return false;
	*full_at_ns = bucket_take(*full_at_ns, limit, now_us, 1);
	return true;
}

/* One host alone can't use up what all may ask. */
static bool may_ask(struct port_server *server, const struct address *peer)
{
	uint64_t now_us = loop_now_us(server->loop),
		 *host = &server->hosts_full_at_ns[hash_place(hash_add(HASH_BEGIN, peer->ip, sizeof(peer->ip)), HOSTS)];

	return take_from(host, &host_limit, now_us) && take_from(&server->all_full_at_ns, &all_limit, now_us);
}

static void say(const struct port_server *server, const struct waiting *to, const void *bytes, size_t n)
{
	if (n)
		net_udp_send(server->sockets[to->socket].fd, bytes, n, &to->peer, &to->local);
}

static void say_natpmp(const struct port_server *server, const struct waiting *to,
		       const struct natpmp_response *response)
{
	uint8_t out[NATPMP_RESPONSE_BYTES];

	say(server, to, out, natpmp_response_put(response, out));
}

/* The converter isn't there, or isn't asked. */
static void refuse(struct port_server *server, const struct waiting *to, struct bytes request, enum pcp_result result)
{
	uint8_t out[PCP_MESSAGE_BYTES];
	struct pcp_response none = { .result = (uint8_t)result,
				     .epoch_s = pcp_epoch_now(&server->epoch, now_s(server)) };
	struct natpmp_response natpmp;

	if (to->is_natpmp) {
		natpmp = natpmp_of_pcp(&to->natpmp, &none, &server->external);
		say_natpmp(server, to, &natpmp);
		return;
	}
	say(server, to, out, pcp_refuse(request, result, pcp_error_lifetime_s(result), none.epoch_s, out));
}

static bool hand_over(struct port_server *server, const struct waiting *from, struct bytes request)
{
	struct waiting *waiting = take_place(server);
	struct signalling_host_message message = { .host = from->peer, .message = request };

	if (!waiting)
		return false;   /* the host asks again */
	*waiting = *from;
	waiting->until_us = loop_now_us(server->loop) + WAITING_US;
	message.id = id_of(server, waiting);
	message.host.port = 0;
	if (server->options.ask(server->options.context, &message))
		return true;
	if (from->socket < SOCKETS)
		refuse(server, from, request, PCP_NETWORK_FAILURE);
	slab_give(&server->waiting, waiting);
	return false;
}

/* NAT-PMP has no nonce: all of a host's have one that only we can make, and make again after a restart. */
static void make_nonce(const struct port_server *server, const struct address *host, uint8_t nonce[PCP_NONCE_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES_MIN];

	static_assert(sizeof(hash) >= PCP_NONCE_BYTES, "the nonce is its beginning");
	crypto_generichash(hash, sizeof(hash), host->ip, sizeof(host->ip), server->key, sizeof(server->key));
	memcpy(nonce, hash, PCP_NONCE_BYTES);
}

static void on_natpmp(struct port_server *server, struct waiting *from, struct bytes bytes)
{
	struct natpmp_response error = { .result = NATPMP_UNSUPPORTED_OPCODE,
					 .epoch_s = pcp_epoch_now(&server->epoch, now_s(server)) };
	struct address host = from->peer;
	uint8_t nonce[PCP_NONCE_BYTES], request[PCP_MESSAGE_BYTES];
	int r = address_is_v4(&host) ? natpmp_request_get(&from->natpmp, bytes.at, bytes.n) : NATPMP_E_SILENT;

	host.port = 0;
	from->is_natpmp = true;
	error.opcode = from->natpmp.opcode;
	if (r == NATPMP_E_OPCODE)
		say_natpmp(server, from, &error);
	if (r)
		return;
	make_nonce(server, &host, nonce);
	hand_over(server, from, (struct bytes){ request, pcp_of_natpmp(&from->natpmp, &host, nonce, request) });
}

static void on_datagram(struct port_server *server, struct waiting *from, struct bytes bytes)
{
	if (!bytes.n || !may_ask(server, &from->peer) ||
	    !lan_hosts_admit(server->hosts, server->sockets[from->socket].interface, &from->peer, server->routed))
		return;   /* a host asks again */
	if (bytes.at[0] == NATPMP_VERSION)
		on_natpmp(server, from, bytes);
	else if (bytes.n > SIGNALLING_HOST_MESSAGE_BYTES)
		refuse(server, from, bytes, PCP_MALFORMED_REQUEST);
	else
		hand_over(server, from, bytes);
}

static void on_readable(struct port_server *server, uint8_t index)
{
	uint8_t bytes[PCP_MESSAGE_BYTES + 4];   /* so that one that is too long shows */

	for (size_t i = 0; i < READS; i++) {
		struct waiting from = { .socket = index };
		int error = 0;
		ssize_t n = net_udp_receive(server->sockets[index].fd, bytes, sizeof(bytes), &from.peer, &from.local,
					    &error);

		if (n < 0)
			return;   /* level-triggered: what is there still is told again, and an error was taken by
				   * this */
		on_datagram(server, &from, (struct bytes){ bytes, (size_t)n });
	}
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct port_server *server = context;

	if (ref.generation == server->generation && ref.index < server->n_sockets)
		on_readable(server, (uint8_t)ref.index);
}

/* To all hosts of the LAN: the epoch is another one, and for NAT-PMP what the address is (RFC 6887, 14.1.3; RFC
 * 6886, 3.2.1). */
static void announce(const struct port_server *server)
{
	struct pcp_response response = { .opcode = PCP_ANNOUNCE,
					 .epoch_s = pcp_epoch_now(&server->epoch, now_s(server)) };
	struct natpmp_request address = { .opcode = NATPMP_ADDRESS };
	struct natpmp_response natpmp = natpmp_of_pcp(&address, &response, &server->external);
	struct waiting all_v4 = { .peer = address_from_v4(htonl(0xe0000001), PCP_CLIENT_PORT) };
	struct waiting all_v6 = { .peer = { .ip = { 0xff, 0x02, [15] = 1 }, .port = PCP_CLIENT_PORT } };
	uint8_t out[PCP_MESSAGE_BYTES];
	size_t n = pcp_response_put(&response, out, sizeof(out));

	for (size_t i = 0; i < server->n_sockets; i++) {
		struct waiting *all = server->sockets[i].v4 ? &all_v4 : &all_v6;

		all->socket = (uint8_t)i;
		say(server, all, out, n);
		if (server->sockets[i].v4 && !natpmp.result)
			say_natpmp(server, all, &natpmp);
	}
}

static void announce_next(struct port_server *server)
{
	if (!server->n_announcements)
		return;
	server->n_announcements--;
	announce(server);
	if (server->n_announcements)
		loop_timer_at(server->loop, loop_now_us(server->loop) + server->announce_pause_us,
			      ref_of(server, 0, PART_ANNOUNCE));
	server->announce_pause_us *= 2;
}

static void begin_announcing(struct port_server *server)
{
	bool under_way = server->n_announcements;

	server->n_announcements = ANNOUNCEMENTS;
	server->announce_pause_us = ANNOUNCE_FIRST_US;
	if (!under_way)
		announce_next(server);
}

void port_server_hear(struct port_server *server, const struct signalling_host_message *message)
{
	struct waiting *waiting = find(server, message->id);
	struct pcp_response response;
	struct natpmp_response natpmp;
	int r = pcp_response_get(&response, message->message.at, message->message.n);

	if (r != PCP_E_SILENT && r != PCP_E_VERSION) {
		server->external = message->host;
		if (!pcp_epoch_goes_on(&server->epoch, response.epoch_s, now_s(server)))
			begin_announcing(server);
	}
	if (!waiting)
		return;
	if (waiting->is_natpmp && !r) {
		natpmp = natpmp_of_pcp(&waiting->natpmp, &response, &server->external);
		say_natpmp(server, waiting, &natpmp);
	} else if (!waiting->is_natpmp && waiting->socket < SOCKETS) {
		say(server, waiting, message->message.at, message->message.n);
	} else if (!waiting->is_natpmp && !r) {
		server->options.on_answer(server->options.context, &response);
	}
	slab_give(&server->waiting, waiting);
}

bool port_server_ask(struct port_server *server, const struct address *host, struct bytes request)
{
	struct waiting own = { .socket = SOCKETS, .peer = *host };

	return hand_over(server, &own, request);
}

void port_server_reach(struct port_server *server)
{
	struct pcp_request request = { .version = PCP_VERSION, .opcode = PCP_ANNOUNCE };
	const struct address nobody = { 0 };
	uint8_t bytes[PCP_MESSAGE_BYTES];

	port_server_ask(server, &nobody, (struct bytes){ bytes, pcp_request_put(&request, bytes, sizeof(bytes)) });
}

static int open_one(struct port_server *server, size_t index)
{
	struct port_socket *s = &server->sockets[index];
	int r = net_udp_open(s->interface, s->v4, PCP_PORT, &s->fd);

	if (!r)
		r = loop_watch(server->loop, s->fd, EPOLLIN, ref_of(server, (uint32_t)index, PART_SOCKET));
	if (r && s->fd >= 0) {
		close(s->fd);
		s->fd = -1;
	}
	return r;
}

/* Those that are still to be had. warn: say which can't. A system without IPv6 has none later, either. */
static void open_sockets(struct port_server *server, bool warn)
{
	bool again = false;
	char text[200];

	for (size_t i = 0; i < server->n_sockets; i++) {
		int r = server->sockets[i].fd >= 0 ? 0 : open_one(server, i);

		if (!r || r == -EAFNOSUPPORT)
			continue;
		again = true;
		snprintf(text, sizeof(text),
			 "gateway.port_mapping: cannot listen on UDP port %u of %s: %s; hosts there can't ask for "
			 "mappings", PCP_PORT,
			 server->sockets[i].interface, strerror(-r));
		if (warn)
			server->options.on_warning(server->options.context, text);
	}
	if (again)
		loop_timer_at(server->loop, loop_now_us(server->loop) + RETRY_US, ref_of(server, 0, PART_RETRY));
}

static void close_sockets(struct port_server *server)
{
	for (size_t i = 0; i < server->n_sockets; i++) {
		if (server->sockets[i].fd < 0)
			continue;
		loop_unwatch(server->loop, server->sockets[i].fd);
		close(server->sockets[i].fd);
	}
	server->n_sockets = 0;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct port_server *server = context;

	if (ref.part == PART_ANNOUNCE)
		announce_next(server);
	else if (ref.part == PART_RETRY && ref.generation == server->generation)
		open_sockets(server, false);
}

/* Whoever waits at an old socket asks again at a new one. */
void port_server_apply(struct port_server *server, const struct conf *conf)
{
	close_sockets(server);
	server->generation++;
	for (uint32_t i = 0; i < WAITING_MOST; i++) {
		struct waiting *waiting = slab_at(&server->waiting, i);

		if (waiting)
			slab_give(&server->waiting, waiting);
	}
	memcpy(server->key, conf->gateway.key, sizeof(server->key));
	server->routed = conf->gateway.n_inbound_allow;
	for (size_t i = 0; conf->gateway.port_mapping && i < 2 * conf->gateway.n_lan; i++) {
		struct port_socket *s = &server->sockets[server->n_sockets++];

		*s = (struct port_socket){ .fd = -1, .v4 = !(i & 1) };
		snprintf(s->interface, sizeof(s->interface), "%s", conf->gateway.lan[i / 2]);
	}
	open_sockets(server, true);
}

int port_server_new(struct loop *loop, const struct port_server_options *options, const struct conf *conf,
		    struct port_server **out)
{
	struct port_server *server = calloc(1, sizeof(*server));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = server };

	int r = server ? lan_hosts_new(loop, &server->hosts) : -ENOMEM;

	if (!r)
		r = slab_init(&server->waiting, sizeof(struct waiting), WAITING_MOST);
	if (r) {
		if (server)
			lan_hosts_freep(&server->hosts);
		free(server);
		return r;
	}
	server->loop = loop;
	server->options = *options;
	server->handler = loop_handler_add(loop, &handler);
	port_server_apply(server, conf);
	*out = server;
	return 0;
}

void port_server_freep(struct port_server **server)
{
	if (!*server)
		return;
	close_sockets(*server);
	slab_fini(&(*server)->waiting);
	lan_hosts_freep(&(*server)->hosts);
	free(*server);
	*server = NULL;
}
