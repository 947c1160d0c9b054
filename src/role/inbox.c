/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "net/socket.h"

int inbox_receive(const struct inbox *inbox, int fd, uint8_t *scratch, size_t n_scratch, struct bytes *all, bool *ended)
{
	ssize_t n;
	int error = 0;

	if (inbox->n_kept >= n_scratch)
		return -EMSGSIZE;
	if (inbox->n_kept)
		memcpy(scratch, inbox->kept, inbox->n_kept);
	n = net_receive(fd, scratch + inbox->n_kept, n_scratch - inbox->n_kept, &error);
	if (n < 0)
		return error;
	*ended = !n;
	*all = (struct bytes){ scratch, inbox->n_kept + (size_t)n };
	return 0;
}

int inbox_keep(struct inbox *inbox, struct bytes left)
{
	uint8_t *kept = NULL;

	if (left.n) {
		kept = malloc(left.n);
		if (!kept)
			return -ENOMEM;
		memcpy(kept, left.at, left.n);
	}
	inbox_free(inbox);
	*inbox = (struct inbox){ .kept = kept, .n_kept = left.n };
	return 0;
}

int inbox_add(struct inbox *inbox, struct bytes more)
{
	uint8_t *kept = more.n ? realloc(inbox->kept, inbox->n_kept + more.n) : inbox->kept;

	if (more.n && !kept)
		return -ENOMEM;
	if (more.n)
		memcpy(kept + inbox->n_kept, more.at, more.n);
	*inbox = (struct inbox){ .kept = kept, .n_kept = inbox->n_kept + more.n };
	return 0;
}

void inbox_free(struct inbox *inbox)
{
	free(inbox->kept);
	*inbox = (struct inbox){ 0 };
}
