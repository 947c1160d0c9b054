/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configuration calls a scheme, and which it is. */
#ifndef BRAID_ROLE_SCHEMES_H
#define BRAID_ROLE_SCHEMES_H

#include "conf/conf.h"
#include "signalling/scheme.h"

const struct scheme *scheme_of_conf(uint32_t signalling);
/* Those of a set, a bit each; returns how many. */
size_t schemes_of_conf(uint32_t set, const struct scheme *out[CONF_SIGNALLING_N]);

#endif
