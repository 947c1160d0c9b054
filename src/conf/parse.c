/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/check.h"
#include "conf/hints.h"
#include "conf/keys.h"
#include "conf/lists.h"
#include "conf/rule.h"
#include "conf/upstreams.h"

#define SUBSCRIBERS 65536
#define FORWARDS 65536
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define BLANKS " \t"
#define SECTION_BYTES 64          /* more than inih keeps of a name, which is more than the longest that is sound */

struct parser {
	struct conf *conf;
	const char *text, *end;       /* what is left to be read */
	unsigned int line;            /* of what was read last */
	char section[SECTION_BYTES];  /* whose keys are being read, as written */
	void *base;                   /* where they go: conf, a link, a subscriber or a list */
	enum conf_section kind;
	bool *given;                  /* a flag a key, of this section */
	char comment;                 /* ';' or '#': there is one behind what the line says, which is left out; 0:
				       * none */
	bool keyed, goes_on;          /* the section has had a key; the line is indented, so it goes on with that
				       * key's value */
	struct conf_list *lists;
	size_t n_lists;
	char *rule;                   /* the rule that may go on in the next line, or NULL */
	unsigned int rule_line;
	const struct conf_reader *reader;
	struct conf_error *error;
	const char *file;
	int result;                   /* 0, or the first failure */
};

static int fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct parser *p, const char *format, ...)
{
	char what[384];
	va_list args;

	if (p->result)
		return 0;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	p->error->line = p->line;
	snprintf(p->error->text, sizeof(p->error->text), "%s:%u: %s", p->file, p->line, what);
	p->result = CONF_E_INVALID;
	return 0;
}

static int enter_section(struct parser *p, const char *section);

/* inih tells of a section only with its first key; one without keys is entered here, and so checked like the others. */
static void note_section(struct parser *p, const char *line, size_t n)
{
	const char *end = *line == '[' ? memchr(line, ']', n) : NULL;
	char section[SECTION_BYTES];

	if (!end)
		return;
	snprintf(section, sizeof(section), "%.*s", (int)(end - line - 1), line + 1);
	p->keyed = false;
	enter_section(p, section);
}

/* It begins behind a blank. Returns what with, 0: there is none. */
static char take_comment_away(char *line)
{
	for (; *line; line++) {
		char begin = line[1];

		if (!isspace((unsigned char)*line) || (begin != ';' && begin != '#'))
			continue;
		memcpy(line, "\n", 2);
		return begin;
	}
	return 0;
}

/* A value goes on in an indented line, which never begins with a word and '=', or with a section's head: such a line
 * is one of its own, however far it is indented. */
static bool is_own_line(const char *line)
{
	size_t n_word = strspn(line, LOWER "0123456789_"), n_head = *line == '[' ? strspn(line + 1, LOWER) : 0;

	return (n_word && line[n_word + strspn(line + n_word, BLANKS)] == '=') ||
	       (n_head && strchr(" ]", line[1 + n_head]));
}

static void take_indent_away(char *line, size_t n)
{
	size_t n_indent = strspn(line, BLANKS);

	if (is_own_line(line + n_indent))
		memmove(line, line + n_indent, n + 1 - n_indent);
}

/* inih asks for a line at a time: that is how we know which it is in. */
static char *read_line(char *out, int n_out, void *stream)
{
	struct parser *p = stream;
	const char *newline;
	size_t n;

	if (p->text >= p->end || p->result)
		return NULL;
	newline = memchr(p->text, '\n', (size_t)(p->end - p->text));
	n = newline ? (size_t)(newline - p->text) : (size_t)(p->end - p->text);
	p->line++;
	if (n + 2 > (size_t)n_out || memchr(p->text, 0, n)) {
		fail(p, "found a line of %zu bytes%s, wanted at most %d; lists and rules may go on in the next line, "
			"indented", n,
		     memchr(p->text, 0, n) ? " with a zero byte (save the file as UTF-8)" : "", n_out - 2);
		return NULL;
	}
	memcpy(out, p->text, n);
	out[n] = '\n';
	out[n + 1] = 0;
	p->text += n + 1;
	take_indent_away(out, n + 1);
	p->comment = take_comment_away(out);
	p->goes_on = p->keyed && (*out == ' ' || *out == '\t');
	note_section(p, out, strlen(out));
	return p->result ? NULL : out;
}

static int set_defaults(void *base, enum conf_section section)
{
	int r = 0;

	for (size_t i = 0; i < n_conf_keys && !r; i++)
		if (conf_keys[i].section == section && conf_keys[i].fallback)
			r = conf_value_set(&conf_keys[i], base, conf_keys[i].fallback);
	return r;
}

/* Before another section begins, and at the end. */
static void check_required(struct parser *p)
{
	for (size_t i = 0; p->section[0] && i < n_conf_keys; i++)
		if (conf_keys[i].section == p->kind && conf_keys[i].required && !p->given[i])
			fail(p, "section [%s] ends without the key '%s' (%s)", p->section, conf_keys[i].name,
			     conf_keys[i].help);
}

static int enter_link(struct parser *p, const char *name)
{
	if (p->conf->n_links >= CONF_LINKS)
		return fail(p, "found one more link, wanted at most %d", CONF_LINKS);
	p->base = &p->conf->links[p->conf->n_links++];
	snprintf(((struct conf_link *)p->base)->name, CONF_NAME_BYTES, "%s", name);
	return 1;
}

static int enter_upstream(struct parser *p, const char *name)
{
	if (p->conf->n_upstreams >= CONF_UPSTREAMS)
		return fail(p, "found one more upstream, wanted at most %d", CONF_UPSTREAMS);
	p->base = &p->conf->upstreams[p->conf->n_upstreams++];
	snprintf(((struct conf_upstream *)p->base)->name, CONF_NAME_BYTES, "%s", name);
	return 1;
}

static int enter_subscriber(struct parser *p, const char *name)
{
	struct conf *conf = p->conf;
	struct conf_subscriber *more;

	if (conf->n_subscribers >= SUBSCRIBERS)
		return fail(p, "found one more subscriber, wanted at most %d", SUBSCRIBERS);
	more = reallocarray(conf->subscribers, conf->n_subscribers + 1, sizeof(*more));
	if (!more) {
		p->result = -ENOMEM;
		return 0;
	}
	conf->subscribers = more;
	p->base = &more[conf->n_subscribers++];
	memset(p->base, 0, sizeof(*more));
	snprintf(more[conf->n_subscribers - 1].name, CONF_NAME_BYTES, "%s", name);
	return 1;
}

static int enter_list(struct parser *p, const char *name)
{
	struct conf_list *more;

	if (p->n_lists >= RULES_LISTS)
		return fail(p, "found one more list, wanted at most %d", RULES_LISTS);
	more = reallocarray(p->lists, p->n_lists + 1, sizeof(*more));
	if (!more) {
		p->result = -ENOMEM;
		return 0;
	}
	p->lists = more;
	p->base = &more[p->n_lists++];
	memset(p->base, 0, sizeof(*more));
	snprintf(more[p->n_lists - 1].name, CONF_NAME_BYTES, "%s", name);
	return 1;
}

static int enter_forward(struct parser *p, const char *name)
{
	struct conf *conf = p->conf;
	struct conf_forward *more;

	if (conf->n_forwards >= FORWARDS)
		return fail(p, "found one more forward, wanted at most %d", FORWARDS);
	more = reallocarray(conf->forwards, conf->n_forwards + 1, sizeof(*more));
	if (!more) {
		p->result = -ENOMEM;
		return 0;
	}
	conf->forwards = more;
	p->base = &more[conf->n_forwards++];
	memset(p->base, 0, sizeof(*more));
	snprintf(more[conf->n_forwards - 1].name, CONF_NAME_BYTES, "%s", name);
	return 1;
}

static bool name_is_taken(const struct parser *p, const char *name)
{
	for (size_t i = 0; p->kind == CONF_LINK && i < p->conf->n_links; i++)
		if (!strcmp(p->conf->links[i].name, name))
			return true;
	for (size_t i = 0; p->kind == CONF_UPSTREAM && i < p->conf->n_upstreams; i++)
		if (!strcmp(p->conf->upstreams[i].name, name))
			return true;
	for (size_t i = 0; p->kind == CONF_SUBSCRIBER && i < p->conf->n_subscribers; i++)
		if (!strcmp(p->conf->subscribers[i].name, name))
			return true;
	for (size_t i = 0; p->kind == CONF_FORWARD && i < p->conf->n_forwards; i++)
		if (!strcmp(p->conf->forwards[i].name, name))
			return true;
	for (size_t i = 0; p->kind == CONF_LIST && i < p->n_lists; i++)
		if (!strcmp(p->lists[i].name, name))
			return true;
	return false;
}

static int enter_kind(struct parser *p, const char *name)
{
	switch (p->kind) {
	case CONF_LINK:
		return enter_link(p, name);
	case CONF_UPSTREAM:
		return enter_upstream(p, name);
	case CONF_LIST:
		return enter_list(p, name);
	case CONF_FORWARD:
		return enter_forward(p, name);
	default:
		return enter_subscriber(p, name);
	}
}

static int enter_named(struct parser *p, const char *name)
{
	int r;

	if (!(p->kind == CONF_LIST ? conf_list_name_is_sound : conf_name_is_sound)(name))
		return fail(p, "found section name '%s', wanted [%s NAME], NAME of letters, digits, '.', '_', '-'%s, "
			       "at most %d of them",
			    name, conf_section_names[p->kind],
			    p->kind == CONF_LIST ? ", a letter first, and not 'accepted'" : "", CONF_NAME_BYTES - 1);
	if (name_is_taken(p, name))
		return fail(p, "found a second section [%s %s]; give it another name", conf_section_names[p->kind],
			    name);
	r = enter_kind(p, name);
	if (r && set_defaults(p->base, p->kind) < 0)
		p->result = -ENOMEM;
	return r;
}

static int enter_section(struct parser *p, const char *section)
{
	size_t n_word = strcspn(section, " ");
	const char *name = section + n_word + (section[n_word] == ' ');
	bool again = *section && !*name && !strcmp(section, p->section);   /* goes on where it was */

	if (again)
		return 1;
	check_required(p);
	snprintf(p->section, sizeof(p->section), "%s", section);
	for (p->kind = 0; p->kind < CONF_N_SECTIONS; p->kind++)
		if (strlen(conf_section_names[p->kind]) == n_word &&
		    !memcmp(conf_section_names[p->kind], section, n_word))
			break;
	if (p->kind == CONF_N_SECTIONS)
		return fail(p, "found section [%s], wanted [gateway], [converter], [link NAME], [subscriber NAME], "
			       "[daemon], [limits], [relay], [log], [policy], [list NAME], [forward NAME], [host] or "
			       "[upstream NAME]", section);
	for (size_t i = 0; conf_section_is_named(p->kind) && i < n_conf_keys; i++)
		p->given[i] = p->given[i] && conf_keys[i].section != p->kind;
	if (conf_section_is_named(p->kind))
		return enter_named(p, name);
	if (*name)
		return fail(p, "found section [%s], wanted [%s]", section, conf_section_names[p->kind]);
	p->base = p->conf;
	p->conf->gateway.enabled |= p->kind == CONF_GATEWAY;
	p->conf->converter.enabled |= p->kind == CONF_CONVERTER;
	p->conf->host.enabled |= p->kind == CONF_HOST;
	return 1;
}

static bool is_list(const struct conf_key *key)
{
	return key->type == CONF_TYPE_ADDRESSES || key->type == CONF_TYPE_CONVERTERS || key->type == CONF_TYPE_IPS ||
	       key->type == CONF_TYPE_INTERFACES || key->type == CONF_TYPE_PREFIXES ||
	       key->type == CONF_TYPE_CHOICES || key->type == CONF_TYPE_NAMES || key->type == CONF_TYPE_CGROUPS ||
	       key->type == CONF_TYPE_PORT_LIST;
}

static void empty_list(const struct conf_key *key, void *base)
{
	if (key->type == CONF_TYPE_CHOICES)
		*(uint32_t *)(void *)((char *)base + key->offset) = 0;
	else
		*(size_t *)(void *)((char *)base + key->n_offset) = 0;
}

/* Once it is known that it doesn't go on. */
static void finish_rule(struct parser *p)
{
	char reason[300];
	unsigned int line = p->line;
	int r = p->rule && !p->result ? rule_parse(p->conf->rules, p->rule, p->rule_line, reason, sizeof(reason)) : 0;

	if (r < 0)
		p->result = r;
	p->line = p->rule_line;
	if (r > 0)
		fail(p, "policy.rule: %s", reason);
	p->line = line;
	free(p->rule);
	p->rule = NULL;
}

/* A rule, or what goes on with it. */
static void note_rule(struct parser *p, const char *text)
{
	size_t n_rule = p->rule ? strlen(p->rule) : 0, n_text = strlen(text);
	char *more = realloc(p->rule, n_rule + n_text + 2);

	if (!more) {
		p->result = -ENOMEM;
		return;
	}
	if (!n_rule)
		p->rule_line = p->line;
	else
		more[n_rule++] = ' ';
	memcpy(more + n_rule, text, n_text);
	more[n_rule + n_text] = 0;
	p->rule = more;
}

static void read_prefix_file(struct parser *p, const char *path)
{
	struct conf_list *list = p->base;
	char reason[300];
	int r = lists_read_file(list, path, p->reader, reason, sizeof(reason));

	if (r > 0)
		fail(p, "%s.file: %s", p->section, reason);
	else if (r < 0)
		p->result = r;
}

/* A user or a password, of which nothing may be lost in silence. */
static bool is_login(const struct conf_key *key)
{
	return key->type == CONF_TYPE_TEXT && (key->secret || key->max == CONF_LOGIN_BYTES);
}

static void set_key(struct parser *p, size_t i, const char *value)
{
	const struct conf_key *key = &conf_keys[i];
	char wanted[CONF_WANTED_BYTES], hint[HINT_BYTES];
	int r;

	if (key->type == CONF_TYPE_RULES) {
		note_rule(p, value);
		return;
	}
	if (key->type == CONF_TYPE_PREFIX_FILE) {
		read_prefix_file(p, value);
		return;
	}
	if (p->given[i] && !is_list(key)) {
		fail(p, "%s.%s is given a second time; keep one of them", p->section, key->name);
		return;
	}
	if (is_login(key) && p->comment) {
		fail(p, "%s.%s: found '%c' behind a blank, where a comment begins; such a comment goes into a line of "
			"its own, and a value with that can't be written", p->section, key->name, p->comment);
		return;
	}
	if (!p->given[i] && is_list(key) && key->fallback)
		empty_list(key, p->base);   /* the default gives way */
	p->given[i] = true;
	r = conf_value_set(key, p->base, value);
	conf_value_wanted(key, wanted, sizeof(wanted));
	if (r > 0)
		fail(p, "%s.%s: found '%s'%s, wanted %s", p->section, key->name, key->secret ? "..." : value,
		     hint_of_value(key, value, hint), wanted);
	else if (r < 0)
		p->result = r;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct parser *p = user;
	char hint[HINT_BYTES];

	if (!p->goes_on)
		finish_rule(p);
	if (p->result)
		return 0;
	p->keyed = true;
	if (!*section)
		return fail(p, "found key '%s' before the first section", name);
	if (strcmp(section, p->section) && !enter_section(p, section))   /* one that was indented */
		return 0;
	for (size_t i = 0; i < n_conf_keys; i++)
		if (conf_keys[i].section == p->kind && !strcmp(conf_keys[i].name, name)) {
			set_key(p, i, value ? value : "");
			return !p->result;
		}
	return fail(p, "found unknown key '%s' in [%s]%s; braidd --help-config lists what there is", name, section,
		    hint_of_name(name, hint));
}

static int parse(struct parser *p)
{
	int line = ini_parse_stream(read_line, p, on_key, p);

	finish_rule(p);
	if (!p->result)
		check_required(p);
	if (!p->result && line) {
		p->line = (unsigned int)line;
		fail(p, "found no section, 'key = value' or comment");
	}
	return p->result;
}

/* The lists go to the rules, which name them; *text is what is wrong. */
static int finish_lists(struct parser *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n_lists && !r; i++)
		r = lists_finish(p->conf->rules, &p->lists[i]);
	if (r <= 0)
		return r;
	snprintf(p->error->text, sizeof(p->error->text), "%s: found more lists than %d", p->file, RULES_LISTS);
	return CONF_E_INVALID;
}

/* Those without a subscriber are the gateway's. */
static int split_forwards(struct conf *conf)
{
	size_t n = 0;

	conf->asked = calloc(conf->n_forwards + 1, sizeof(*conf->asked));
	if (!conf->asked)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_forwards; i++) {
		if (conf->forwards[i].subscriber[0])
			conf->forwards[n++] = conf->forwards[i];
		else
			conf->asked[conf->n_asked++] = conf->forwards[i];
	}
	conf->n_forwards = n;
	return 0;
}

static int parse_all(struct parser *p)
{
	int r = 0;

	for (unsigned int s = 0; s < CONF_N_SECTIONS && !r; s++)
		if (!conf_section_is_named(s))
			r = set_defaults(p->conf, s);
	if (!r)
		r = parse(p);
	if (!r)
		r = finish_lists(p);
	if (!r)
		r = split_forwards(p->conf);
	if (!r)
		upstreams_finish(p->conf);
	if (!r)
		r = conf_check(p->conf, p->error, p->file);
	if (!r)
		r = conf_warn(p->conf, p->file);
	return r;
}

int conf_parse(const char *file, const char *text, size_t n_text, const struct conf_reader *reader, struct conf **out,
	       struct conf_error *error)
{
	_cleanup_(conf_freep) struct conf *conf = calloc(1, sizeof(*conf));
	_cleanup_(freep) bool *given = calloc(n_conf_keys, sizeof(*given));
	struct parser p = { .conf = conf, .text = text, .end = text + n_text, .given = given, .error = error,
			    .file = file, .reader = reader };
	int r;

	*error = (struct conf_error){ 0 };
	if (conf)
		conf->rules = rules_new();
	if (!conf || !given || !conf->rules)
		return -ENOMEM;
	r = parse_all(&p);
	for (size_t i = 0; i < p.n_lists; i++)
		free(p.lists[i].prefixes);
	free(p.lists);
	free(p.rule);
	if (r)
		return r;
	*out = conf;
	conf = NULL;
	return 0;
}

void conf_freep(struct conf **conf)
{
	if (!*conf)
		return;
	for (size_t i = 0; i < (*conf)->n_warnings; i++)
		free((*conf)->warnings[i]);
	free((*conf)->warnings);
	rules_freep(&(*conf)->rules);
	free((*conf)->converter.allow);
	free((*conf)->converter.intercept);
	free((*conf)->converter.allow_destination);
	free((*conf)->gateway.inbound_allow);
	for (size_t i = 0; i < (*conf)->n_subscribers; i++)
		free((*conf)->subscribers[i].clients);
	free((*conf)->host.choice.to);
	free((*conf)->subscribers);
	free((*conf)->forwards);
	free((*conf)->asked);
	free(*conf);
	*conf = NULL;
}
