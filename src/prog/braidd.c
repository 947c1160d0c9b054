/* SPDX-License-Identifier: GPL-2.0-or-later */
/* braidd: arguments, the configuration file, the log, signals. Everything else is role/braid.h. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/util.h"
#include "conf/conf.h"
#include "path/path.h"
#include "prog/read_file.h"
#include "role/braid.h"
#include "role/log.h"

#define DEFAULT_FILE "/etc/braid/braid.conf"
#define REASON_BYTES 640
#define MAPPED_FROM_BYTES (256 << 10)
#define TRIMMED_FROM_BYTES (32 << 20)   /* what the end of the heap may keep, as sessions come and go */

enum { EXIT_FINE = 0, EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_CONF = 5 };

struct program {
	const char *file;
	struct braid *braid;
	int signal_fd;
};

static void to_stderr(enum log_level level, const char *line)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	fprintf(stderr, "braidd: %s: %s\n", names[level], line);
}

static bool holds_secrets(const struct conf *conf)
{
	return conf->gateway.has_key || conf->gateway.password[0] || conf->host.socks_password[0] ||
	       conf->n_subscribers;
}

/* 0, or what to exit with, and what is wrong. */
static int read_conf(const char *path, struct conf **out, char *reason, size_t n_reason)
{
	size_t n_text = 0;
	_cleanup_(freep) char *text = read_file(path, &n_text);
	const struct conf_reader reader = { .read = read_named_file };
	struct conf_error error;
	int r;

	if (!text) {
		snprintf(reason, n_reason, "cannot read %s: %s; name the configuration file with -c FILE", path,
			 strerror(errno));
		return EXIT_CONF;
	}
	r = conf_parse(path, text, n_text, &reader, out, &error);
	if (r)
		snprintf(reason, n_reason, "%s", r < 0 ? "out of memory" : error.text);
	else if (path_check_own(&(*out)->host.choice, reason, n_reason))
		conf_freep(out);
	for (size_t i = 0; *out && i < (*out)->n_warnings; i++)
		log_warning("%s", (*out)->warnings[i]);
	if (*out && holds_secrets(*out) && is_for_all(path))
		log_warning("%s has keys or passwords in it, and everybody on this machine can read it: chmod 600 %s",
			    path, path);
	return *out ? 0 : EXIT_CONF;
}

/* The present configuration holds where the file's is no good. */
static int reload(void *context, char *reason, size_t n_reason)
{
	struct program *program = context;
	char restart[512];
	struct conf *conf = NULL;
	enum log_level level;
	int r = read_conf(program->file, &conf, reason, n_reason);

	if (r)
		return r;
	level = (enum log_level)conf->log.level;
	r = braid_reload(program->braid, conf, restart, sizeof(restart), reason, n_reason);
	if (!r)
		log_set_level(level);
	return r;
}

static void reload_by_signal(struct program *program)
{
	char reason[REASON_BYTES];

	if (reload(program, reason, sizeof(reason)))
		log_error("the new configuration is not taken, the old one holds: %s", reason);
	else
		log_info("the configuration was read again");
}

static void on_signal(void *context)
{
	struct program *program = context;
	struct signalfd_siginfo info;

	while (read(program->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload_by_signal(program);
		} else {
			log_info("no new connections are taken; ending when the last session has ended");
			braid_drain(program->braid);
		}
	}
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the reason doesn't say already. */
static void log_failure(const char *reason, int error)
{
	const char *what = strerror(-error);

	if (geteuid() || error == -EPERM || error == -EACCES)
		log_error("%s; braidd needs root, or CAP_NET_ADMIN, and CAP_NET_BIND_SERVICE for ports below 1024",
			  reason);
	else if (strstr(reason, what))
		log_error("%s", reason);
	else
		log_error("%s (%s)", reason, what);
}

static int run(struct program *program, struct conf *conf)
{
	char reason[REASON_BYTES];
	int r;

	program->signal_fd = catch_signals();
	r = braid_new(conf, &program->braid, reason, sizeof(reason));
	if (r) {
		log_failure(reason, r);
		return EXIT_OTHER;
	}
	r = program->signal_fd < 0 ? -errno :
	    braid_watch_signals(program->braid, program->signal_fd, on_signal, program);
	braid_on_reload(program->braid, reload, program);
	if (!r) {
		log_info("braidd %s is up", BRAID_VERSION);
		r = braid_run(program->braid);
	}
	braid_freep(&program->braid);
	if (r)
		log_error("%s", strerror(-r));
	return r ? EXIT_OTHER : EXIT_FINE;
}

static int print_help(bool man)
{
	_cleanup_(freep) char *text = man ? conf_help_man() : conf_help();

	return text && fputs(text, stdout) != EOF ? EXIT_FINE : EXIT_OTHER;
}

static int usage(int code)
{
	fprintf(code ? stderr : stdout,
		"usage: braidd [-c FILE] [--check]\n"
		"       braidd --help-config | --help-config-man | --version | --help\n"
		"  -c, --config FILE  configuration (" DEFAULT_FILE ")\n"
		"      --check        say whether the configuration is sound, and end\n"
		"      --help-config  list every key of the configuration\n");
	return code;
}

/* Room for all sessions that may be is taken at the start, and mostly never used: such as comes fresh from the
 * kernel costs nothing until then. The C library would take it from what the configuration's text was read into, as
 * that was long, and clear it. */
static void keep_room_untouched(void)
{
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIMMED_FROM_BYTES);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "help-config", no_argument, NULL, 'K' }, { "help-config-man", no_argument, NULL, 'M' },
		{ "version", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct program program = { .file = DEFAULT_FILE, .signal_fd = -1 };
	struct conf *conf = NULL;
	char reason[REASON_BYTES];
	bool check = false;
	int c, r;

	keep_room_untouched();
	log_set_sink(to_stderr);
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (c) {
		case 'c': program.file = optarg; break;
		case 'k': check = true; break;
		case 'K': return print_help(false);
		case 'M': return print_help(true);
		case 'v': return puts("braidd " BRAID_VERSION) == EOF;
		case 'h': return usage(EXIT_FINE);
		default: return usage(EXIT_USAGE);
		}
	}
	if (optind < argc || sodium_init() < 0)
		return usage(EXIT_USAGE);
	r = read_conf(program.file, &conf, reason, sizeof(reason));
	if (r)
		log_error("%s", reason);
	else if (check)
		puts("the configuration is sound");
	if (r || check) {
		conf_freep(&conf);
		return r;
	}
	log_set_level((enum log_level)conf->log.level);
	return run(&program, conf);
}
