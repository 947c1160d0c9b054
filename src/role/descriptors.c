/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/descriptors.h"

#include <sys/resource.h>
#include "ctl/control.h"
#include "policy/stripe.h"
#include "role/log.h"
#include "role/stripe/stripes.h"

#define SPARE_DESCRIPTORS 256

/* Two descriptors a session, one more while it is set up, and some for pipes and the rest. */
uint64_t descriptors_wanted(const struct conf *conf)
{
	uint64_t n_waiting = conf->n_forwards || conf_gives_mappings(conf) ? conf->limits.max_half_open : 0;

	return 2ull * conf->limits.max_sessions + 2ull * conf->relay.pipes + conf->limits.max_half_open + n_waiting +
	       SPARE_DESCRIPTORS;
}

/* The other end of its leg here, and a connection a link: as many as a converter's client may have; at a gateway all
 * links, where they may be of use for it. */
uint64_t descriptors_of_pieces(const struct conf *conf, size_t n_workers)
{
	uint64_t n_legs = 0, n = (uint64_t)n_workers * STRIPES_MOST;
	bool all = conf->gateway.enabled && conf->gateway.pieces == CONF_PIECES_AUTO && conf->n_links > 1;

	for (size_t i = 0; i < conf->n_links; i++) {
		n_legs += conf->links[i].profile == CONF_PROFILE_LOWRATE;
		all |= conf->links[i].profile == CONF_PROFILE_LOSSY;
	}
	if (all)
		n_legs = conf->n_links;
	if (conf->converter.enabled)
		n_legs = STRIPE_LEGS;
	if (n > conf->limits.max_sessions)
		n = conf->limits.max_sessions;
	return n_legs ? n * (1 + n_legs) : 0;
}

/* The control socket has what is between the two, of which only a tiny limit leaves nothing. */
static rlim_t descriptors_soft(struct rlimit limit, uint64_t wanted)
{
	rlim_t most = limit.rlim_max > 2 * CONTROL_DESCRIPTORS ? limit.rlim_max - CONTROL_DESCRIPTORS : limit.rlim_max;

	if (limit.rlim_cur < wanted)
		limit.rlim_cur = wanted;
	return limit.rlim_cur < most ? limit.rlim_cur : most;
}

void descriptors_raise(const struct conf *conf, size_t n_workers)
{
	uint64_t least = descriptors_wanted(conf), wanted = least + descriptors_of_pieces(conf, n_workers);
	struct rlimit limit, more = { wanted, wanted + CONTROL_DESCRIPTORS };

	if (getrlimit(RLIMIT_NOFILE, &limit) || (limit.rlim_max < more.rlim_max && !setrlimit(RLIMIT_NOFILE, &more)))
		return;
	limit.rlim_cur = descriptors_soft(limit, wanted);
	if (limit.rlim_cur < least)
		log_warning("limits.max_sessions, max_half_open and relay.pipes may need %llu open files, the limit is "
			    "%llu: raise it (LimitNOFILE), or lower them",
			    (unsigned long long)least, (unsigned long long)limit.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &limit);
}
