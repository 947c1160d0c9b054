/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/lists.h"

#include <stdio.h>
#include <string.h>
#include "base/util.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line, which ends at end: a prefix, a comment or nothing. */
static int read_line(struct conf_list *list, const char *line, const char *end)
{
	const char *comment = memchr(line, '#', (size_t)(end - line));
	char item[ADDRESS_TEXT_BYTES];
	size_t n;

	if (comment)
		end = comment;
	while (line < end && is_blank(*line))
		line++;
	while (line < end && is_blank(end[-1]))
		end--;
	n = (size_t)(end - line);
	if (!n)
		return 0;
	if (n >= sizeof(item) || memchr(line, 0, n))
		return VALUE_E_INVALID;
	memcpy(item, line, n);
	item[n] = 0;
	return conf_prefix_add(&list->prefixes, &list->n_prefixes, item);
}

int lists_read_file(struct conf_list *list, const char *path, const struct conf_reader *reader, char *reason,
		    size_t n_reason)
{
	_cleanup_(freep) char *text = NULL;
	char why[128] = "files can't be read here";
	unsigned int n_line = 0;
	size_t n = 0;
	int r = 0;

	if (path[0] != '/') {
		snprintf(reason, n_reason, "found '%s', wanted a path that begins with /", path);
		return VALUE_E_INVALID;
	}
	text = reader ? reader->read(reader->context, path, &n, why, sizeof(why)) : NULL;
	if (!text) {
		snprintf(reason, n_reason, "cannot read %s: %s", path, why);
		return VALUE_E_INVALID;
	}
	for (const char *line = text, *end = text + n, *newline; line < end && !r; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			newline = end;
		n_line++;
		r = read_line(list, line, newline);
		if (r > 0)
			snprintf(reason, n_reason,
				 "%s:%u: found '%.*s', wanted a prefix like 192.0.2.0/24 or 2001:db8::/32, without "
				 "bits behind its length",
				 path, n_line, (int)size_min((size_t)(newline - line), ADDRESS_TEXT_BYTES), line);
	}
	return r;
}

int lists_finish(struct rules *rules, const struct conf_list *list)
{
	size_t index;
	int r = rules_list(rules, list->name, &index);

	return r ? r : rules_define_list(rules, index, list->prefixes, list->n_prefixes, list->dnsmasq);
}
