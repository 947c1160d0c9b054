/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translation between the options and states of path/path.h and those of policy/links.h, and the words for an event. */
#ifndef BRAID_PATH_WANT_H
#define BRAID_PATH_WANT_H

#include "path/path.h"
#include "policy/links.h"

/* What these options ask for; nothing is closed or left yet. */
struct links_want want_of(const struct path_options *options);
enum path_link_state want_state(enum links_state state);
/* "link dsl (eth1): up, 192.0.2.7, 2001:db8::7" */
void want_describe(const struct path_link_options *link, const struct links_verdict *verdict, char *out, size_t n_out);

#endif
