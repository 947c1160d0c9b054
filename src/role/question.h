/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A control command whose answer takes a survey of all threads (role/survey.h). */
#ifndef BRAID_ROLE_QUESTION_H
#define BRAID_ROLE_QUESTION_H

#include "ctl/control.h"
#include "role/survey.h"

struct braid;

/* The context of the survey's done(), which frees it. */
struct question {
	struct braid *braid;
	struct control_call call;
};

/* Begins the survey; where memory is short the call is answered so. options without a context. */
void question_ask(struct braid *braid, struct control_call call, struct survey_options options);

#endif
