/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes down what policy/congestion and policy/spoilt are told and what they decide, as record_steady.c does of
 * policy/steady. A file a session that is followed in the folder that BRAID_LOOKS_TRACE names.
 */
#include "looks_line.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLLOWED 256

struct congestion_verdict __real_congestion_look(struct congestion *congestion, const struct leg_facts *facts);
struct congestion_verdict __wrap_congestion_look(struct congestion *congestion, const struct leg_facts *facts);
void __real_spoilt_moved(struct spoilt *spoilt);
void __wrap_spoilt_moved(struct spoilt *spoilt);
struct spoilt_verdict __real_spoilt_look(struct spoilt *spoilt, const struct leg_facts *facts);
struct spoilt_verdict __wrap_spoilt_look(struct spoilt *spoilt, const struct leg_facts *facts);

/* Each kind by itself: they share nothing. */
static struct {
	const void *key;
	FILE *file;
} followed[FOLLOWED];
static unsigned int n_files;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(const void *key)
{
	size_t i = 0;

	while (i < FOLLOWED - 1 && followed[i].key && followed[i].key != key)
		i++;
	followed[i].key = key;
	return i;
}

/* anew: of another session than what had the place before. */
static void write_line(const void *key, const char *what, bool anew, const char *line)
{
	const char *folder = getenv("BRAID_LOOKS_TRACE");
	char path[256];
	size_t i;

	if (!folder)
		return;
	pthread_mutex_lock(&lock);
	i = place_of(key);
	if (anew && followed[i].file) {
		fclose(followed[i].file);
		followed[i].file = NULL;
	}
	if (!followed[i].file) {
		snprintf(path, sizeof(path), "%s/%s-%d-%u", folder, what, getpid(), n_files++);
		followed[i].file = fopen(path, "w");
	}
	if (followed[i].file) {
		fprintf(followed[i].file, "%s\n", line);
		fflush(followed[i].file);
	}
	pthread_mutex_unlock(&lock);
}

struct congestion_verdict __wrap_congestion_look(struct congestion *congestion, const struct leg_facts *facts)
{
	bool anew = !congestion->looked_at_us && !congestion->n_failed;
	struct congestion_verdict verdict;
	char line[LOOKS_LINE_BYTES];

	if (anew)
		write_line(congestion, "losses", true, congestion->bbr ? "begin bbr" : "begin cubic");
	verdict = __real_congestion_look(congestion, facts);
	looks_line_congestion(line, facts, verdict, congestion);
	write_line(congestion, "losses", false, line);
	return verdict;
}

void __wrap_spoilt_moved(struct spoilt *spoilt)
{
	if (spoilt->begun_us)
		write_line(spoilt, "harm", false, "moved");
	__real_spoilt_moved(spoilt);
}

struct spoilt_verdict __wrap_spoilt_look(struct spoilt *spoilt, const struct leg_facts *facts)
{
	struct spoilt_verdict verdict = __real_spoilt_look(spoilt, facts);
	char line[LOOKS_LINE_BYTES];

	looks_line_spoilt(line, facts, verdict, spoilt);
	write_line(spoilt, "harm", false, line);
	return verdict;
}
