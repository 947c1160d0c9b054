/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration from a text that names no other file: a sound one, or what is wrong with it. */
#ifndef BRAID_UNIT_CONF_H
#define BRAID_UNIT_CONF_H

#include "unit.h"

#include "conf/conf.h"

static inline struct conf *conf_of(const char *text)
{
	struct conf_error error;
	struct conf *conf = NULL;

	if (conf_parse("x", text, strlen(text), NULL, &conf, &error))
		fail_msg("expected a sound configuration, saw: %s", error.text);
	return conf;
}

static inline void expect_error(const char *text, const char *expected)
{
	struct conf_error error;
	struct conf *conf = NULL;
	int r = conf_parse("x", text, strlen(text), NULL, &conf, &error);

	if (r != CONF_E_INVALID)
		fail_msg("expected '%s', saw %d", expected, r);
	if (!strstr(error.text, expected))
		fail_msg("expected '%s', saw '%s'", expected, error.text);
}

#endif
