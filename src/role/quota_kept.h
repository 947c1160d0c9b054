/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was used of a day and a month, as it is kept in a file between two runs: of subscribers, and of links. */
#ifndef BRAID_ROLE_QUOTA_KEPT_H
#define BRAID_ROLE_QUOTA_KEPT_H

#include <jansson.h>
#include "policy/quota.h"

/* ASIDE: another period, of a clock that was wrong or of an earlier run; not in older files. */
enum { QUOTA_KEPT_RUNNING, QUOTA_KEPT_ASIDE, QUOTA_KEPT_N };

struct quota_kept {
	json_int_t number[QUOTA_KEPT_N][QUOTA_N], n_bytes[QUOTA_KEPT_N][QUOTA_N];
};

/* By the local calendar. */
struct quota_date quota_kept_today(void);
/* A new object, or NULL. */
json_t *quota_kept_json(const struct quota *quota, uint64_t total_bytes);
/* False where the object has not what quota_kept_json() writes; it may have more. */
bool quota_kept_get(json_t *object, struct quota_kept *kept);
void quota_kept_resume(const struct quota_kept *kept, struct quota *quota);
json_int_t quota_kept_latest_month(const struct quota_kept *kept);
bool quota_kept_is_later(const struct quota_kept *kept, const struct quota_date *date);

#endif
