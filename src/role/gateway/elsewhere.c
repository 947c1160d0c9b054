/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/elsewhere.h"

#include "base/clock.h"
#include "base/counter.h"
#include "role/gateway/opening.h"

#define LOOK_AGAIN_US (50 * US_PER_MS)

/* New connections go to another one by now. */
static bool is_left(const struct view *view, const struct setup *setup)
{
	return view->converter_reachable && view->upstream != setup->upstream;
}

/* That one, or else the best of those that answer besides; not the setup's own. NULL: there is none. */
static struct upstream *other_upstream(const struct view *view, const struct setup *setup)
{
	if (is_left(view, setup))
		return view->upstream;
	for (size_t i = 0; i < view->n_others; i++)
		if (view->others[i] != setup->upstream)
			return view->others[i];
	return NULL;
}

/* Two converters know nothing of each other, so what the host has said goes to one of them alone: a server must not
 * hear it twice. A message without it has the first one connect to the server at worst, and be gone again. What
 * waits at a converter is claimed there and nowhere else. */
static bool may_move(const struct setup *setup)
{
	return !setup->moved && !setup->inbound && !setup_any_connected(setup) &&
	       (setup->n_opening == setup->n_message || (!setup->exposed && !attempt_n_pending(setup)));
}

int elsewhere_begin(struct gateway *gateway, struct setup *setup)
{
	struct upstream *other = other_upstream(gateway->worker->view, setup);

	if (!other || !may_move(setup))
		return CHOOSE_E_NONE;
	attempt_drop_all(setup);
	upstream_unref(setup->upstream);
	setup->upstream = upstream_ref(other);
	setup->moved = true;
	setup->told = setup->begun_again = setup->left = setup->left_since = false;
	setup->n_instead = 0;
	setup->tried = 0;
	counter_add(&gateway->worker->counters.n_moved, 1);
	return opening_build_anew(gateway, setup) || attempt_first(gateway, setup) ? CHOOSE_E_NONE : 0;
}

static bool all_overdue(const struct setup *setup)
{
	for (size_t i = 0; i < SETUP_ATTEMPTS; i++)
		if (setup->attempts[i].fd >= 0 && !setup->attempts[i].overdue)
			return false;
	return true;
}

/* One that is left and can't go elsewhere is better off being ended: its host tries again. */
void elsewhere_look(struct gateway *gateway, struct setup *setup, const struct attempt *attempt, uint64_t now_us)
{
	const struct view *view = gateway->worker->view;
	bool left = is_left(view, setup);

	if ((left || all_overdue(setup)) && !elsewhere_begin(gateway, setup))
		return;
	/* nothing leads to the other one, either */
	if ((left && !setup_any_connected(setup)) || !attempt_n_pending(setup))
		setup_fail(gateway, setup);
	else if (view->n_others)
		loop_timer_at(gateway->worker->loop, now_us + LOOK_AGAIN_US,
			      setup_ref(gateway, setup, SETUP_ATTEMPT + (unsigned int)(attempt - setup->attempts)));
}
