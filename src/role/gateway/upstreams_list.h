/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which converters there are. Private to role/gateway/upstreams*.c. */
#ifndef BRAID_ROLE_GATEWAY_UPSTREAMS_LIST_H
#define BRAID_ROLE_GATEWAY_UPSTREAMS_LIST_H

#include "role/gateway/upstreams_parts.h"

/* Makes the list anew; what is in both stays as it is. Nothing is told or asked. 0, or -ENOMEM: all is as before. */
int upstreams_list(struct upstreams *all, const struct conf *conf);

/* upstreams.c */
/* Takes a reference of its own. 0 or -ENOMEM. */
int upstreams_member_new(struct upstreams *all, struct upstream *upstream, size_t source,
			 struct upstreams_member **out);
void upstreams_member_freep(struct upstreams_member **member);

#endif
