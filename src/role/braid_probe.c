/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel has for the configuration. */
#include "role/braid_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "net/socket.h"
#include "role/converter/source.h"
#include "role/links/loss_watch.h"
#include "role/log.h"

int braid_probe_congestion(const struct conf *conf, char *reason, size_t n_reason)
{
	const char *congestion = loss_watch_least(conf);
	bool is_auto = loss_watch_is_auto(conf);
	int r = congestion[0] ? net_probe_congestion(congestion) : 0, auto_r = is_auto ? loss_watch_probe() : 0;

	if (auto_r)
		log_warning("this kernel does not have bbr for us (%s): relay.congestion = auto is cubic, and a link "
			    "that loses packets at random carries little",
			    strerror(-auto_r));
	if (r && is_auto) {
		log_warning("this kernel does not have cubic for us (%s): relay.congestion = auto begins with the "
			    "system's default", strerror(-r));
		r = 0;
	}
	if (r)
		snprintf(reason, n_reason,
			 "relay.congestion: this kernel does not have '%s' for us (%s); see "
			 "net.ipv4.tcp_available_congestion_control",
			 congestion, strerror(-r));
	return r;
}

static bool needs_transparent(const struct conf *conf)
{
	return conf_intercepts(conf) || source_is_foreign(conf) || conf->n_forwards || conf->converter.n_intercept ||
	       conf_gives_mappings(conf);
}

int braid_probe_kernel(struct braid *braid, const struct conf *conf, char *reason, size_t n_reason)
{
	const struct net_feature_state *f = braid->features;

	net_probe_features(braid->features);
	if (!f[NET_FEATURE_MPTCP].present || (needs_transparent(conf) && !f[NET_FEATURE_TRANSPARENT].present)) {
		const struct net_feature_state *missing = &f[f[NET_FEATURE_MPTCP].present ? NET_FEATURE_TRANSPARENT :
							     NET_FEATURE_MPTCP];

		snprintf(reason, n_reason, "this kernel has no %s for us: %s", missing->name, missing->consequence);
		return -EOPNOTSUPP;
	}
	for (size_t i = 0; i < NET_FEATURE_N; i++) {
		if (f[i].present || (i == NET_FEATURE_TRANSPARENT && !needs_transparent(conf)) ||
		    (i == NET_FEATURE_MPTCP_FASTOPEN && !conf->converter.enabled))
			continue;
		log_warning("this kernel has no %s for us: %s", f[i].name, f[i].consequence);
	}
	return braid_probe_congestion(conf, reason, n_reason);
}

int braid_probe_transparent(const struct braid *braid, const struct conf *conf, char *reason, size_t n_reason)
{
	if (!needs_transparent(conf) || braid->features[NET_FEATURE_TRANSPARENT].present)
		return 0;
	snprintf(reason, n_reason, "subscriber.address_mode, [forward NAME]: this kernel has no %s for us",
		 braid->features[NET_FEATURE_TRANSPARENT].name);
	return -EOPNOTSUPP;
}
