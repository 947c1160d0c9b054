/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs path/rules_nft.h alone for tests/net/test_rules.py, with the rules of a configuration.
 *
 *	rules-driver text CONF GENERATION UTC_OFFSET_MINUTES [OLD_CONF OLD_GENERATION]   prints the script that puts the
 *	rules in place
 *	rules-driver load (the same)   runs it, and tells how long that took
 *	rules-driver find CONF         a line of stdin each: SOURCE DESTINATION PORT INTERFACE DSCP MAC WEEKDAY MINUTE;
 *	the name of the rule, or "none"
 *
 * Each rule counts; the verdict is "return", so that one packet is counted once, and what no rule takes is counted as
 * "none".
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "base/util.h"
#include "conf/conf.h"
#include "net/nft.h"
#include "path/rules_nft.h"

#define FILE_BYTES (16u << 20)

static char *read_named(void *context, const char *path, size_t *n, char *reason, size_t n_reason)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_BYTES) : NULL;

	if (text)
		*n = fread(text, 1, FILE_BYTES, file);
	else
		snprintf(reason, n_reason, "it can't be opened");
	if (file)
		fclose(file);
	return text;
}

static struct conf *conf_of(const char *path)
{
	const struct conf_reader reader = { .read = read_named };
	struct conf_error error = { .text = "it can't be read" };
	struct conf *conf = NULL;
	size_t n;
	char *text = read_named(NULL, path, &n, error.text, sizeof(error.text));

	if (!text || conf_parse(path, text, n, &reader, &conf, &error)) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		exit(2);
	}
	free(text);
	return conf;
}

static bool put_verdict(void *context, const struct rule *rule, size_t index, FILE *out)
{
	fputs("counter return", out);
	return true;
}

static bool put_undecided(void *context, const struct rule *rule, size_t index, FILE *out)
{
	fputs("counter", out);   /* and on to the next */
	return true;
}

static char *script_of(const struct conf *conf, char **arguments, const struct conf *old, uint32_t old_generation)
{
	struct rules_nft_options options = { .generation = (uint32_t)atoi(arguments[0]),
					     .utc_offset_minutes = atoi(arguments[1]),
					     .verdict = put_verdict, .undecided = put_undecided };
	char *script = NULL;
	size_t n;
	FILE *out = open_memstream(&script, &n);

	fputs("add table inet braid\n", out);
	rules_nft_sets(conf->rules, options.generation, out);
	fputs("add chain inet braid rules\nflush chain inet braid rules\n"
	      "table inet braid {\n\tchain rules {\n", out);
	if (rules_nft_body(conf->rules, &options, out))
		exit(2);
	fputs("\t\tcounter comment \"none\"\n\t}\n\tchain entry {\n\t\ttype filter hook prerouting priority -150\n\t}\n"
	      "}\n"
	      "flush chain inet braid entry\nadd rule inet braid entry meta l4proto tcp jump rules\n", out);
	if (old)
		rules_nft_drop(old->rules, old_generation, conf->rules, out);
	fclose(out);
	return script;
}

/* What the process itself has cost: how long it took says more about the others. */
static double used_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int run(const char *script, char *reason, size_t n_reason)
{
	_cleanup_(nft_closep) struct nft *nft = NULL;
	int r = nft_open(&nft);

	return r ? r : nft_run(nft, script, reason, n_reason);
}

static int text_or_load(bool load, int argc, char **argv)
{
	double begun = used_ms(), read, written, at_written;
	struct conf *conf = conf_of(argv[2]), *old = argc > 6 ? conf_of(argv[5]) : NULL;
	_cleanup_(freep) char *script = NULL;
	char reason[512];
	int r = 0;

	read = used_ms();
	script = script_of(conf, argv + 3, old, old ? (uint32_t)atoi(argv[6]) : 0);
	written = used_ms();
	at_written = now_ms();
	if (!load)
		fputs(script, stdout);
	else
		r = run(script, reason, sizeof(reason));
	if (r)
		fprintf(stderr, "%s\n", r > 0 ? reason : strerror(-r));
	else if (load)
		printf("ms of processor time: %.0f to read, %.0f to write %zu bytes, %.0f to run them (%.0f by the "
		       "clock)\n", read - begun, written - read,
		       strlen(script), used_ms() - written, now_ms() - at_written);
	conf_freep(&conf);
	conf_freep(&old);
	return r ? 1 : 0;
}

static bool holds(void *context, const struct rule_list *list, const struct address *address)
{
	_cleanup_(nft_elements_closep) struct nft_elements *elements = NULL;

	return !nft_elements_open(&elements) && rules_nft_list_holds(elements, list, address);
}

static void find(const struct rules *rules, char *line)
{
	char source[64], destination[64], interface[16], mac_text[32];
	unsigned int port, dscp, weekday, minute, m[6];
	uint8_t mac[RULE_MAC_BYTES];
	struct rule_facts facts;
	size_t found;

	if (sscanf(line, "%63s %63s %u %15s %u %31s %u %u", source, destination, &port, interface, &dscp, mac_text,
		   &weekday, &minute) != 8 ||
	    sscanf(mac_text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		exit(2);
	for (size_t i = 0; i < RULE_MAC_BYTES; i++)
		mac[i] = (uint8_t)m[i];
	facts = (struct rule_facts){ .list_holds = holds, .interface = interface, .dscp = (int)dscp, .mac = mac,
				     .weekday = weekday, .minute = minute };
	if (address_parse(&facts.source, source, 0) || address_parse(&facts.destination, destination, (uint16_t)port))
		exit(2);
	facts.destination.port = (uint16_t)port;
	found = rules_find(rules, &facts);
	puts(found == RULES_NONE ? "none" : rules->all[found].name);
}

int main(int argc, char **argv)
{
	struct conf *conf;
	char line[256];

	if (argc >= 5 && (!strcmp(argv[1], "text") || !strcmp(argv[1], "load")))
		return text_or_load(!strcmp(argv[1], "load"), argc, argv);
	if (argc != 3 || strcmp(argv[1], "find"))
		return 2;
	conf = conf_of(argv[2]);
	while (fgets(line, sizeof(line), stdin))
		find(conf->rules, line);
	conf_freep(&conf);
	return 0;
}
