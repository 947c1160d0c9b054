/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/prober.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "net/mptcp_info.h"
#include "net/socket.h"

#define PLACES 3u
#define MULTIPATH_PLACE 2u             /* the others are plain TCP's */

struct probe {
	int fd;                           /* -1: none */
	uint16_t generation;
	bool multipath;
	uint64_t begun_at_us;
};

struct prober {
	struct loop *loop;
	struct prober_options options;
	uint8_t handler;
	struct probe probes[CONF_LINKS][PLACES];
};

static void end(struct prober *prober, struct probe *probe)
{
	probe->generation++;
	if (probe->fd < 0)
		return;
	loop_unwatch(prober->loop, probe->fd);
	net_close_reset(probe->fd);
	probe->fd = -1;
}

static void end_kind(struct prober *prober, size_t link, bool multipath)
{
	for (size_t i = 0; i < PLACES; i++)
		if (multipath == (i == MULTIPATH_PLACE))
			end(prober, &prober->probes[link][i]);
}

void prober_drop(struct prober *prober, size_t link)
{
	end_kind(prober, link, false);
	end_kind(prober, link, true);
}

/* As the kernel has measured it: we may be late. A SYN that was sent again measures nothing. */
static uint64_t rtt_us(const struct prober *prober, const struct probe *probe)
{
	struct mptcp_connection_info info;
	uint64_t us = loop_clock_us() - probe->begun_at_us;

	if (mptcp_info_read(probe->fd, &info) < 0 || !info.n_subflows || !info.subflows[0].rtt_us ||
	    info.subflows[0].rtt_us > us)
		return us;
	return info.subflows[0].rtt_us;
}

static void take(struct prober *prober, size_t link, struct probe *probe, int r)
{
	struct prober_answer answer = { .link = link, .begun_at_us = probe->begun_at_us,
					.multipath = probe->multipath };

	if (r == NET_E_AGAIN)
		return;
	if (!r || r == NET_E_REFUSED) {
		answer.rtt_us = r ? loop_clock_us() - probe->begun_at_us : rtt_us(prober, probe);
		answer.fell_back = !r && probe->multipath && mptcp_info_beginning(probe->fd).fell_back;
		end_kind(prober, link, probe->multipath);
		prober->options.on_answer(prober->options.context, &answer);
		return;
	}
	end(prober, probe);   /* no way to it: as good as no answer */
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct prober *prober = context;
	struct probe *probe = &prober->probes[ref.index][ref.part];

	if (probe->fd >= 0 && probe->generation == ref.generation)
		take(prober, ref.index, probe, net_connect_outcome(probe->fd, events));
}

void prober_hear(struct prober *prober)
{
	for (size_t i = 0; i < CONF_LINKS; i++)
		for (size_t j = 0; j < PLACES; j++)
			if (prober->probes[i][j].fd >= 0)
				take(prober, i, &prober->probes[i][j], net_connect_result(prober->probes[i][j].fd));
}

static size_t place_for_one(const struct prober *prober, size_t link, bool multipath)
{
	const struct probe *probes = prober->probes[link];
	size_t first = multipath ? MULTIPATH_PLACE : 0;

	for (size_t i = 0; !multipath && i < MULTIPATH_PLACE; i++) {
		if (probes[i].fd < 0)
			return i;
		if (probes[i].begun_at_us < probes[first].begun_at_us)
			first = i;
	}
	return first;
}

bool prober_ask(struct prober *prober, size_t link, bool multipath)
{
	const struct view *view = prober->options.view(prober->options.context);
	struct net_connect_options options = { .mptcp = multipath };
	uint64_t now_us = loop_clock_us();
	size_t place = place_for_one(prober, link, multipath), n_sent;
	struct probe *probe = &prober->probes[link][place];
	struct choice choice;

	end(prober, probe);
	if (shared_choose_link(prober->options.shared, view, ~(1u << link), now_us, &choice) || choice.link != link)
		return false;
	options.source = choice.source;
	probe->multipath = multipath;
	probe->begun_at_us = now_us;
	if (net_connect_begin(&choice.converter, &options, &probe->fd, &n_sent)) {
		probe->fd = -1;
		return false;
	}
	if (!loop_watch(prober->loop, probe->fd, EPOLLOUT | EPOLLET,
			(struct loop_ref){ .handler = prober->handler, .index = (uint32_t)link,
					   .generation = probe->generation, .part = (uint8_t)place }))
		return true;
	end(prober, probe);
	return false;
}

int prober_new(struct loop *loop, const struct prober_options *options, struct prober **out)
{
	struct prober *prober = calloc(1, sizeof(*prober));
	struct loop_handler handler = { .on_event = on_event, .context = prober };

	if (!prober)
		return -ENOMEM;
	prober->loop = loop;
	prober->options = *options;
	prober->handler = loop_handler_add(loop, &handler);
	for (size_t i = 0; i < CONF_LINKS; i++)
		for (size_t j = 0; j < PLACES; j++)
			prober->probes[i][j].fd = -1;
	*out = prober;
	return 0;
}

void prober_freep(struct prober **prober)
{
	for (size_t i = 0; *prober && i < CONF_LINKS; i++)
		prober_drop(*prober, i);
	free(*prober);
	*prober = NULL;
}
