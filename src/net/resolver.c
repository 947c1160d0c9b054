/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/resolver.h"

#include <ares.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"

#define TRY_MS 1000   /* of one server, the first time; then twice as long */
#define TRIES 2

struct query {
	struct resolver *resolver;
	struct query *next;          /* of those that are answered */
	struct loop_ref asker;
	int r;
	size_t n;
	struct address all[RESOLVER_ADDRESSES];
};

struct resolver {
	struct loop *loop;
	uint8_t handler;
	void (*on_answer)(void *context, struct loop_ref asker, int r, const struct address *all, size_t n);
	void *context;
	ares_channel channel;
	bool stale;                  /* the channel is to be opened anew, when nothing is awaited */
	size_t n_queries;
	struct query *answered;      /* of these, and not handed on yet */
	uint64_t timer_at_us;        /* of the timer that comes next; 0: none does */
};

static struct loop_ref ref_of(const struct resolver *resolver, int fd)
{
	return (struct loop_ref){ .handler = resolver->handler, .index = (uint32_t)fd };
}

/* Without a timer a server that doesn't answer isn't given up here: the asker has a time limit of its own. */
static void set_timer(struct resolver *resolver)
{
	struct timeval most = { .tv_sec = 10 }, left;
	uint64_t at_us = loop_now_us(resolver->loop);

	if (!resolver->n_queries)
		return;
	if (!resolver->answered) {
		ares_timeout(resolver->channel, &most, &left);
		at_us += (uint64_t)left.tv_sec * US_PER_S + (uint64_t)left.tv_usec;
	}
	if (resolver->timer_at_us && resolver->timer_at_us <= at_us)
		return;
	if (!loop_timer_at(resolver->loop, at_us, ref_of(resolver, 0)))
		resolver->timer_at_us = at_us;
}

static void on_state(void *context, ares_socket_t fd, int reads, int writes)
{
	struct resolver *resolver = context;
	uint32_t events = (reads ? (uint32_t)EPOLLIN : 0) | (writes ? (uint32_t)EPOLLOUT : 0);

	if (!events)
		loop_unwatch(resolver->loop, fd);
	else if (loop_rewatch(resolver->loop, fd, events, ref_of(resolver, fd)))
		loop_watch(resolver->loop, fd, events, ref_of(resolver, fd));
}

/* The asker may ask again. */
static void hand_on(struct resolver *resolver)
{
	struct query *query;

	while ((query = resolver->answered)) {
		resolver->answered = query->next;
		resolver->n_queries--;
		resolver->on_answer(resolver->context, query->asker, query->r, query->all, query->n);
		free(query);
	}
}

static void take_addresses(struct query *query, const struct ares_addrinfo *found)
{
	for (const struct ares_addrinfo_node *node = found->nodes; node && query->n < RESOLVER_ADDRESSES;
	     node = node->ai_next)
		if (!address_from_sockaddr(&query->all[query->n], node->ai_addr))
			query->all[query->n++].port = 0;
}

static int outcome_of(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME ?
	       RESOLVER_E_NAME : RESOLVER_E_FAILED;
}

static void note_answered(struct query *query, int r)
{
	query->r = r;
	query->next = query->resolver->answered;
	query->resolver->answered = query;
}

/* Perhaps from within resolver_ask(). */
static void on_found(void *context, int status, int n_timeouts, struct ares_addrinfo *found)
{
	struct query *query = context;

	if (found) {
		take_addresses(query, found);
		ares_freeaddrinfo(found);
	}
	note_answered(query, query->n ? 0 : outcome_of(status));
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct resolver *resolver = context;
	ares_socket_t fd = (ares_socket_t)ref.index;
	bool failed = events & (EPOLLERR | EPOLLHUP);

	ares_process_fd(resolver->channel, events & EPOLLIN || failed ? fd : ARES_SOCKET_BAD,
			events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	hand_on(resolver);
	set_timer(resolver);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct resolver *resolver = context;

	if (now_us < resolver->timer_at_us)   /* an old one, which a sooner one was set before: it is to have no
					       * successor */
		return;
	resolver->timer_at_us = 0;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	hand_on(resolver);
	set_timer(resolver);
}

/* Later versions remember answers, as many as there are: who asks for ever other names fills the memory. */
#ifdef ARES_OPT_QUERY_CACHE
#define NOTHING_IS_KEPT ARES_OPT_QUERY_CACHE
#else
#define NOTHING_IS_KEPT 0
#endif

static int open_channel(struct resolver *resolver)
{
	struct ares_options options = { .flags = ARES_FLAG_NOSEARCH, .timeout = TRY_MS, .tries = TRIES,
					.sock_state_cb = on_state, .sock_state_cb_data = resolver };
	/* qcache_max_ttl 0 */
	int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | NOTHING_IS_KEPT;

	return ares_init_options(&resolver->channel, &options, given) == ARES_SUCCESS ? 0 : -ENOMEM;
}

int resolver_new(struct loop *loop,
		 void (*on_answer)(void *context, struct loop_ref asker, int r, const struct address *all, size_t n),
		 void *context, struct resolver **out)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = resolver };

	if (!resolver)
		return -ENOMEM;
	resolver->loop = loop;
	if (open_channel(resolver)) {
		free(resolver);
		return -ENOMEM;
	}
	resolver->on_answer = on_answer;
	resolver->context = context;
	resolver->handler = loop_handler_add(loop, &handler);
	*out = resolver;
	return 0;
}

void resolver_freep(struct resolver **out)
{
	struct resolver *resolver = *out;
	struct query *query;

	if (!resolver)
		return;
	ares_destroy(resolver->channel);   /* answers all that are under way */
	while ((query = resolver->answered)) {
		resolver->answered = query->next;
		free(query);
	}
	free(resolver);
	*out = NULL;
}

void resolver_renew(struct resolver *resolver)
{
	resolver->stale = true;
}

/* Where it can't be had, the old one serves on. */
static void renew(struct resolver *resolver)
{
	ares_channel old = resolver->channel;

	if (open_channel(resolver)) {
		resolver->channel = old;
		return;
	}
	ares_destroy(old);
	resolver->stale = false;
}

/* What c-ares would take otherwise than as the name that it is: escapes, and what ends a text early. */
static bool is_plain(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f || name.at[i] == '\\' || name.at[i] == ':' ||
		    name.at[i] == '/')
			return false;
	return name.n && name.n <= RESOLVER_NAME_BYTES;
}

int resolver_ask(struct resolver *resolver, struct bytes name, struct loop_ref asker)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	char text[RESOLVER_NAME_BYTES + 1] = "";
	struct address address;
	struct query *query;

	if (!is_plain(name))
		return RESOLVER_E_NAME;
	if (resolver->n_queries >= RESOLVER_QUERIES)
		return RESOLVER_E_FAILED;
	if (resolver->stale && !resolver->n_queries)
		renew(resolver);
	query = calloc(1, sizeof(*query));
	if (!query)
		return -ENOMEM;
	query->resolver = resolver;
	query->asker = asker;
	memcpy(text, name.at, name.n);
	resolver->n_queries++;
	if (address_parse(&address, text, 0)) {
		ares_getaddrinfo(resolver->channel, text, NULL, &hints, on_found, query);
	} else {   /* for which c-ares would ask a server */
		query->all[query->n++] = address;
		note_answered(query, 0);
	}
	set_timer(resolver);
	return 0;
}
