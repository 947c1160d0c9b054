/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwards of a converter's configuration, as a view has them. */
#ifndef BRAID_ROLE_FORWARDING_H
#define BRAID_ROLE_FORWARDING_H

#include "conf/conf.h"
#include "policy/forwards.h"
#include "role/subscribers.h"

/* *out is NULL where there are none. 0 or -ENOMEM. */
int forwarding_compile(const struct conf *conf, const struct roster *roster, struct forwards **out);

#endif
