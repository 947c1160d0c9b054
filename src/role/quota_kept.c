/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/quota_kept.h"

#include <time.h>

struct quota_date quota_kept_today(void)
{
	time_t now_s = time(NULL);
	struct tm tm = { 0 };

	localtime_r(&now_s, &tm);
	return quota_date_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

json_t *quota_kept_json(const struct quota *quota, uint64_t total_bytes)
{
	return json_pack("{s:i, s:I, s:i, s:I, s:i, s:I, s:i, s:I}", "day", quota->periods[QUOTA_DAY].number,
			 "day_bytes", (json_int_t)quota_used_bytes(quota, QUOTA_DAY, total_bytes),
			 "month", quota->periods[QUOTA_MONTH].number,
			 "month_bytes", (json_int_t)quota_used_bytes(quota, QUOTA_MONTH, total_bytes),
			 "aside_day", quota->periods[QUOTA_DAY].aside_number,
			 "aside_day_bytes", (json_int_t)quota->periods[QUOTA_DAY].aside_bytes,
			 "aside_month", quota->periods[QUOTA_MONTH].aside_number,
			 "aside_month_bytes", (json_int_t)quota->periods[QUOTA_MONTH].aside_bytes);
}

bool quota_kept_get(json_t *object, struct quota_kept *kept)
{
	json_int_t (*number)[QUOTA_N] = kept->number, (*n_bytes)[QUOTA_N] = kept->n_bytes;

	*kept = (struct quota_kept){ 0 };
	if (json_unpack(object, "{s:I, s:I, s:I, s:I, s?I, s?I, s?I, s?I}",
			"day", &number[QUOTA_KEPT_RUNNING][QUOTA_DAY],
			"day_bytes", &n_bytes[QUOTA_KEPT_RUNNING][QUOTA_DAY],
			"month", &number[QUOTA_KEPT_RUNNING][QUOTA_MONTH],
			"month_bytes", &n_bytes[QUOTA_KEPT_RUNNING][QUOTA_MONTH],
			"aside_day", &number[QUOTA_KEPT_ASIDE][QUOTA_DAY],
			"aside_day_bytes", &n_bytes[QUOTA_KEPT_ASIDE][QUOTA_DAY],
			"aside_month", &number[QUOTA_KEPT_ASIDE][QUOTA_MONTH],
			"aside_month_bytes", &n_bytes[QUOTA_KEPT_ASIDE][QUOTA_MONTH]))
		return false;
	for (unsigned int which = 0; which < QUOTA_KEPT_N; which++)
		for (unsigned int i = 0; i < QUOTA_N; i++)
			if (number[which][i] < 0 || number[which][i] > INT32_MAX || n_bytes[which][i] < 0)
				return false;
	return true;
}

void quota_kept_resume(const struct quota_kept *kept, struct quota *quota)
{
	for (unsigned int which = 0; which < QUOTA_KEPT_N; which++)
		for (unsigned int i = 0; i < QUOTA_N; i++)
			quota_resume(quota, i, (int32_t)kept->number[which][i], (uint64_t)kept->n_bytes[which][i]);
}

json_int_t quota_kept_latest_month(const struct quota_kept *kept)
{
	json_int_t running = kept->number[QUOTA_KEPT_RUNNING][QUOTA_MONTH],
		   aside = kept->number[QUOTA_KEPT_ASIDE][QUOTA_MONTH];

	return running > aside ? running : aside;
}

bool quota_kept_is_later(const struct quota_kept *kept, const struct quota_date *date)
{
	for (unsigned int which = 0; which < QUOTA_KEPT_N; which++)
		for (unsigned int i = 0; i < QUOTA_N; i++)
			if (kept->n_bytes[which][i] && kept->number[which][i] > date->number[i])
				return true;
	return false;
}
