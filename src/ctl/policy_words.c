/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/policy_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"

static bool is_fact(const char *word)
{
	static const char *const facts[] = { "interface", "dscp", "mac", "subscriber", "tls", "at" };

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (!strcmp(word, facts[i]))
			return true;
	return false;
}

json_t *policy_words(char *const *words, size_t n_words, char *reason, size_t n_reason)
{
	json_t *arguments;

	if (n_words < 3) {
		snprintf(reason, n_reason, "policy test: wanted SOURCE DESTINATION PORT");
		return NULL;
	}
	arguments = json_pack("{s:s, s:s, s:s}", "source", words[0], "destination", words[1], "port", words[2]);
	if (!arguments) {
		snprintf(reason, n_reason, "policy test: the words are no text in UTF-8");
		return NULL;
	}
	for (size_t i = 3; i < n_words; i += 2) {
		const char *what = !is_fact(words[i]) ? "wanted interface, dscp, mac, subscriber, tls or at" :
				   json_object_get(arguments, words[i]) ? "it is given a second time" :
				   i + 1 == n_words ? "its value is missing" : NULL;

		if (!what && json_object_set_new(arguments, words[i], json_string(words[i + 1])))
			what = "its value is no text in UTF-8";
		if (what) {
			snprintf(reason, n_reason, "policy test: '%s': %s", words[i], what);
			json_decref(arguments);
			return NULL;
		}
	}
	return arguments;
}
