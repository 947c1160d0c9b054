/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwards of a converter, as a view has them: those of its configuration, and those that hosts have asked for. */
#ifndef BRAID_ROLE_MAPPINGS_FORWARDING_H
#define BRAID_ROLE_MAPPINGS_FORWARDING_H

#include "conf/conf.h"
#include "policy/forwards.h"
#include "policy/mappings.h"
#include "role/converter/subscribers.h"

/* mappings: NULL: those of the configuration alone. *out is NULL where there are none. 0 or -ENOMEM. */
int forwarding_compile(const struct conf *conf, const struct roster *roster, const struct mappings *mappings,
		       struct forwards **out);

#endif
