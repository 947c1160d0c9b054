/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole daemon but for what main() does: workers, links, the watch on the converter, control. Runs in the main
 * thread. */
#ifndef BRAID_ROLE_BRAID_H
#define BRAID_ROLE_BRAID_H

#include <stddef.h>
#include "conf/conf.h"

struct braid;

/* Takes conf, also on failure. Puts everything in place. 0, or a negative errno with the reason in one line. */
int braid_new(struct conf *conf, struct braid **out, char *reason, size_t n_reason);
/* Runs until it was stopped, or drained. 0 or a negative errno. */
int braid_run(struct braid *braid);
void braid_freep(struct braid **braid);

/* In the loop's thread. Takes conf, also on failure; sessions go on. 0, or a negative errno with the reason; the old
 * one holds then. restart: keys that only a restart changes. */
int braid_reload(struct braid *braid, struct conf *conf, char *restart, size_t n_restart, char *reason,
		 size_t n_reason);
/* What reads the configuration again when somebody asks for it over the control socket. 0, or non-zero with the
 * reason in one line. */
typedef int (*braid_reload_fn)(void *context, char *reason, size_t n_reason);
void braid_on_reload(struct braid *braid, braid_reload_fn reload, void *context);

/* Ends at once, sessions and all. */
void braid_stop(struct braid *braid);
/* Takes no new connections; ends when there is no session left, or after daemon.drain_timeout_ms. */
void braid_drain(struct braid *braid);

/* Watches a descriptor of main()'s in the loop: on_signal is called when it is readable. 0 or a negative errno. */
int braid_watch_signals(struct braid *braid, int fd, void (*on_signal)(void *context), void *context);

#endif
