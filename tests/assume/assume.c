/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "world.h"

#define EXIT_NOT_LOOKED_AT 99   /* meson takes it for an error of the test itself */

static const char *the_fact = "nothing", *the_without = "nothing";
static int places[ASSUME_N_PLACES];

int assume_holds(void)
{
	printf("assume: %s: holds\n", the_fact);
	return EXIT_SUCCESS;
}

void assume_broken(const char *seen, ...)
{
	va_list args;

	printf("assume: %s: BROKEN on this kernel (", the_fact);
	va_start(args, seen);
	vprintf(seen, args);
	va_end(args);
	printf("): %s\n", the_without);
	exit(EXIT_FAILURE);
}

void assume_not_looked_at(const char *why, ...)
{
	va_list args;

	printf("assume: %s: not looked at: ", the_fact);
	va_start(args, why);
	vprintf(why, args);
	va_end(args);
	putchar('\n');
	exit(EXIT_NOT_LOOKED_AT);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		assume_not_looked_at("writing '%s' to %s: %s", text, path, strerror(errno));
	close(fd);
}

/* Root of a user namespace of our own, so that nobody needs to be root. */
static void become_root(void)
{
	char users[32], groups[32];

	snprintf(users, sizeof(users), "0 %u 1", geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER))
		assume_not_looked_at("no user namespace: %s", strerror(errno));
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", users);
	write_file("/proc/self/gid_map", groups);
}

void assume_in(enum assume_place place)
{
	if (setns(places[place], CLONE_NEWNET))
		assume_not_looked_at("setns: %s", strerror(errno));
}

int world_place_fd(enum assume_place place)
{
	return places[place];
}

void assume_begin(const char *fact, const char *without)
{
	the_fact = fact;
	the_without = without;
	signal(SIGPIPE, SIG_IGN);
	become_root();
	for (size_t i = 0; i < ASSUME_N_PLACES; i++) {
		if (unshare(CLONE_NEWNET))
			assume_not_looked_at("no network namespace: %s", strerror(errno));
		places[i] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (places[i] < 0)
			assume_not_looked_at("/proc/thread-self/ns/net: %s", strerror(errno));
		world_begin();
	}
	assume_in(ASSUME_NEAR);
}
