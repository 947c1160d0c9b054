/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/question.h"

#include <stdlib.h>
#include "role/braid_parts.h"

static struct question *question_new(struct braid *braid, struct control_call call)
{
	struct question *question = malloc(sizeof(*question));

	if (question)
		*question = (struct question){ braid, call };
	return question;
}

void question_ask(struct braid *braid, struct control_call call, struct survey_options options)
{
	options.context = question_new(braid, call);
	if (options.context && !survey_take(braid->loop, braid->workers, braid->n_workers, &options))
		return;
	free(options.context);
	control_answer(call, NULL);
}
