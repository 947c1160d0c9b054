/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configuration calls a scheme, and which it is. */
#ifndef BRAID_ROLE_SCHEMES_H
#define BRAID_ROLE_SCHEMES_H

#include "conf/conf.h"
#include "signalling/scheme.h"

const struct scheme *scheme_of_conf(uint32_t signalling);
/* What the watch asks by: the same, or Convert where that one has no questions. */
const struct scheme *scheme_of_watch(uint32_t signalling);
/* Who a gateway says it is in a scheme without tickets, and how. */
void schemes_put_login(const struct conf_gateway *conf, const struct conf_upstream *upstream, bool kin,
		       struct signalling_request *request);
/* Those of a set, a bit each; returns how many. */
size_t schemes_of_conf(uint32_t set, const struct scheme *out[CONF_SIGNALLING_N]);

#endif
