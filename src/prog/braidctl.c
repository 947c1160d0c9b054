/* SPDX-License-Identifier: GPL-2.0-or-later */
/* braidctl: asks and tells a running braidd; makes keys and checks configurations by itself. */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "conf/conf.h"
#include "ctl/ask.h"
#include "ctl/policy_words.h"
#include "ctl/show.h"
#include "prog/read_file.h"

#define DEFAULT_SOCKET "/run/braid/control"
#define REASON_BYTES 640

enum { EXIT_FINE = 0, EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_REFUSED = 4, EXIT_CONF = 5 };

struct wish {
	const char *socket;
	const char *argument;    /* NULL: none */
	char *const *words;      /* all arguments */
	size_t n_words;
	bool json;
};

struct command {
	const char *name;
	const char *argument;    /* its name, for the daemon and in the help; NULL: it has none */
	bool many;               /* it has more than one, which it looks at itself */
	const char *help;
	int (*run)(const struct wish *wish);                   /* without the daemon; NULL: ask it */
	void (*show)(const json_t *result, FILE *out);
};

static int fail(int code, const char *reason)
{
	fprintf(stderr, "braidctl: %s\n", reason);
	return code;
}

static int run_check(const struct wish *wish)
{
	size_t n_text = 0;
	_cleanup_(freep) char *text = read_file(wish->argument, &n_text);
	const struct conf_reader reader = { .read = read_named_file };
	_cleanup_(conf_freep) struct conf *conf = NULL;
	struct conf_error error;
	char reason[REASON_BYTES];
	int r;

	if (!text) {
		snprintf(reason, sizeof(reason), "cannot read %s: %s", wish->argument, strerror(errno));
		return fail(EXIT_CONF, reason);
	}
	r = conf_parse(wish->argument, text, n_text, &reader, &conf, &error);
	if (r)
		return fail(EXIT_CONF, r < 0 ? "out of memory" : error.text);
	for (size_t i = 0; i < conf->n_warnings; i++)
		fprintf(stderr, "braidctl: %s\n", conf->warnings[i]);
	puts(wish->json ? "{\"message\":\"the configuration is sound\"}" : "the configuration is sound");
	return EXIT_FINE;
}

static int run_key(const struct wish *wish)
{
	uint8_t key[CONF_KEY_BYTES];
	char hex[2 * CONF_KEY_BYTES + 1];

	if (sodium_init() < 0)
		return fail(EXIT_OTHER, "no randomness to make a key of");
	randombytes_buf(key, sizeof(key));
	sodium_bin2hex(hex, sizeof(hex), key, sizeof(key));
	printf(wish->json ? "{\"key\":\"%s\"}\n" : "%s\n", hex);
	return EXIT_FINE;
}

/* Prints what the daemon answers. Takes arguments. */
static int ask_daemon(const struct wish *wish, const char *command, json_t *arguments,
		      void (*show)(const json_t *result, FILE *out))
{
	char reason[REASON_BYTES];
	json_t *result = NULL;
	int r = ask(wish->socket, command, arguments, &result, reason, sizeof(reason));

	if (r)
		return fail(r == ASK_E_NO_DAEMON ? EXIT_NO_DAEMON : r == ASK_E_REFUSED ? EXIT_REFUSED : EXIT_OTHER,
			    reason);
	if (wish->json) {
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		show(result, stdout);
	}
	json_decref(result);
	return fflush(stdout) ? fail(EXIT_OTHER, strerror(errno)) : EXIT_FINE;
}

static int run_policy(const struct wish *wish)
{
	bool list = wish->n_words && !strcmp(wish->words[0], "list"),
	     test = wish->n_words && !strcmp(wish->words[0], "test");
	char reason[REASON_BYTES] = "policy: wanted 'list', or 'test' SOURCE DESTINATION PORT";
	json_t *arguments;

	if (list && wish->n_words == 1)
		return ask_daemon(wish, "policy-list", NULL, show_policy_list);
	arguments = test ? policy_words(wish->words + 1, wish->n_words - 1, reason, sizeof(reason)) : NULL;
	return arguments ? ask_daemon(wish, "policy-test", arguments, show_policy_test) : fail(EXIT_USAGE, reason);
}

/* For hooks of DHCP clients: the raw value of the option, or "-". What it means, the daemon says. */
static int run_dhcp(const struct wish *wish)
{
	json_t *arguments;

	if (wish->n_words != 3 && wish->n_words != 4)
		return fail(EXIT_USAGE, "dhcp: wanted LINK 4|6 HEX [SECONDS], HEX - where there is none any more");
	arguments = json_pack("{s:s, s:s, s:s, s:s*}", "link", wish->words[0], "family", wish->words[1],
			      "option", wish->words[2],
			      "lifetime_s", wish->n_words == 4 ? wish->words[3] : NULL);
	return arguments ? ask_daemon(wish, "dhcp", arguments, show_message) :
	       fail(EXIT_USAGE, "dhcp: the words are no text in UTF-8");
}

static const struct command commands[] = {
	{ "status", NULL, false, "what the daemon is, whether it works, what it lacks", NULL, show_status },
	{ "links", NULL, false, "each link: state, address, bytes, subflows", NULL, show_links },
	{ "sessions", NULL, false, "each session: both ends, age, bytes each way and over each link", NULL,
	  show_sessions },
	{ "why", "session", false, "what a session is: Multipath TCP or not and why, and each of its subflows", NULL,
	  show_why },
	{ "subscribers", NULL, false, "each subscriber of a converter: sessions, refusals, bytes, volumes", NULL,
	  show_subscribers },
	{ "forwards", NULL, false, "ports of its converter that a gateway has for its [forward NAME] sections", NULL,
	  show_forwards },
	{ "mappings", NULL, false, "ports of a converter by which subscribers' hosts are reached from outside", NULL,
	  show_mappings },
	{ "counters", NULL, false, "every counter", NULL, show_counters },
	{ "policy", "list", true,
	  "the rules in their order; 'policy test SOURCE DESTINATION PORT [FACT VALUE]...' says which one "
	  "decides, and why", run_policy, NULL },
	{ "dhcp", "link", true,
	  "'dhcp LINK 4|6 HEX [SECONDS]': what the DHCP of a gateway's link says of converters, as hooks call it",
	  run_dhcp, NULL },
	{ "reload", NULL, false, "read the configuration again; sessions go on", NULL, show_message },
	{ "drain", NULL, false, "take no new connections, end with the last session, or after daemon.drain_timeout_ms",
	  NULL, show_message },
	{ "stop", NULL, false, "end at once", NULL, show_message },
	{ "check", "file", false, "say whether a configuration is sound", run_check, NULL },
	{ "key", NULL, false, "make a key for a subscriber", run_key, NULL },
};

static int usage(int code)
{
	FILE *out = code ? stderr : stdout;

	fprintf(out, "usage: braidctl [-s SOCKET] [--json] COMMAND [ARGUMENT]\n"
		     "  -s, --socket PATH  the daemon's control socket (" DEFAULT_SOCKET ")\n"
		     "  -j, --json         answer in JSON\n"
		     "      --version      say which version this is\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-11s %-8s %s\n", commands[i].name, commands[i].argument ? commands[i].argument : "",
			commands[i].help);
	return code;
}

/* Below all that there is, what of it was meant is easily overlooked. */
static int misused(const struct command *command, const char *name)
{
	usage(EXIT_USAGE);
	if (!command)
		fprintf(stderr, "\nbraidctl: there is no command '%s'\n", name);
	else if (command->argument)
		fprintf(stderr, "\nbraidctl: wanted: braidctl %s %s\n", name, command->argument);
	else
		fprintf(stderr, "\nbraidctl: %s takes no argument\n", name);
	return EXIT_USAGE;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct wish wish = { .socket = DEFAULT_SOCKET };
	const struct command *command;
	int c;

	while ((c = getopt_long(argc, argv, "s:jh", options, NULL)) >= 0) {
		switch (c) {
		case 's': wish.socket = optarg; break;
		case 'j': wish.json = true; break;
		case 'v': return puts("braidctl " BRAID_VERSION) == EOF;
		case 'h': return usage(EXIT_FINE);
		default: return usage(EXIT_USAGE);
		}
	}
	if (optind == argc)
		return usage(EXIT_USAGE);
	command = find(argv[optind]);
	if (!command || (!command->many && argc - optind != 1 + !!command->argument))
		return misused(command, argv[optind]);
	wish.words = argv + optind + 1;
	wish.n_words = (size_t)(argc - optind - 1);
	wish.argument = command->argument ? argv[optind + 1] : NULL;
	if (command->run)
		return command->run(&wish);
	return ask_daemon(&wish, command->name, command->argument ?
			  json_pack("{s:s}", command->argument, wish.argument) : NULL, command->show);
}
