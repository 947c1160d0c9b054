/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/quota.h"

#define MONTHS 12

static int32_t leap_days_before(int year)
{
	int before = year - 1;

	return before / 4 - before / 100 + before / 400;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

struct quota_date quota_date_of(int year, int month, int day)
{
	static const int16_t days_before_month[MONTHS] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int32_t days = (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970);

	days += days_before_month[month - 1] + (month > 2 && is_leap(year)) + day - 1;
	return (struct quota_date){ { days, year * MONTHS + month - 1 } };
}

static void begin(struct quota *quota, unsigned int which, int32_t number, uint64_t total_bytes)
{
	bool jumps = number != quota->periods[which].number + 1;

	quota->periods[which].number = number;
	if (!quota->periods[which].aside_bytes || quota->periods[which].aside_number != number) {
		quota->periods[which].begun_bytes = total_bytes;
		return;
	}
	if (!jumps)
		quota->periods[which].begun_bytes = total_bytes;
	quota->periods[which].begun_bytes -= quota->periods[which].aside_bytes;
	quota->periods[which].aside_bytes = 0;
}

bool quota_turn(struct quota *quota, const struct quota_date *date, uint64_t total_bytes)
{
	bool turned = false;

	for (unsigned int i = 0; i < QUOTA_N; i++) {
		int32_t number = date->number[i], before = quota->periods[i].number;

		if (number == before || number == before - 1)
			continue;
		begin(quota, i, number, total_bytes);
		turned = true;
	}
	return turned;
}

uint64_t quota_used_bytes(const struct quota *quota, unsigned int which, uint64_t total_bytes)
{
	return total_bytes - quota->periods[which].begun_bytes;
}

void quota_resume(struct quota *quota, unsigned int which, int32_t number, uint64_t used_bytes)
{
	if (quota->periods[which].number == number) {
		quota->periods[which].begun_bytes -= used_bytes;
	} else if (!quota->periods[which].aside_bytes || number > quota->periods[which].aside_number) {
		quota->periods[which].aside_number = number;
		quota->periods[which].aside_bytes = used_bytes;
	}
}

bool quota_is_over(const struct quota *quota, const uint64_t most_bytes[QUOTA_N], uint64_t total_bytes)
{
	for (unsigned int i = 0; i < QUOTA_N; i++)
		if (most_bytes[i] && quota_used_bytes(quota, i, total_bytes) >= most_bytes[i])
			return true;
	return false;
}
