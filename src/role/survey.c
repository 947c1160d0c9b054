/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/survey.h"

#include <errno.h>
#include <stdlib.h>

#define SURVEY_BATCH 64   /* sessions between two turns of the worker's loop, */
#define SURVEY_LEGS_BATCH 16   /* or those whose legs are asked, of which each has several */

struct survey;

struct errand {
	struct survey *survey;
	struct worker *worker;
	uint32_t at, at_legs;    /* where to go on */
};

struct survey {
	struct survey_options options;
	struct loop *main_loop;
	size_t n_left;           /* the main thread's: it alone counts down */
	size_t n_errands;
	bool short_of_memory;    /* a worker couldn't be told */
	bool waits;              /* a session was on its way: each worker is waited for to have come round, and with
				  * it what was posted to it */
	struct session_name one; /* if options.one */
	void **parts;            /* of the errands, in their order */
	struct errand errands[];
};

static void survey_free(struct survey *survey)
{
	for (size_t i = 0; i < survey->n_errands; i++)
		free(survey->parts[i]);
	free(survey->parts);
	free(survey);
}

static void start(struct survey *survey);

static void errand_is_done(void *arg)
{
	struct survey *survey = arg;

	if (--survey->n_left)
		return;
	if (survey->waits && !survey->short_of_memory) {
		start(survey);
		return;
	}
	survey->options.done(survey->options.context, survey->parts, survey->n_errands);
	survey_free(survey);
}

static void visit(void *context, const struct session_view *session)
{
	struct errand *errand = context;
	struct survey *survey = errand->survey;
	const struct session_name *one = &survey->one, *name = &session->name;

	if (!survey->options.one ||
	    (one->relay == name->relay && one->place == name->place && one->generation == name->generation))
		survey->options.visit(survey->parts[errand - survey->errands], errand->worker, session);
}

static void visit_legs(void *context, const struct stripes_legs *legs)
{
	struct errand *errand = context;
	struct survey *survey = errand->survey;

	survey->options.visit_legs(survey->parts[errand - survey->errands], errand->worker, legs);
}

/* True: not all yet. */
static bool visit_some(struct errand *errand)
{
	struct worker *worker = errand->worker;

	shared_stay(worker->shared);
	return relay_each(worker->relay, &errand->at, SURVEY_BATCH, visit, errand) ||
	       (errand->survey->options.visit_legs &&
		stripes_each(worker->stripes, &errand->at_legs, SURVEY_LEGS_BATCH, visit_legs, errand));
}

static void run_errand(void *arg)
{
	struct errand *errand = arg;

	if (!errand->survey->waits && visit_some(errand) && !loop_post(errand->worker->loop, run_errand, errand))
		return;
	while (loop_post(errand->survey->main_loop, errand_is_done, errand->survey))
		;   /* a few bytes that have to be there at last: who asked is waiting */
}

static struct survey *survey_new(struct loop *main_loop, size_t n_errands, const struct survey_options *options)
{
	struct survey *survey = calloc(1, sizeof(*survey) + n_errands * sizeof(survey->errands[0]));

	if (!survey)
		return NULL;
	survey->options = *options;
	survey->main_loop = main_loop;
	survey->n_errands = n_errands;
	if (options->one) {
		survey->one = *options->one;
		survey->options.one = &survey->one;
	}
	survey->parts = calloc(n_errands, sizeof(*survey->parts));
	for (size_t i = 0; survey->parts && i < n_errands; i++) {
		survey->errands[i].survey = survey;
		survey->parts[i] = calloc(1, options->part_bytes);
		if (survey->parts[i])
			continue;
		survey_free(survey);
		return NULL;
	}
	if (survey->parts)
		return survey;
	free(survey);
	return NULL;
}

static void start(struct survey *survey)
{
	survey->waits = !shared_stay(survey->errands[0].worker->shared);
	survey->n_left = survey->n_errands;
	for (size_t i = 0, n = survey->n_errands; i < n; i++) {
		if (!loop_post(survey->errands[i].worker->loop, run_errand, &survey->errands[i]))
			continue;
		survey->short_of_memory = true;
		errand_is_done(survey);   /* its part stays empty */
	}
}

int survey_take(struct loop *main_loop, struct worker *const *workers, size_t n_workers,
		const struct survey_options *options)
{
	struct survey *survey = survey_new(main_loop, n_workers, options);

	if (!survey)
		return -ENOMEM;
	for (size_t i = 0; i < n_workers; i++)
		survey->errands[i].worker = workers[i];
	start(survey);
	return 0;
}
