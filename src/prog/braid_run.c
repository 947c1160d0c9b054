/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * braid-run: runs one program so that its connections, and those of whatever it starts, are bonded. It gives it a group
 * that host.groups names, by which nft knows its sockets (decision 0026). Who isn't root needs braid-run to be
 * set-group-ID of that group.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_GROUP "braid"

/* as env(1) and nice(1) have them */
enum { EXIT_FINE = 0, EXIT_OURS = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static int usage(int code)
{
	fprintf(code ? stderr : stdout,
		"usage: braid-run [-g GROUP] PROGRAM [ARGUMENT]...\n"
		"       braid-run --version | --help\n"
		"Runs a program whose connections are bonded.\n"
		"  -g, --group GROUP  one of host.groups of braidd's configuration, by name or number (that of\n"
		"                     this program where it is set-group-ID, else " DEFAULT_GROUP ")\n");
	return code;
}

/* A name, or a number. False where there is none. */
static bool find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (group)
		*gid = group->gr_gid;
	else if (*name && !*end && name[0] != '-' && number < (gid_t)-1)
		*gid = (gid_t)number;
	else
		return false;
	return true;
}

/* All three: were the real one another, the program would be taken for one with rights that its user hasn't, and be
 * cut short in its environment. */
static int take_group(const char *name)
{
	gid_t gid = getegid();
	bool is_set_group_id = gid != getgid();

	if ((name || !is_set_group_id) && !find_group(name ? name : DEFAULT_GROUP, &gid)) {
		fprintf(stderr, "braid-run: there is no group '%s'; make it (groupadd -r %s), or name another one with "
				"-g\n", name ? name : DEFAULT_GROUP,
			name ? name : DEFAULT_GROUP);
		return EXIT_OURS;
	}
	if (!setresgid(gid, gid, gid))
		return 0;
	fprintf(stderr, "braid-run: cannot take the group %s: %s; it is root's to do so, unless braid-run is "
			"set-group-ID of that group (chgrp, then chmod g+s)\n",
		name ? name : DEFAULT_GROUP, strerror(errno));
	return EXIT_OURS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "group", required_argument, NULL, 'g' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *group = NULL;
	int c, r;

	/* +: what follows the program's name is the program's */
	while ((c = getopt_long(argc, argv, "+g:h", options, NULL)) >= 0) {
		switch (c) {
		case 'g': group = optarg; break;
		case 'v': return puts("braid-run " BRAID_VERSION) == EOF;
		case 'h': return usage(EXIT_FINE);
		default: return usage(EXIT_OURS);
		}
	}
	if (optind >= argc)
		return usage(EXIT_OURS);
	r = take_group(group);
	if (r)
		return r;
	execvp(argv[optind], argv + optind);
	r = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	fprintf(stderr, "braid-run: cannot run %s: %s\n", argv[optind], strerror(errno));
	return r;
}
