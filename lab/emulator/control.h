/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Unix stream socket on which many clients ask by lines, and each line gets one line as its answer. */
#ifndef BRAID_LAB_CONTROL_H
#define BRAID_LAB_CONTROL_H

#include "text.h"

struct control;

/* Adds the answer, without the line's end. line ends with a NUL and may be written to. */
typedef void control_answer_fn(void *context, char *line, struct text *answer);

/* Listens at path, in the place of a socket that nobody listens on any more. 0 or negative errno. */
int control_new(struct control **control, const char *path, control_answer_fn *answer, void *context);

/* Ends all conversations and removes the socket; NULL is fine. */
void control_free(struct control *control);

/* Readable when control_step() has something to do. */
int control_fd(const struct control *control);

void control_step(struct control *control);

#endif
