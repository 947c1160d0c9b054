/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A golden file of messages: decodes each, compares what is seen with what the file says; with GOLDEN_UPDATE=1 in the
 * environment it writes the file anew. Records are name, hex and text lines; an empty line, or the end, ends one.
 */
#ifndef BRAID_TESTS_UNIT_GOLDEN_H
#define BRAID_TESTS_UNIT_GOLDEN_H

#include "unit.h"

/* Writes what is seen of a message: lines that begin with "text ". The bytes end where their block of memory does. */
typedef void golden_show_fn(FILE *out, struct bytes in);

struct golden_record {
	char name[160];
	struct unit_bytes bytes;
	char expected[8192];
};

static inline void golden_show_hex(FILE *out, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		fprintf(out, "%02x", bytes.at[i]);
}

/* Compares, and returns how many differ (0 or 1). updated: the file as it should be. */
static inline int golden_finish(struct golden_record *record, FILE *updated, golden_show_fn *show)
{
	char *seen = NULL;
	size_t n_seen;
	FILE *out;
	uint8_t *copy;
	int differs;

	if (!record->name[0])
		return 0;
	out = open_memstream(&seen, &n_seen);
	copy = unit_copy(record->bytes.at, record->bytes.n);
	show(out, (struct bytes){ copy, record->bytes.n });
	free(copy);
	fclose(out);
	fputs(seen, updated);
	differs = strcmp(seen, record->expected) != 0;
	if (differs)
		fprintf(stderr, "%s\nexpected:\n%sseen:\n%s\n", record->name, record->expected, seen);
	free(seen);
	*record = (struct golden_record){ .name = "" };
	return differs;
}

static inline int golden_read(FILE *in, FILE *updated, unsigned int *n_records, golden_show_fn *show)
{
	struct golden_record record = { .name = "" };
	char line[400];
	int n_differ = 0;

	while (fgets(line, sizeof(line), in)) {
		if (!strncmp(line, "text ", 5)) {
			strncat(record.expected, line, sizeof(record.expected) - strlen(record.expected) - 1);
			continue;   /* comes again from what is seen */
		}
		if (line[0] == '\n')
			n_differ += golden_finish(&record, updated, show);
		fputs(line, updated);
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "name ", 5)) {
			snprintf(record.name, sizeof(record.name), "%.159s", line + 5);
			++*n_records;
		} else if (!strncmp(line, "hex ", 4)) {
			unit_hex_add(&record.bytes, line + 4);
		}
	}
	return n_differ + golden_finish(&record, updated, show);
}

static inline int golden_update(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	if (!out || fputs(text, out) < 0 || fclose(out)) {
		perror(path);
		return 1;
	}
	return 0;
}

static inline int golden_main(int argc, char **argv, golden_show_fn *show)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL, *updated;
	unsigned int n_records = 0;
	char *text = NULL;
	size_t n_text;
	int n_differ;

	if (!in) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	updated = open_memstream(&text, &n_text);
	n_differ = golden_read(in, updated, &n_records, show);
	fclose(in);
	fclose(updated);
	printf("%u messages, %d differ\n", n_records, n_differ);
	if (n_differ && getenv("GOLDEN_UPDATE"))
		n_differ = golden_update(argv[1], text);
	free(text);
	return n_differ || !n_records;
}

#endif
