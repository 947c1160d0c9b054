/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The converters of a gateway, of gateway.converter and of [upstream NAME] sections, in one list. Private to conf/. */
#ifndef BRAID_CONF_UPSTREAMS_H
#define BRAID_CONF_UPSTREAMS_H

#include "conf/conf.h"

/* Once all is read: puts that of gateway.converter before the others, and gives these what they don't say
 * themselves. */
void upstreams_finish(struct conf *conf);
/* NULL when they are fine, else what is wrong and what to do. */
const char *upstreams_check(const struct conf *conf);

#endif
