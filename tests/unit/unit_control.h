/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A control socket in a folder of its own, and a client of it on a plain socket. The loop runs in this thread until
 * the client has heard what the test waits for. */
#ifndef BRAID_TESTS_UNIT_CONTROL_H
#define BRAID_TESTS_UNIT_CONTROL_H

#include "unit_fds.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/control.h"
#include "ctl/unix_socket.h"

#define LARGE_BYTES (3u << 20)
#define PATIENCE_US (10 * US_PER_S)
#define UNIT_PLACES 32   /* that the daemon has for clients */

struct fixture {
	struct loop *loop;
	struct control *control;
	uint8_t handler;
	char folder[64], path[96];
	struct control_call later[64];   /* calls that command "later" left unanswered */
	size_t n_later, n_runs;
	bool (*until)(struct fixture *fixture);   /* NULL: the loop was told to stop */
	uint64_t patience_us;
	int fd;                          /* of the client under test */
	char *said;                      /* what it heard */
	size_t n_said, n_wanted;
	bool closed;                     /* by the daemon */
	uint64_t daemon_patience_us;
	size_t n_short;                  /* how often it told that a client must wait */
	int others[UNIT_PLACES];         /* more clients; 0: none */
	bool calm;                       /* the loop sleeps when it has nothing to do */
	size_t n_turns;
};

static inline void run_echo(void *context, struct control_call call, const json_t *arguments)
{
	((struct fixture *)context)->n_runs++;
	control_answer(call, json_deep_copy(arguments));
}

static inline void run_large(void *context, struct control_call call, const json_t *arguments)
{
	char *text = malloc(LARGE_BYTES);

	memset(text, 'x', LARGE_BYTES);
	((struct fixture *)context)->n_runs++;
	control_answer(call, json_stringn(text, LARGE_BYTES));
	free(text);
}

static inline void run_later(void *context, struct control_call call, const json_t *arguments)
{
	struct fixture *fixture = context;

	fixture->n_runs++;
	fixture->later[fixture->n_later++] = call;
}

static inline void run_refuse(void *context, struct control_call call, const json_t *arguments)
{
	control_refuse(call, "%s", json_string_value(json_object_get(arguments, "words")));
}

static inline void run_odd(void *context, struct control_call call, const json_t *arguments)
{
	control_refuse(call, "no UTF-8: \xff\xe4");
}

static inline void run_nothing(void *context, struct control_call call, const json_t *arguments)
{
	control_answer(call, NULL);
}

static const struct control_command commands[] = {
	{ "echo", run_echo }, { "large", run_large }, { "later", run_later }, { "refuse", run_refuse },
	{ "odd", run_odd }, { "nothing", run_nothing },
};

/* Ends a turn: does the test have what it waits for? */
static inline void on_turn_end(void *context, uint64_t now_us)
{
	struct fixture *fixture = context;

	fixture->n_turns++;
	if (!fixture->until)
		return;
	if (!fixture->calm)
		loop_again(fixture->loop);   /* the client isn't in this loop: look at it again */
	if (fixture->until(fixture) || now_us > fixture->patience_us) {
		fixture->until = NULL;
		loop_stop(fixture->loop);
	}
}

static inline void run_until(struct fixture *fixture, const char *what, bool (*until)(struct fixture *fixture))
{
	fixture->until = until;
	fixture->patience_us = loop_clock_us() + PATIENCE_US;
	loop_again(fixture->loop);
	assert_int_equal(loop_run(fixture->loop), 0);
	if (!until(fixture))
		fail_msg("expected %s, saw %zu bytes: %.200s", what, fixture->n_said, fixture->said);
}

static inline void on_short(void *context, int error)
{
	assert_true(error == -EMFILE);
	((struct fixture *)context)->n_short++;
}

static inline int start(struct fixture *fixture, struct control **control, char *reason)
{
	struct control_options options = { .path = fixture->path, .commands = commands,
					   .n_commands = ARRAY_SIZE(commands),
					   .patience_us = fixture->daemon_patience_us, .on_short = on_short,
					   .context = fixture };

	return control_new(fixture->loop, &options, control, reason, 256);
}

static inline int set_up_patient(void **state, uint64_t daemon_patience_us)
{
	struct loop_handler handler = { .on_turn_end = on_turn_end };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");
	char reason[256];

	fixture->fd = -1;
	fixture->daemon_patience_us = daemon_patience_us;
	fixture->said = calloc(1, 2 * LARGE_BYTES + 1024);
	handler.context = fixture;
	snprintf(fixture->folder, sizeof(fixture->folder), "%.40s/braid-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/run/control", fixture->folder);
	assert_int_equal(loop_new(&fixture->loop), 0);
	fixture->handler = loop_handler_add(fixture->loop, &handler);
	assert_int_equal(start(fixture, &fixture->control, reason), 0);
	*state = fixture;
	return 0;
}

static inline int set_up(void **state)
{
	return set_up_patient(state, 10 * PATIENCE_US);
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char run[96];

	for (size_t i = 0; i < UNIT_PLACES; i++)
		if (fixture->others[i])
			close(fixture->others[i]);
	fd_closep(&fixture->fd);
	control_freep(&fixture->control);
	loop_freep(&fixture->loop);
	unlink(fixture->path);
	snprintf(run, sizeof(run), "%s/run", fixture->folder);
	rmdir(run);
	if (rmdir(fixture->folder))
		fail_msg("expected an empty %s at the end, saw %s", fixture->folder, strerror(errno));
	free(fixture->said);
	free(fixture);
	return 0;
}

static inline void client_connect(struct fixture *fixture)
{
	fd_closep(&fixture->fd);
	fixture->n_said = fixture->closed = 0;
	fixture->said[0] = '\0';
	assert_int_equal(unix_connect(fixture->path, &fixture->fd), 0);
}

static inline void client_say(struct fixture *fixture, const char *text)
{
	assert_int_equal(send(fixture->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void client_hear(struct fixture *fixture, size_t n_most)
{
	ssize_t n = recv(fixture->fd, fixture->said + fixture->n_said, n_most, MSG_DONTWAIT);

	fixture->closed |= !n || (n < 0 && errno == ECONNRESET);
	fixture->n_said += n > 0 ? (size_t)n : 0;
	fixture->said[fixture->n_said] = '\0';
}

static inline size_t n_lines(const struct fixture *fixture)
{
	size_t n = 0;

	for (const char *at = fixture->said; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static inline bool heard_lines(struct fixture *fixture)
{
	client_hear(fixture, 4096);
	return n_lines(fixture) >= fixture->n_wanted;
}

static inline bool heard_slowly(struct fixture *fixture)
{
	client_hear(fixture, 20000);
	return fixture->n_said >= fixture->n_wanted;
}

static inline bool was_closed(struct fixture *fixture)
{
	client_hear(fixture, 4096);
	return fixture->closed;
}

static inline bool ran(struct fixture *fixture)
{
	return fixture->n_runs >= fixture->n_wanted;
}

static inline void expect_lines(struct fixture *fixture, size_t n, const char *expected)
{
	fixture->n_wanted = n;
	run_until(fixture, expected, heard_lines);
	if (strcmp(fixture->said, expected))
		fail_msg("expected %s, saw %s", expected, fixture->said);
	fixture->n_said = 0;
	fixture->said[0] = '\0';
}

static inline int bind_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

#endif
