/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes by the day and by the month. A total that only grows is handed in, and the date by the local calendar; what
 * is kept is the total at which each period began. Pure.
 */
#ifndef BRAID_POLICY_QUOTA_H
#define BRAID_POLICY_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum { QUOTA_DAY, QUOTA_MONTH, QUOTA_N };

/* Numbers that grow by one from a period to the next: days since 1970, months since the year 0. */
struct quota_date {
	int32_t number[QUOTA_N];
};

struct quota {
	struct {
		int32_t number;          /* of the period */
		uint64_t begun_bytes;    /* the total when it began; beyond it, where bytes are counted that an
					  * earlier run has seen */
		int32_t aside_number;    /* an earlier run has seen aside_bytes in this one, which isn't under way; 0
					  * bytes: there is none */
		uint64_t aside_bytes;
	} periods[QUOTA_N];
};

/* year 1970 or later, month 1..12, day 1..31. */
struct quota_date quota_date_of(int year, int month, int day);

/* Begins the periods that the date says have begun. A clock that is set back by one day or month (or a night in
 * which an hour comes twice) doesn't begin the same one again; one that is further off was wrong before. Where that
 * brings a period that is kept aside, its bytes count again, and with them what was counted while the clock was
 * wrong. True where one has begun. */
bool quota_turn(struct quota *quota, const struct quota_date *date, uint64_t total_bytes);

/* In the period under way; total_bytes: what has been counted so far, which never gets less. */
uint64_t quota_used_bytes(const struct quota *quota, unsigned int which, uint64_t total_bytes);

/* An earlier run counted used_bytes in the period of that number: they are added where it is the one under way.
 * Another one is kept aside, the latest of them: a machine without a clock of its own begins with a wrong date. */
void quota_resume(struct quota *quota, unsigned int which, int32_t number, uint64_t used_bytes);

/* Whether one of the volumes is used up; 0: there is no limit. */
bool quota_is_over(const struct quota *quota, const uint64_t most_bytes[QUOTA_N], uint64_t total_bytes);

#endif
