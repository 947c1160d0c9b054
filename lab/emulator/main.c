/* SPDX-License-Identifier: GPL-2.0-or-later */
/* braid-link: emulates one access link between two network namespaces. Arguments, signals, the loop. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/util.h"
#include "control.h"
#include "link.h"

#define POOL_BYTES ((size_t)128 << 20)   /* a direction; a second of 1 Gbit/s */
#define MTU_DEFAULT 1500
#define MTU_LEAST 68
#define MTU_MOST 65521
#define NS_PER_S 1000000000u

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { FROM_A = WAY_AB, FROM_B = WAY_BA, FROM_CONTROL, FROM_SIGNAL };   /* what an event of the loop is about */

struct program {
	const char *ends[2], *control_path;   /* NETNS:IFNAME */
	unsigned long long seed, mtu;
	struct link_settings settings;
	struct link link;
	struct control *control;
	int epoll_fd, signal_fd;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int fail(int code, const char *what, const char *why)
{
	fprintf(stderr, "braid-link: %s%s%s\n", what, *why ? ": " : "", why);
	return code;
}

static int usage(int code)
{
	char bytes[2048];
	struct text keys = TEXT_ON(bytes);

	settings_help(&keys);
	fprintf(code ? stderr : stdout,
		"usage: braid-link --a NETNS:IFNAME --b NETNS:IFNAME --control PATH [--seed N] [--mtu N] [KEY=VALUE ...]\n"
		"Makes a TAP device in each network namespace (NETNS is a path) and emulates a link between them.\n"
		"Prints \"ready\" once both are there. At PATH it answers the lines\n"
		"  set KEY=VALUE ...   with ok, or error: TEXT and all as it was\n"
		"  get                 with settings and counters in JSON\n"
		"ab.KEY=VALUE sets the direction from a to b alone, ba.KEY=VALUE the other. The keys:\n%s", bytes);
	return code;
}

static bool parse_number(const char *digits, unsigned long long least, unsigned long long most,
			 unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(digits, &end, 10);
	return isdigit((unsigned char)*digits) && !*end && !errno && *value >= least && *value <= most;
}

/* Names that the kernel takes and that need no quoting in JSON. */
static bool end_is_valid(const char *end)
{
	const char *colon = end ? strrchr(end, ':') : NULL;
	size_t n_name = colon ? strlen(colon + 1) : 0;

	if (!n_name || n_name >= IFNAMSIZ || colon == end)
		return false;
	for (const char *c = colon + 1; *c; c++)
		if (!isgraph((unsigned char)*c) || strchr("\"\\/%", *c))
			return false;
	return true;
}

/* 0, or what to exit with + 1; what is wrong was said then. */
static int parse_arguments(struct program *program, int argc, char **argv)
{
	static const struct option options[] = {
		{ "a", required_argument, NULL, 'a' }, { "b", required_argument, NULL, 'b' },
		{ "control", required_argument, NULL, 'c' }, { "seed", required_argument, NULL, 's' },
		{ "mtu", required_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' }, { NULL },
	};
	char bytes[256] = "";
	struct text reason = TEXT_ON(bytes);
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'a' || option == 'b')
			program->ends[option - 'a'] = optarg;
		else if (option == 'c')
			program->control_path = optarg;
		else if (option == 's' && !parse_number(optarg, 0, UINT64_MAX, &program->seed))
			return 1 + fail(EXIT_USAGE, "--seed: expected a number, got", optarg);
		else if (option == 'm' && !parse_number(optarg, MTU_LEAST, MTU_MOST, &program->mtu))
			return 1 + fail(EXIT_USAGE, "--mtu: expected a number from 68 to 65521, got", optarg);
		else if (option == 'h' || option == '?')
			return 1 + usage(option == 'h' ? EXIT_FINE : EXIT_USAGE);
	}
	for (; optind < argc; optind++)
		if (settings_assign(&program->settings, argv[optind], &reason))
			return 1 + fail(EXIT_USAGE, bytes, "");
	if (!end_is_valid(program->ends[0]) || !end_is_valid(program->ends[1]))
		return 1 + fail(EXIT_USAGE, "--a and --b: expected NETNS:IFNAME each", "");
	return program->control_path ? 0 : 1 + fail(EXIT_USAGE, "--control: expected the path of a socket", "");
}

/* Timers as exact as the kernel lets us have them. Real-time scheduling often isn't allowed; it works without, less
 * exactly. */
static void become_punctual(void)
{
	struct sched_param param = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* SIGTERM and SIGINT through a descriptor; SIGTERM at the parent's death. 0 or negative errno. */
static int catch_signals(struct program *program)
{
	pid_t parent = getppid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || prctl(PR_SET_PDEATHSIG, SIGTERM))
		return -errno;
	if (getppid() != parent)   /* it died in between */
		raise(SIGTERM);
	program->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return program->signal_fd < 0 ? -errno : 0;
}

/* 0 or negative errno; what failed was said then. */
static int open_taps(struct program *program)
{
	for (int i = 0; i < 2; i++) {
		char bytes[512] = "", path[4096];
		struct text reason = TEXT_ON(bytes);
		const char *end = program->ends[i], *colon = strrchr(end, ':');
		int r;

		snprintf(path, sizeof(path), "%.*s", (int)(colon - end), end);
		r = tap_open(&program->link.taps[i], path, colon + 1, (unsigned int)program->mtu, &reason);
		if (r) {
			fail(EXIT_FAILED, bytes, "");
			return r;
		}
	}
	return 0;
}

static int poll_for(struct program *program, int fd, uint32_t what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = what };

	return epoll_ctl(program->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_loop(struct program *program)
{
	const int fds[] = {
		[FROM_A] = program->link.taps[0].fd, [FROM_B] = program->link.taps[1].fd,
		[FROM_CONTROL] = control_fd(program->control), [FROM_SIGNAL] = program->signal_fd,
	};
	int r = 0;

	program->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (program->epoll_fd < 0)
		return -errno;
	for (uint32_t i = 0; i < ARRAY_SIZE(fds) && !r; i++)
		r = poll_for(program, fds[i], i);
	return r;
}

/* What to exit with, or -1 to go on. */
static int handle_event(struct program *program, uint32_t what)
{
	int r;

	if (what == FROM_SIGNAL)
		return EXIT_FINE;
	if (what == FROM_CONTROL) {
		control_step(program->control);
		return -1;
	}
	r = link_receive(&program->link, (int)what);
	return r ? fail(EXIT_FAILED, program->ends[what], "the device is gone") : -1;
}

static int run(struct program *program)
{
	for (;;) {
		uint64_t wake_ns = link_wake_ns(&program->link), at_ns = now_ns();
		uint64_t wait_ns = wake_ns > at_ns ? wake_ns - at_ns : 0;
		struct timespec wait = { .tv_sec = (time_t)(wait_ns / NS_PER_S),
					 .tv_nsec = (long)(wait_ns % NS_PER_S) };
		struct epoll_event events[4];
		int n = epoll_pwait2(program->epoll_fd, events, ARRAY_SIZE(events),
				     wake_ns == MODEL_NEVER_NS ? NULL : &wait, NULL);

		if (n < 0 && errno != EINTR)
			return fail(EXIT_FAILED, "cannot wait", strerror(errno));
		for (int i = 0; i < n; i++) {
			int code = handle_event(program, events[i].data.u32);

			if (code >= 0)
				return code;
		}
		link_deliver(&program->link, WAY_AB);
		link_deliver(&program->link, WAY_BA);
	}
}

static int start_and_run(struct program *program)
{
	int r = catch_signals(program);

	if (r)
		return fail(EXIT_FAILED, "cannot catch signals", strerror(-r));
	if (open_taps(program))
		return EXIT_FAILED;
	r = link_init(&program->link, &program->settings, (unsigned int)program->mtu, POOL_BYTES, program->seed);
	if (r)
		return fail(EXIT_FAILED, "cannot set up the link", strerror(-r));
	r = control_new(&program->control, program->control_path, link_answer, &program->link);
	if (r)
		return fail(EXIT_FAILED, program->control_path, strerror(-r));
	r = start_loop(program);
	if (r)
		return fail(EXIT_FAILED, "cannot set up the loop", strerror(-r));
	become_punctual();
	if (puts("ready") == EOF || fflush(stdout) == EOF)
		return fail(EXIT_FAILED, "cannot say \"ready\"", strerror(errno));
	return run(program);
}

int main(int argc, char **argv)
{
	static struct program program = {
		.mtu = MTU_DEFAULT, .epoll_fd = -1, .signal_fd = -1,
		.link = { .taps = { { .fd = -1, .counters_fd = -1 }, { .fd = -1, .counters_fd = -1 } },
			  .now_ns = now_ns },
	};
	int r;

	settings_init(&program.settings);
	r = parse_arguments(&program, argc, argv);
	if (r)
		return r - 1;
	r = start_and_run(&program);
	control_free(program.control);
	link_deinit(&program.link);
	fd_closep(&program.epoll_fd);
	fd_closep(&program.signal_fd);
	return r;
}
