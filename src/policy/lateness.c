/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lateness.h"

static bool begins(struct lateness *lateness, uint64_t waited_us)
{
	lateness->n_looks = waited_us < LATENESS_STEADY_US ? 0 : lateness->n_looks < LATENESS_LOOKS ? lateness->n_looks + 1 : LATENESS_LOOKS;
	return waited_us >= LATENESS_ONCE_US || lateness->n_looks == LATENESS_LOOKS;
}

bool lateness_note(struct lateness *lateness, uint64_t waited_us)
{
	bool late = begins(lateness, waited_us) || (lateness->late && waited_us >= LATENESS_ENDS_US), changed = late != lateness->late;

	lateness->late = late;
	return changed;
}
