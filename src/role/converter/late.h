/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That a converter is late with all that it has to do, brought to gateways, which then let new connections go the
 * ordinary way (decision 0039): said on the watches of those that want to hear it.
 */
#ifndef BRAID_ROLE_CONVERTER_LATE_H
#define BRAID_ROLE_CONVERTER_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared;
struct worker;

/* Converter, main thread, twice a second: whether it is late just now; while it is, gateways are told each time, by
 * each of these workers that has done so the time before. One that comes to it when it isn't any more tells nothing. */
void late_tell(struct worker *const *workers, size_t n_workers, bool late);
/* Gateway, main thread: the converter in use has said so. */
void late_hear(struct shared *shared, uint64_t now_us);
/* Gateway, main thread: whether it has done so lately. */
bool late_is_converter(const struct shared *shared, uint64_t now_us);

#endif
