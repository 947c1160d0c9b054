/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has arrived of a message that isn't complete yet. Nothing is allocated as long as messages come in one piece. */
#ifndef BRAID_ROLE_INBOX_H
#define BRAID_ROLE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"

struct inbox {
	uint8_t *kept;
	size_t n_kept;
};

/* Receives once into scratch, behind what was kept; *all is both together, borrowed from scratch. 0 (*ended: the
 * peer sends no more), NET_E_*, or a negative errno. */
int inbox_receive(const struct inbox *inbox, int fd, uint8_t *scratch, size_t n_scratch, struct bytes *all,
		  bool *ended);
/* Keeps a copy of what is left over, in the place of what was kept. 0 or -ENOMEM. */
int inbox_keep(struct inbox *inbox, struct bytes left);
/* Keeps a copy of more, behind it. 0 or -ENOMEM. */
int inbox_add(struct inbox *inbox, struct bytes more);
void inbox_free(struct inbox *inbox);

#endif
