/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lateness.h"

static bool begins(struct lateness *lateness, uint64_t waited_us)
{
	lateness->n_looks = waited_us < LATENESS_STEADY_US ? 0 :
		lateness->n_looks < LATENESS_LOOKS ? lateness->n_looks + 1 : LATENESS_LOOKS;
	return waited_us >= LATENESS_ONCE_US || lateness->n_looks == LATENESS_LOOKS;
}

static bool is_late(struct lateness *lateness, enum lateness_question question, uint64_t waited_us)
{
	switch (question) {
	case LATENESS_UNASKED:
		break;
	case LATENESS_ASKED:
		return lateness->late || waited_us >= LATENESS_ONCE_US;
	case LATENESS_ANSWERED:
		return begins(lateness, waited_us) || (lateness->late && waited_us >= LATENESS_ENDS_US);
	}
	return lateness->late;
}

bool lateness_note(struct lateness *lateness, enum lateness_question question, uint64_t waited_us)
{
	bool late = is_late(lateness, question, waited_us), changed = late != lateness->late;

	lateness->late = late;
	return changed;
}
