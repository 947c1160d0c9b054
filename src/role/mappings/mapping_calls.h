/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests for mappings between the worker that has a gateway's watch and the main thread, which has the table
 * (role/mappings/mapper.h). A request that is lost on the way, or its answer, is one that its host asks again.
 */
#ifndef BRAID_ROLE_MAPPINGS_MAPPING_CALLS_H
#define BRAID_ROLE_MAPPINGS_MAPPING_CALLS_H

#include "role/converter/intake.h"

/* Whether requests of the peer's hosts are served on its watch. */
bool mapping_calls_offered(const struct converter *converter, const struct intake *intake);
/* Reads what is there on such a watch. The intake may be gone afterwards. */
void mapping_calls_read(struct converter *converter, struct intake *intake);

#endif
