/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes down what policy/steady is told and what it decides: linked into a braidd of its own (braidd-traced), where
 * the linker puts these in the place of the real ones (--wrap). A file a leg in the folder that BRAID_STEADY_TRACE
 * names, from the leg's first bulk bytes on; and another one where its session goes to another thread.
 */
#include "steady_line.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEGS 64
#define LEG_LINE_EVERY 50u

struct steady_verdict __real_steady_begin(struct steady *steady, const struct steady_facts *facts);
void __real_steady_refused(struct steady *steady, uint64_t now_us);
void __real_steady_moved(struct steady *steady);
struct steady_verdict __real_steady_follow(struct steady *steady, const struct steady_facts *facts);
struct steady_verdict __real_steady_look(struct steady *steady, const struct steady_facts *facts);
struct steady_verdict __wrap_steady_begin(struct steady *steady, const struct steady_facts *facts);
void __wrap_steady_refused(struct steady *steady, uint64_t now_us);
void __wrap_steady_moved(struct steady *steady);
struct steady_verdict __wrap_steady_follow(struct steady *steady, const struct steady_facts *facts);
struct steady_verdict __wrap_steady_look(struct steady *steady, const struct steady_facts *facts);

static struct leg {
	const struct steady *steady;
	FILE *file;
	unsigned int n_lines;
	struct steady last;          /* as it was after the last event */
} legs[LEGS];
static unsigned int n_legs;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static struct leg *leg_of(const struct steady *steady)
{
	for (size_t i = 0; i < LEGS; i++)
		if (legs[i].steady == steady && legs[i].file)
			return &legs[i];
	return NULL;
}

static void write_line(const struct steady *steady, const char *line)
{
	struct leg *leg;

	pthread_mutex_lock(&lock);
	leg = leg_of(steady);
	if (leg)
		fprintf(leg->file, "%s\n", line);
	pthread_mutex_unlock(&lock);
}

static void note(const struct steady *steady, const char *what, const struct steady_facts *facts,
		 struct steady_verdict verdict)
{
	char line[STEADY_LINE_BYTES];

	steady_line_decision(line, what, facts, verdict, steady);
	write_line(steady, line);
}

static void open_leg(const struct steady *steady)
{
	const char *folder = getenv("BRAID_STEADY_TRACE");
	char path[256];
	struct leg *leg;

	if (!folder)
		return;
	pthread_mutex_lock(&lock);
	leg = leg_of(steady);   /* a place that a session before had */
	if (!leg)
		leg = &legs[n_legs % LEGS];
	if (leg->file)
		fclose(leg->file);
	snprintf(path, sizeof(path), "%s/%d-%u", folder, getpid(), n_legs++);
	*leg = (struct leg){ .steady = steady, .file = fopen(path, "w") };
	memcpy(&leg->last, steady, sizeof(leg->last));
	pthread_mutex_unlock(&lock);
}

static void keep(const struct steady *steady)
{
	struct leg *leg;

	pthread_mutex_lock(&lock);
	leg = leg_of(steady);
	if (leg)
		memcpy(&leg->last, steady, sizeof(leg->last));
	pthread_mutex_unlock(&lock);
}

/* A session that goes to a thread for bulk is another leg from then on, perhaps where one was before. */
static bool is_another(const struct leg *leg, const struct steady *steady)
{
	return leg ? memcmp(&leg->last, steady, sizeof(leg->last)) : steady->begun;
}

/* Before each event. */
static void follow_session(const struct steady *steady)
{
	pthread_mutex_lock(&lock);
	if (is_another(leg_of(steady), steady))
		open_leg(steady);
	pthread_mutex_unlock(&lock);
}

/* First of all, and now and then, the state stands in the trace, so that it can be cut there. */
static void note_state(const struct steady *steady)
{
	char line[STEADY_LINE_BYTES];
	struct leg *leg;

	pthread_mutex_lock(&lock);
	leg = leg_of(steady);
	if (leg && !(leg->n_lines++ % LEG_LINE_EVERY)) {
		steady_line_leg(line, steady);
		write_line(steady, line);
	}
	pthread_mutex_unlock(&lock);
}

struct steady_verdict __wrap_steady_begin(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_verdict verdict;

	open_leg(steady);
	note_state(steady);
	verdict = __real_steady_begin(steady, facts);
	note(steady, "begin", facts, verdict);
	keep(steady);
	return verdict;
}

void __wrap_steady_refused(struct steady *steady, uint64_t now_us)
{
	char line[STEADY_LINE_BYTES];

	follow_session(steady);
	if (!steady->look_at_us) {   /* otherwise nothing comes of it */
		note_state(steady);
		snprintf(line, sizeof(line), "refused %" PRIu64, now_us);
		write_line(steady, line);
	}
	__real_steady_refused(steady, now_us);
	keep(steady);
}

void __wrap_steady_moved(struct steady *steady)
{
	follow_session(steady);
	if (steady->look_at_us) {
		note_state(steady);
		write_line(steady, "moved");
	}
	__real_steady_moved(steady);
	keep(steady);
}

struct steady_verdict __wrap_steady_follow(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_verdict verdict;

	follow_session(steady);
	note_state(steady);
	verdict = __real_steady_follow(steady, facts);
	note(steady, "follow", facts, verdict);
	keep(steady);
	return verdict;
}

struct steady_verdict __wrap_steady_look(struct steady *steady, const struct steady_facts *facts)
{
	struct steady_verdict verdict;

	follow_session(steady);
	note_state(steady);
	verdict = __real_steady_look(steady, facts);
	note(steady, "look", facts, verdict);
	keep(steady);
	return verdict;
}
