/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The converter's door for Multipath TCP connections that are taken on their way (decision 0025, doc/route.md): the client has connected to the server's own address, and says
 * nothing of it. They come by the nft table of path/intercept.h to listeners at mark_on_path_listener(). Private to the converter.
 */
#ifndef BRAID_ROLE_INTERCEPTED_H
#define BRAID_ROLE_INTERCEPTED_H

#include <stddef.h>

struct converter;

void intercepted_init(struct converter *converter);
/* Listens, or no longer, as the worker's view says. 0, or a negative errno with the reason in one line. */
int intercepted_apply(struct converter *converter, char *reason, size_t n_reason);

#endif
