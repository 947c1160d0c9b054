/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "conf/keys.h"

static void put_key(FILE *out, const struct conf_key *key)
{
	char wanted[CONF_WANTED_BYTES];

	conf_value_wanted(key, wanted, sizeof(wanted));
	fprintf(out, "  %s\n      %s\n      %s; %s%s%s\n", key->name, key->help, wanted,
		key->fallback ? "default " : key->required ? "must be given" : "may be left out",
		key->fallback ? key->fallback : "", key->restart ? "; a change needs a restart" : "");
}

/* A sentence of its own for each line, as mdoc wants it. */
static void put_sentence(FILE *out, const char *text)
{
	fprintf(out, "%c%s.\n", toupper((unsigned char)text[0]), text + 1);
}

static void put_key_man(FILE *out, const struct conf_key *key)
{
	char wanted[CONF_WANTED_BYTES];

	conf_value_wanted(key, wanted, sizeof(wanted));
	fprintf(out, ".It Cm %s\n", key->name);
	put_sentence(out, key->help);
	fprintf(out, "Wanted: %s; %s%s.\n", wanted,
		key->fallback ? "default " : key->required ? "must be given" : "may be left out",
		key->fallback ? key->fallback : "");
	if (key->restart)
		put_sentence(out, "a change needs a restart");
}

/* All keys, section by section; NULL without memory. */
static char *write_all(const char *head, const char *tail, void (*put)(FILE *out, const struct conf_key *key))
{
	char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);   /* memory alone: no I/O */

	if (!out)
		return NULL;
	for (unsigned int s = 0; s < CONF_N_SECTIONS; s++) {
		fprintf(out, head, conf_section_names[s], conf_section_is_named(s) ? " NAME" : "");
		for (size_t i = 0; i < n_conf_keys; i++)
			if (conf_keys[i].section == s)
				put(out, &conf_keys[i]);
		fputs(tail, out);
	}
	return fclose(out) ? NULL : text;
}

char *conf_help(void)
{
	return write_all("[%s%s]\n", "\n", put_key);
}

char *conf_help_man(void)
{
	return write_all(".Ss [%s%s]\n.Bl -tag -width Ds\n", ".El\n", put_key_man);
}
