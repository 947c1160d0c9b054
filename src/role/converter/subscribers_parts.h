/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subscribers' inside. Private to subscribers.c (who they are, what they may) and subscribers_figures.c (what is
 * told of them, and kept). */
#ifndef BRAID_ROLE_CONVERTER_SUBSCRIBERS_PARTS_H
#define BRAID_ROLE_CONVERTER_SUBSCRIBERS_PARTS_H

#include <pthread.h>
#include "policy/bucket.h"
#include "role/converter/subscribers.h"

#define SUBSCRIBERS_LINE_BYTES 64     /* of a cache: what one worker writes stays away from what others read */
#define BYTES_OF_MB 1000000ull

struct limits {
	uint32_t max_sessions, rate_mbit;
	uint32_t max_mappings;              /* shown here, kept by role/mappings/mapper.h */
	struct bucket_limit new_sessions;   /* per_s 0: no limit */
	uint64_t volume_bytes[QUOTA_N];     /* 0: no limit */
};

/* From where servers see his sessions. Unspecified: the system's choice. */
struct seen_as {
	struct source_settings settings;
	struct address v4, v6;              /* v6: but for those that leave from their hosts' addresses */
};

/* A copy of all that is told of one. */
struct figures {
	char name[CONF_NAME_BYTES];
	bool configured;
	struct limits limits;
	struct seen_as seen_as;
	struct quota quota;
	uint32_t n_sessions;
	uint64_t new_full_at_ns;
	uint64_t n_verdicts[SUBSCRIBERS_N_VERDICTS];
};

struct part {
	struct relay_account account;
} __attribute__((aligned(SUBSCRIBERS_LINE_BYTES)));

struct subscriber {
	struct figures figures;             /* under the lock */
	uint64_t watches[SUBSCRIBERS_WATCHES];   /* the latest first; under the lock, too, as all down to
						  * limits_told_us */
	size_t n_watches;
	uint64_t limits_watch, limits_told_us[2];   /* by whether they spoil */
	struct relay_pace paces[RELAY_N_WAYS] __attribute__((aligned(SUBSCRIBERS_LINE_BYTES)));
	struct part parts[];                /* one a worker */
};

struct subscribers {
	pthread_mutex_t lock;               /* set-up path only, and held shortly */
	unsigned int n_workers;
	struct subscriber **all;            /* by number, less one. The main thread alone adds some, and so may walk
					     * along it without the lock */
	uint32_t n;
};

/* From any thread. */
uint64_t subscriber_way_bytes(const struct subscribers *subscribers, const struct subscriber *subscriber,
			      enum relay_way way);
uint64_t subscriber_bytes(const struct subscribers *subscribers, const struct subscriber *subscriber);

/* One that isn't among the names is made. SUBSCRIBERS_NONE without memory. */
uint32_t subscribers_find_or_add(struct subscribers *subscribers, const struct name_number *names, size_t n,
				 const char *name);

#endif
