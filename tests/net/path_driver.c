/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs path/ alone for tests/net/test_path.py: options from the command line, events on stdout, one command a line on
 * stdin: "status", "settings", "update ARGUMENTS" (as on the command line), "forwards ADDRESS:PORT ...", "end" (or the
 * end of stdin). Each command is answered by lines that end with "ok" or "failed REASON".
 *
 *	path-driver STATE_DIR [link=NAME:INTERFACE[:backup]] [lan=INTERFACE] [listen=PORT] [foreign=yes]
 *	[hop=NAME:ADDRESS] [plumbing=no] ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/util.h"
#include "path/inbound.h"
#include "path/alive.h"
#include "path/path.h"

#define ARGUMENTS_MOST 32

struct driver {
	struct loop *loop;
	struct path *path;
	const char *state_dir;
	char line[1024];
	size_t n_line;
};

static void take_link(struct path_options *options, char *value)
{
	struct path_link_options *link = &options->links[options->n_links++];
	char *name = strsep(&value, ":"), *interface = strsep(&value, ":");

	snprintf(link->name, sizeof(link->name), "%s", name);
	snprintf(link->interface, sizeof(link->interface), "%s", interface ? interface : "");
	link->backup = value && !strcmp(value, "backup");
}

static void take_hop(struct path_options *options, char *value)
{
	char *name = strsep(&value, ":");
	struct address hop = { 0 };

	if (!value || address_parse(&hop, value, 0))
		return;
	for (size_t i = 0; i < options->n_links; i++)
		if (!strcmp(options->links[i].name, name))
			*(address_is_v4(&hop) ? &options->links[i].next_hop_v4 : &options->links[i].next_hop_v6) = hop;
}

static struct path_options options_of(const char *state_dir, char **arguments)
{
	static struct alive_times times;
	struct path_options options = { .intercept_port = 5125, .fwmark = 0x42524144, .route_table = 5120,
					.rule_priority = 5120,
					.plumbing = true, .times = &times };

	snprintf(options.state_dir, sizeof(options.state_dir), "%s", state_dir);
	for (; *arguments; arguments++) {
		char *value = *arguments, *key = strsep(&value, "=");

		if (!value)
			continue;
		if (!strcmp(key, "link") && options.n_links < PATH_LINKS)
			take_link(&options, value);
		else if (!strcmp(key, "lan") && options.n_lan < PATH_LAN_INTERFACES)
			snprintf(options.lan[options.n_lan++], IF_NAMESIZE, "%s", value);
		else if (!strcmp(key, "listen") && options.n_listen_ports < PATH_LISTEN_PORTS)
			options.listen_ports[options.n_listen_ports++] = (uint16_t)strtoul(value, NULL, 10);
		else if (!strcmp(key, "foreign"))
			options.foreign_sources = !strcmp(value, "yes");
		else if (!strcmp(key, "hop"))
			take_hop(&options, value);
		else if (!strcmp(key, "plumbing"))
			options.plumbing = strcmp(value, "no");
	}
	return options;
}

static void print_event(void *context, const struct path_event *event)
{
	if (event->kind != PATH_EVENT_TABLE)
		printf("%s %s\n", event->kind == PATH_EVENT_LINK ? "event" : "warning", event->text);
	fflush(stdout);
}

static void print_status(struct path *path)
{
	struct path_link_status status[PATH_LINKS];
	size_t n = path_status(path, status, PATH_LINKS);

	for (size_t i = 0; i < n; i++) {
		char v4[ADDRESS_TEXT_BYTES], v6[ADDRESS_TEXT_BYTES];

		printf("link %s|%s|%u|%s|%d|%s|%s|%u|%u|%llu|%llu\n", status[i].name, status[i].interface,
		       status[i].ifindex, path_link_state_name(status[i].state), status[i].backup,
		       address_format_ip(&status[i].v4, v4), address_format_ip(&status[i].v6, v6),
		       status[i].endpoint_id_v4, status[i].endpoint_id_v6, (unsigned long long)status[i].rx_bytes,
		       (unsigned long long)status[i].tx_bytes);
	}
}

static void answer(int r, const char *reason)
{
	if (r)
		printf("failed %d %s\n", r, reason);
	else
		printf("ok\n");
	fflush(stdout);
}

static void forward(struct driver *driver, char **externals, size_t n)
{
	struct forward list[ARGUMENTS_MOST] = { 0 };
	struct inbound_options options = { .port = 7777, .n_workers = 2, .first_queue = 7770, .fwmark = 0x5124 };
	struct forwards *forwards = NULL;

	for (size_t i = 0; i < n; i++)
		address_parse(&list[i].external, externals[i], 0);
	if (!forwards_new(list, n, &forwards))
		path_set_forwards(driver->path, forwards, &options);
	forwards_freep(&forwards);
}

static void command(struct driver *driver, char *line)
{
	char *arguments[ARGUMENTS_MOST] = { NULL }, reason[256] = "";
	size_t n = 0;
	int r = 0;

	while (n < ARGUMENTS_MOST - 1 && (arguments[n] = strsep(&line, " ")))
		n++;
	if (!strcmp(arguments[0], "status")) {
		print_status(driver->path);
	} else if (!strcmp(arguments[0], "update")) {
		struct path_options options = options_of(driver->state_dir, arguments + 1);

		r = path_update(driver->path, &options, reason, sizeof(reason));
	} else if (!strcmp(arguments[0], "forwards")) {
		forward(driver, arguments + 1, n - 1);
	} else if (!strcmp(arguments[0], "settings")) {
		path_check_settings(driver->path);
	} else if (!strcmp(arguments[0], "rejoin")) {
		path_rejoin(driver->path, strtoul(arguments[1] ? arguments[1] : "", NULL, 10), 0);
	} else if (!strcmp(arguments[0], "end")) {
		loop_stop(driver->loop);
	}
	answer(r, reason);
}

static void on_input(void *context, struct loop_ref ref, uint32_t epoll_events)
{
	struct driver *driver = context;
	ssize_t n = read(STDIN_FILENO, driver->line + driver->n_line, sizeof(driver->line) - 1 - driver->n_line);
	char *end;

	if (n <= 0) {
		loop_stop(driver->loop);
		return;
	}
	driver->n_line += (size_t)n;
	driver->line[driver->n_line] = '\0';
	while ((end = strchr(driver->line, '\n'))) {
		*end = '\0';
		command(driver, driver->line);
		driver->n_line -= (size_t)(end + 1 - driver->line);
		memmove(driver->line, end + 1, driver->n_line + 1);
	}
}

int main(int argc, char **argv)
{
	struct loop_handler handler = { .on_event = on_input };
	struct driver driver = { 0 };
	struct path_options options;
	char reason[256] = "";
	int r;

	if (argc < 2)
		return 2;
	driver.state_dir = argv[1];
	options = options_of(argv[1], argv + 2);
	handler.context = &driver;
	if (loop_new(&driver.loop))
		return 2;
	r = path_new(driver.loop, &options, print_event, NULL, &driver.path, reason, sizeof(reason));
	answer(r, reason);
	if (r)
		return 1;
	loop_watch(driver.loop, STDIN_FILENO, EPOLLIN,
		   (struct loop_ref){ .handler = loop_handler_add(driver.loop, &handler) });
	loop_run(driver.loop);
	path_freep(&driver.path);
	loop_freep(&driver.loop);
	return 0;
}
