/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people are shown of an answer of the control socket. */
#ifndef BRAID_TESTS_UNIT_SHOW_H
#define BRAID_TESTS_UNIT_SHOW_H

#include "unit.h"

#include <jansson.h>
#include "ctl/show.h"

/* Takes the result. */
static inline void unit_expect_shown(void (*show)(const json_t *result, FILE *out), json_t *result,
				     const char *expected)
{
	_cleanup_(freep) char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);

	show(result, out);
	fclose(out);
	json_decref(result);
	if (strcmp(text, expected))
		fail_msg("expected\n%s\nsaw\n%s", expected, text);
}

#endif
