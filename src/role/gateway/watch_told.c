/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/watch_parts.h"

/* One message: an outcome, a session, what limits sessions, or an answer to a host. */
static struct signalling_step take_one(struct watch *watch, struct bytes all)
{
	const struct watch_options *options = &watch->options;
	uint8_t nonce[SIGNALLING_NONCE_BYTES];
	struct signalling_inbound inbound;
	struct signalling_host_message message;
	struct signalling_step step = scheme_convert.client_early(all.at, all.n, nonce);
	enum signalling_limited what;

	if (step.verdict == SIGNALLING_DONE)
		options->on_early(options->context, nonce, &step.result);
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.offers) {
		step = scheme_convert.client_inbound(all.at, all.n, &inbound);
		if (step.verdict == SIGNALLING_DONE)
			options->on_inbound(options->context, &inbound);
	}
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.hears_limits) {
		step = scheme_convert.client_limited(all.at, all.n, &what);
		if (step.verdict == SIGNALLING_DONE)
			options->on_limited(options->context, what);
	}
	if (step.verdict == SIGNALLING_REFUSED && watch->probe.serves_hosts) {
		step = scheme_convert.host_get(all.at, all.n, &message);
		if (step.verdict == SIGNALLING_DONE)
			options->on_answer(options->context, &message);
	}
	return step;
}

bool watch_may_say_more(const struct watch *watch)
{
	return watch->probe.name || watch->probe.serves_hosts;
}

const char *watch_keep(struct watch *watch, struct bytes left)
{
	return inbox_keep(&watch->probe.inbox, left) ? "out of memory" : NULL;
}

const char *watch_take_told(struct watch *watch, struct bytes all)
{
	struct signalling_step step;

	for (; watch_may_say_more(watch) && all.n;
	     all = (struct bytes){ all.at + step.n_consumed, all.n - step.n_consumed }) {
		step = take_one(watch, all);
		if (step.verdict == SIGNALLING_NEED_MORE)
			return watch_keep(watch, all);
		if (step.verdict != SIGNALLING_DONE)
			break;
	}
	inbox_free(&watch->probe.inbox);
	return all.n ? "it says more than it was asked" : NULL;
}
