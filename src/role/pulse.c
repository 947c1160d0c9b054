/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/pulse.h"

#include <errno.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "policy/lateness.h"
#include "role/log.h"

#define PULSE_US (500 * US_PER_MS)
#define TOLD_AFTER 4   /* questions: by then the rules are about to end, one is what a busy machine leaves unanswered
		        * now and then */

struct heart {
	struct worker *worker;
	enum lateness_question question;   /* atomic. While it is ASKED the worker reads asked_at_us, writes
					    * waited_us, and has it ANSWERED; else all is the main thread's */
	uint64_t asked_at_us;
	uint64_t waited_us;
	unsigned int n_missed;   /* in a row */
	struct lateness lateness;
	struct log_limit log_limit;
	bool told;               /* that it is late */
};

struct pulse {
	struct pulse_options options;
	uint8_t handler;
	enum pulse_word word;
	struct heart hearts[];
};

void pulse_freep(struct pulse **pulse)
{
	free(*pulse);
	*pulse = NULL;
}

/* It has waited behind everything that the worker had to do before. */
static void answer(void *arg)
{
	struct heart *heart = arg;

	heart->waited_us = loop_clock_us() - heart->asked_at_us;
	__atomic_store_n(&heart->question, LATENESS_ANSWERED, __ATOMIC_RELEASE);
}

static void ask(struct heart *heart)
{
	heart->asked_at_us = loop_clock_us();
	__atomic_store_n(&heart->question, LATENESS_ASKED, __ATOMIC_RELEASE);
	if (loop_post(heart->worker->loop, answer, heart))
		/* short of memory for it: that says nothing of the worker */
		__atomic_store_n(&heart->question, LATENESS_UNASKED, __ATOMIC_RELEASE);
}

static void log_late(struct heart *heart, uint64_t waited_us)
{
	uint64_t n_left_out;

	heart->told = log_limit_pass(&heart->log_limit, loop_clock_us(), &n_left_out);
	if (heart->told)
		log_warning("worker %u is %.1f s late: new connections go the ordinary way until it has caught up",
			    heart->worker->number, (double)waited_us / US_PER_S);
}

/* One for bulk is given no new connections. */
static void note(struct heart *heart, enum lateness_question question, uint64_t waited_us)
{
	if (heart->worker->number >= heart->worker->n_peers || !lateness_note(&heart->lateness, question, waited_us))
		return;
	if (heart->lateness.late) {
		counter_add(&heart->worker->counters.n_late, 1);
		log_late(heart, waited_us);
	} else if (heart->told) {
		log_info("worker %u has caught up", heart->worker->number);
	}
}

static void note_missed(struct heart *heart)
{
	if (++heart->n_missed == TOLD_AFTER)
		log_error("worker %u stands still: new connections go the ordinary way until it moves; if it doesn't, "
			  "restart braidd, and report it",
			  heart->worker->number);
	note(heart, LATENESS_ASKED, loop_clock_us() - heart->asked_at_us);
}

/* What connections have waited is asked for now, not when the question was answered: after a stall those that came
 * meanwhile are taken later than that, and belong to the same look. */
static void note_answered(struct heart *heart)
{
	uint64_t waited_us = __atomic_exchange_n(&heart->worker->longest_wait_us, 0, __ATOMIC_RELAXED);

	if (heart->n_missed >= TOLD_AFTER)
		log_info("worker %u moves again", heart->worker->number);
	heart->n_missed = 0;
	note(heart, LATENESS_ANSWERED, waited_us > heart->waited_us ? waited_us : heart->waited_us);
}

static enum pulse_word take(struct heart *heart)
{
	enum lateness_question question = __atomic_load_n(&heart->question, __ATOMIC_ACQUIRE);

	if (question == LATENESS_ASKED)
		note_missed(heart);
	if (question == LATENESS_ANSWERED)
		note_answered(heart);
	if (question != LATENESS_ASKED)
		ask(heart);
	return heart->lateness.late ? PULSE_LATE : question == LATENESS_ASKED ? PULSE_MISSED : PULSE_WELL;
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct pulse *pulse = context;

	pulse->word = PULSE_WELL;
	for (size_t i = 0; i < pulse->options.n_workers; i++) {
		enum pulse_word one = take(&pulse->hearts[i]);

		pulse->word = one > pulse->word ? one : pulse->word;
	}
	pulse->options.on_look(pulse->options.context, pulse->word == PULSE_LATE);
	/* by the clock: what is asked now has waited for all of it then, and for LATENESS_ONCE_US after two */
	loop_timer_at(pulse->options.loop, loop_clock_us() + PULSE_US, ref);
}

enum pulse_word pulse_word(const struct pulse *pulse)
{
	return pulse->word;
}

int pulse_new(const struct pulse_options *options, struct pulse **out)
{
	struct loop_handler handler = { .on_timer = on_timer };
	struct pulse *pulse = calloc(1, sizeof(*pulse) + options->n_workers * sizeof(pulse->hearts[0]));
	int r;

	if (!pulse)
		return -ENOMEM;
	pulse->options = *options;
	for (size_t i = 0; i < options->n_workers; i++)
		pulse->hearts[i].worker = options->workers[i];
	handler.context = pulse;
	pulse->handler = loop_handler_add(options->loop, &handler);
	r = loop_timer_at(options->loop, loop_now_us(options->loop), (struct loop_ref){ .handler = pulse->handler });
	if (r)
		pulse_freep(&pulse);
	*out = pulse;
	return r;
}
