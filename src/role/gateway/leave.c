/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/leave.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "net/mptcp_info.h"
#include "net/socket.h"
#include "role/describe.h"
#include "role/gateway/opening.h"
#include "role/gateway/routed.h"
#include "role/gateway/setup.h"

bool leave_is_gone(const struct gateway *gateway, uint8_t link)
{
	const struct view *view = gateway->worker->view;

	return link < view->n_links && (!view->links[link].up || shared_is_silent(gateway->worker->shared, link));
}

static void begin_instead(struct gateway *gateway, struct setup *setup)
{
	if (attempt_instead(gateway, setup))
		setup_fail(gateway, setup);
}

/* Another link has joined. */
static bool has_another(const struct gateway *gateway, const struct session_view *session)
{
	struct mptcp_connection_info info;
	size_t n = describe_read(session, &info) ? 0 : info.n_subflows;

	for (size_t i = 0; i < n; i++) {
		uint8_t link = describe_link_of(gateway->worker->view, &info.subflows[i]);

		if (info.subflows[i].tcp_state == TCP_ESTABLISHED && link != CHOOSE_NO_LINK &&
		    !leave_is_gone(gateway, link))
			return true;
	}
	return false;
}

/* In pieces: what has come of it there isn't known here, unless there was no place for it. */
static bool may_be_there(const struct gateway *gateway, const struct setup *setup)
{
	return setup->answering->striped && upstream_takes_legs(setup->upstream, loop_now_us(gateway->worker->loop));
}

/* The relay has it, and what has gone up is known still: then it can be said again, and the connection is one that
 * is being set up, as before. False: it can't. */
static bool take_back(struct gateway *gateway, struct setup *setup)
{
	const struct worker *worker = gateway->worker;
	struct attempt *attempt = setup->answering;
	struct relay_taken_back back;
	int r;

	if (!setup->has_ticket || may_be_there(gateway, setup) ||
	    relay_take_back(worker->relay, setup->session, attempt->n_opening - attempt->n_sent, &back))
		return false;
	attempt_leave(gateway, setup, attempt);
	attempt_park(setup, back.far_fd);
	setup->answering = NULL;
	setup_set_state(setup, SETUP_CONNECTING);
	r = opening_add(setup, (struct bytes){ back.more, back.n_more });
	free(back.more);
	if (r || loop_rewatch(worker->loop, setup->near_fd, EPOLLIN | EPOLLRDHUP | EPOLLET,
			      setup_ref(gateway, setup, SETUP_NEAR)) ||
	    setup_set_deadline(gateway, setup, setup_limit_us(gateway)))
		setup_abandon(gateway, setup);
	else
		begin_instead(gateway, setup);
	return true;
}

/* An end in order is the converter's, unless it came as plain TCP that nobody had asked for (doc/assumptions.md). */
static bool was_ended(const struct attempt *attempt, int far_fd)
{
	return attempt->left_unanswered && (attempt->plain || !mptcp_info_fell_back(far_fd));
}

bool leave_broken(struct gateway *gateway, struct setup *setup, int far_fd)
{
	return !was_ended(setup->answering, far_fd) && !setup->n_instead && !setup->routed &&
	       setup->treatment.link == CHOOSE_NO_LINK && take_back(gateway, setup);
}

/* What is not there yet, of its answer or its end, may be lost with the link; unless another one has joined, by
 * which the kernel brings it. Otherwise it ends with its link. */
static void leave_held(struct gateway *gateway, struct setup *setup)
{
	struct relay *relay = gateway->worker->relay;
	struct session_view session;
	int r = relay_find(relay, setup->session, &session) ? net_look(session.far_fd) : 0;

	if (r && (r != NET_E_AGAIN || !has_another(gateway, &session)) && !take_back(gateway, setup) &&
	    r != NET_E_AGAIN)
		relay_wake(relay, session.ref);   /* looking has taken the error off the socket */
}

/* Without a ticket one that is connected may be served already, and what is begun in its place, too. */
static bool may_leave(const struct gateway *gateway, const struct setup *setup, const struct attempt *attempt)
{
	return attempt->fd >= 0 && !attempt->striped && leave_is_gone(gateway, attempt->link) &&
	       (setup->has_ticket || !attempt->connected);
}

/* One that a rule keeps on its link has nowhere to go. */
void leave_links(struct gateway *gateway, struct setup *setup)
{
	size_t n_left = 0, n_stay = 0;

	if (setup->treatment.link != CHOOSE_NO_LINK)
		return;
	if (setup->routed) {
		routed_leave_links(gateway, setup);
		return;
	}
	if (setup->state == SETUP_HELD) {
		if (leave_is_gone(gateway, setup->answering->link))
			leave_held(gateway, setup);
		return;
	}
	if (!setup_is_under_way(setup))
		return;
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++) {
		bool leaves = may_leave(gateway, setup, &setup->attempts[i]);

		if (leaves)
			attempt_leave(gateway, setup, &setup->attempts[i]);
		n_left += leaves;
		n_stay += setup->attempts[i].fd >= 0;
	}
	if (n_left && !n_stay)
		begin_instead(gateway, setup);
}

static void count_attempts(const struct setup *setup, struct census *census, size_t n_links)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++) {
		const struct attempt *attempt = &setup->attempts[i];

		if (attempt->fd < 0 || !attempt->mptcp || !attempt->connected || attempt->link >= n_links)
			continue;
		census[attempt->link].n_last++;
		census[attempt->link].n_bound++;
	}
}

void leave_count(const struct gateway *gateway, struct census *census)
{
	for (uint32_t i = 0; i < gateway->setups.n_touched; i++) {
		const struct setup *setup = slab_at(&gateway->setups, i);

		if (setup && setup->state != SETUP_HELD)
			count_attempts(setup, census, gateway->worker->view->n_links);
	}
}
