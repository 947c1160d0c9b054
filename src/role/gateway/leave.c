/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/leave.h"

#include <sys/epoll.h>
#include "role/gateway/setup.h"

static bool is_gone(const struct gateway *gateway, uint8_t link)
{
	const struct view *view = gateway->worker->view;

	return link < view->n_links && (!view->links[link].up || shared_is_silent(gateway->worker->shared, link));
}

static void begin_instead(struct gateway *gateway, struct setup *setup)
{
	if (attempt_instead(gateway, setup))
		setup_fail(gateway, setup);
}

/* The relay has it, and nothing but the opening has gone up: then it can be said again, and the connection is one that is being set up, as before. Otherwise it ends with its
 * link. */
static void take_back(struct gateway *gateway, struct setup *setup)
{
	const struct worker *worker = gateway->worker;
	struct attempt *attempt = setup->answering;

	if (!setup->has_ticket || attempt->striped || relay_take_back(worker->relay, setup->session, attempt->n_opening - attempt->n_sent))
		return;
	attempt_leave(setup, attempt);
	setup->answering = NULL;
	setup_set_state(setup, SETUP_CONNECTING);
	if (loop_rewatch(worker->loop, setup->near_fd, EPOLLIN | EPOLLRDHUP | EPOLLET, setup_ref(gateway, setup, SETUP_NEAR)) ||
	    setup_set_deadline(gateway, setup, setup_limit_us(gateway)))
		setup_abandon(gateway, setup);
	else
		begin_instead(gateway, setup);
}

/* Without a ticket one that is connected may be served already, and what is begun in its place, too. */
static bool may_leave(const struct gateway *gateway, const struct setup *setup, const struct attempt *attempt)
{
	return attempt->fd >= 0 && !attempt->striped && is_gone(gateway, attempt->link) && (setup->has_ticket || !attempt->connected);
}

/* One that a rule keeps on its link has nowhere to go. */
void leave_links(struct gateway *gateway, struct setup *setup)
{
	size_t n_left = 0, n_stay = 0;

	if (setup->routed || setup->treatment.link != CHOOSE_NO_LINK)
		return;
	if (setup->state == SETUP_HELD) {
		if (is_gone(gateway, setup->answering->link))
			take_back(gateway, setup);
		return;
	}
	if (!setup_is_under_way(setup))
		return;
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++) {
		bool leaves = may_leave(gateway, setup, &setup->attempts[i]);

		if (leaves)
			attempt_leave(setup, &setup->attempts[i]);
		n_left += leaves;
		n_stay += setup->attempts[i].fd >= 0;
	}
	if (n_left && !n_stay)
		begin_instead(gateway, setup);
}
