/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps mappings in mappings.sqlite in daemon.state_dir, each as soon as it changes: after a restart, or a kill, those
 * that were granted are there again (decision 0020). Times are Unix seconds. Main thread.
 */
#ifndef BRAID_ROLE_MAPPINGS_MAPPING_STORE_H
#define BRAID_ROLE_MAPPINGS_MAPPING_STORE_H

#include "policy/mappings.h"

#define MAPPING_STORE_AGAIN_S 10         /* what couldn't be written is to be tried again after that */

struct mapping_store;

/* One as it is kept: subscribers by name, for their numbers change. mapping.subscriber isn't used. */
struct mapping_record {
	char subscriber[32];
	struct mapping mapping;
};

struct mapping_store_options {
	const char *state_dir;           /* borrowed, as what follows; is there already */
	void (*on_warning)(void *context, const char *text);   /* one line */
	void *context;
};

/* What there was. */
struct mapping_past {
	struct mapping_record *records;  /* malloc'd */
	size_t n;
	uint64_t began_s;                /* of the epoch; 0: there is nothing that it could go on from */
};

/* Opens the file and reads it. One that is broken or isn't ours is told of and put aside, and an empty one takes its
 * place; where none can be had, that is told, and nothing is kept. One that somebody else has open is waited for, a
 * second at most, and then as one that can't be written: *past is empty. The file is its owner's alone. 0 or
 * -ENOMEM. */
int mapping_store_new(const struct mapping_store_options *options, struct mapping_past *past,
		      struct mapping_store **out);
void mapping_store_freep(struct mapping_store **store);

/* What can't be written is told once, until all of it could be. */
void mapping_store_put(struct mapping_store *store, const struct mapping_record *record);
void mapping_store_remove(struct mapping_store *store, const struct address *external);
void mapping_store_begin_epoch(struct mapping_store *store, uint64_t began_s);
/* What is done in between is done as a whole, or not at all. */
void mapping_store_begin(struct mapping_store *store);
void mapping_store_end(struct mapping_store *store);
/* In between: all mappings go, and those that are put next are all that there are. */
void mapping_store_clear(struct mapping_store *store);
/* Something couldn't be written, and nothing has begun with mapping_store_clear() and come to its end since: what
 * ended may be there still, and what was made may not. */
bool mapping_store_is_behind(const struct mapping_store *store);

#endif
