/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "ctl/unix_socket.h"

#define CLIENTS 32
#define REQUEST_BYTES 4096
#define REST_US (100 * US_PER_MS)
#define CLIENT_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

struct client {
	int fd;
	bool busy;               /* a request is under way: its answer isn't known, or not sent */
	bool running;            /* client_run() is looking for the next one */
	bool ended;              /* sends nothing more; wants its answers yet */
	bool asked;              /* has sent a whole request, ever */
	uint64_t since_us;       /* when it came, began a request or ended one, or took some of an answer: the last
				  * of these */
	size_t n_in;
	char in[REQUEST_BYTES];
	char *out;               /* the rest of an answer; malloc'd */
	size_t n_out, n_sent;
};

struct control {
	struct loop *loop;
	struct control_options options;
	uint8_t handler;
	int fd;
	char path[108];
	struct slab clients;
};

enum { PART_LISTENER, PART_CLIENT };

static void client_run(struct control *control, struct client *client);

static struct loop_ref ref_of(const struct control *control, const struct client *client)
{
	struct slab_name name = slab_name_of(&control->clients, client);

	return (struct loop_ref){ .index = name.index, .generation = name.generation, .handler = control->handler,
				  .part = PART_CLIENT };
}

static void client_close(struct control *control, struct client *client)
{
	close(client->fd);
	free(client->out);
	slab_give(&control->clients, client);
}

/* Its answer is being worked out: nothing can be said of its manners. */
static bool client_waits(const struct client *client)
{
	return client->busy && !client->out;
}

/* It owes us its first request, the rest of one, or to take its answer. Who was answered may be quiet as long as it
 * likes. */
static bool client_owes(const struct client *client)
{
	return client->busy ? client->out != NULL : !client->asked || client->n_in;
}

/* No memory for the next look: the client stays until its place is needed. */
static void client_look(struct control *control, struct client *client, uint64_t now_us)
{
	uint64_t due_us = client->since_us + control->options.patience_us;

	if (client_owes(client) && now_us >= due_us)
		client_close(control, client);
	else
		loop_timer_at(control->loop, due_us > now_us ? due_us : now_us + control->options.patience_us,
			      ref_of(control, client));
}

/* False where all clients wait for their answers. */
static bool close_quietest(struct control *control)
{
	struct client *quietest = NULL;

	for (uint32_t i = 0; i < control->clients.n_touched; i++) {
		struct client *client = slab_at(&control->clients, i);

		if (client && !client_waits(client) && (!quietest || client->since_us < quietest->since_us))
			quietest = client;
	}
	if (quietest)
		client_close(control, quietest);
	return quietest;
}

/* False when the client is gone. */
static bool client_flush(struct control *control, struct client *client)
{
	while (client->out && client->n_sent < client->n_out) {
		ssize_t n = send(client->fd, client->out + client->n_sent, client->n_out - client->n_sent,
				 MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0) {
			client_close(control, client);
			return false;
		}
		client->n_sent += (size_t)n;
		client->since_us = loop_now_us(control->loop);
	}
	if (client->out) {
		free(client->out);
		client->out = NULL;
		client->busy = false;
	}
	return true;
}

static void client_say(struct control_call call, json_t *line)
{
	struct client *client = slab_get(&call.control->clients, call.client);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(line);
	if (!client || !text) {
		free(text);
		if (client)
			client_close(call.control, client);   /* out of memory: better no answer than none for ever */
		return;
	}
	text[n] = '\n';   /* in the place of the terminating zero: out is counted */
	client->out = text;
	client->n_out = n + 1;
	client->n_sent = 0;
	if (client_flush(call.control, client) && !client->busy && !client->running)
		client_run(call.control, client);   /* an answer that came later: what was asked meanwhile */
}

void control_answer(struct control_call call, json_t *result)
{
	if (result)
		client_say(call, json_pack("{s:o}", "result", result));
	else
		control_refuse(call, "out of memory");
}

/* Words as JSON, whatever they are: a path or a cut may leave bytes that aren't UTF-8. */
static json_t *json_words(char *text)
{
	json_t *words = json_string(text);

	if (words)
		return words;
	for (char *c = text; *c; c++)
		*c = *c & 0x80 ? '?' : *c;
	return json_string(text);
}

void control_refuse(struct control_call call, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	client_say(call, json_pack("{s:o}", "error", json_words(text)));
}

static void dispatch(struct control *control, struct client *client, const char *line, size_t n_line)
{
	struct control_call call = { control, slab_name_of(&control->clients, client) };
	json_t *request = json_loadb(line, n_line, 0, NULL), *none = json_object();
	const json_t *arguments = json_object_get(request, "arguments");
	const char *name = json_string_value(json_object_get(request, "command"));
	size_t i = 0;

	client->busy = client->asked = true;
	client->since_us = loop_now_us(control->loop);
	while (name && i < control->options.n_commands && strcmp(control->options.commands[i].name, name))
		i++;
	if (!name)
		control_refuse(call, "a request is a line {\"command\": NAME, \"arguments\": {...}}");
	else if (i == control->options.n_commands)
		control_refuse(call, "there is no command '%.40s'", name);
	else
		control->options.commands[i].run(control->options.context, call,
						 json_is_object(arguments) ? arguments : none);
	json_decref(request);
	json_decref(none);
}

/* Takes the next request out of what has come. False where there is none. */
static bool client_next(struct client *client, char line[REQUEST_BYTES], size_t *n)
{
	const char *end = memchr(client->in, '\n', client->n_in);

	if (!end)
		return false;
	*n = (size_t)(end - client->in);
	memcpy(line, client->in, *n);
	client->n_in -= *n + 1;
	memmove(client->in, end + 1, client->n_in);
	return true;
}

/* Reads what fits. False when nothing came; the client may be gone then. */
static bool client_receive(struct control *control, struct client *client)
{
	ssize_t n = -1;

	if (client->ended || client->n_in == REQUEST_BYTES)
		return false;
	do
		n = recv(client->fd, client->in + client->n_in, REQUEST_BYTES - client->n_in, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN) {
		client_close(control, client);
		return false;
	}
	client->ended = !n;
	if (!client->n_in)
		client->since_us = loop_now_us(control->loop);
	client->n_in += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* Runs requests until one takes time or there is none: the edge is spent, so all that came has to be looked at. The
 * client may be gone afterwards. */
static void client_run(struct control *control, struct client *client)
{
	struct slab_name name = slab_name_of(&control->clients, client);
	char line[REQUEST_BYTES];
	bool more = true;
	size_t n;

	client->running = true;
	while (!client->busy && more) {
		if (client_next(client, line, &n))
			dispatch(control, client, line, n);
		else
			more = client_receive(control, client);
		if (!slab_get(&control->clients, name))
			return;
	}
	client->running = false;
	if (!client->busy && (client->ended || client->n_in == REQUEST_BYTES))
		client_close(control, client);
}

static struct loop_ref listener_ref(const struct control *control)
{
	return (struct loop_ref){ .handler = control->handler, .part = PART_LISTENER };
}

/* Out of descriptors: without a rest the loop would spin on the connection that waits. */
static void listener_rest(struct control *control, int error)
{
	if (control->options.on_short)
		control->options.on_short(control->options.context, error);
	if (!loop_timer_at(control->loop, loop_now_us(control->loop) + REST_US, listener_ref(control)))
		loop_rewatch(control->loop, control->fd, 0, listener_ref(control));
}

/* Its clients may have the descriptors: they have had the time of the rest to use them. */
static void listener_wake(struct control *control)
{
	close_quietest(control);
	loop_rewatch(control->loop, control->fd, EPOLLIN, listener_ref(control));
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct control *control = context;
	struct client *client;

	if (ref.part == PART_LISTENER) {
		listener_wake(control);
		return;
	}
	client = slab_get(&control->clients, (struct slab_name){ ref.index, ref.generation });
	if (client)
		client_look(control, client, now_us);
}

static void admit(struct control *control, int fd)
{
	struct client *client = slab_take(&control->clients);

	if (!client && close_quietest(control))
		client = slab_take(&control->clients);
	if (!client) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->since_us = loop_now_us(control->loop);
	if (loop_watch(control->loop, fd, CLIENT_EVENTS, ref_of(control, client)))
		client_close(control, client);
	else
		client_look(control, client, client->since_us);
}

/* The descriptor, or a negative errno. */
static int take_connection(const struct control *control)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* The same with a number past the soft limit, which stands in nobody else's way but for this moment. A descriptor
 * that were kept and given up here would be another thread's at times, and might stay so. */
static int take_connection_beyond(const struct control *control)
{
	struct rlimit limit, beyond;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	beyond = limit;
	beyond.rlim_cur = limit.rlim_max - limit.rlim_cur > CONTROL_DESCRIPTORS ? limit.rlim_cur + CONTROL_DESCRIPTORS :
			  limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &beyond))
		return -errno;
	fd = take_connection(control);
	setrlimit(RLIMIT_NOFILE, &limit);
	return fd;
}

/* One a turn: who came before has had a turn to say what it wants, before its place is looked at. */
static void on_connection(struct control *control)
{
	int fd = take_connection(control);

	if (fd == -EMFILE)
		fd = take_connection_beyond(control);
	if (fd >= 0)
		admit(control, fd);
	else if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
		listener_rest(control, fd);
}

static void on_event(void *context, struct loop_ref ref, uint32_t events)
{
	struct control *control = context;
	struct slab_name name = { ref.index, ref.generation };
	struct client *client;

	if (ref.part == PART_LISTENER) {
		on_connection(control);
		return;
	}
	client = slab_get(&control->clients, name);
	if (client && client_flush(control, client) && !client->busy)
		client_run(control, client);
}

int control_new(struct loop *loop, const struct control_options *options, struct control **out, char *reason,
		size_t n_reason)
{
	_cleanup_(control_freep) struct control *control = calloc(1, sizeof(*control));
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = control };
	int r;

	snprintf(reason, n_reason, "control socket: out of memory or descriptors");
	if (!control)
		return -ENOMEM;
	control->loop = loop;
	control->options = *options;
	control->fd = -1;
	if (slab_init(&control->clients, sizeof(struct client), CLIENTS))
		return -ENOMEM;
	r = unix_listen(options->path, &control->fd, reason, n_reason);
	if (r)
		return r;
	snprintf(control->path, sizeof(control->path), "%s", options->path);
	control->handler = loop_handler_add(loop, &handler);
	r = loop_watch(loop, control->fd, EPOLLIN, listener_ref(control));
	if (r)
		return r;
	*out = control;
	control = NULL;
	return 0;
}

void control_freep(struct control **out)
{
	struct control *control = *out;

	if (!control)
		return;
	for (uint32_t i = 0; i < control->clients.n_touched; i++)
		if (slab_at(&control->clients, i))
			client_close(control, slab_at(&control->clients, i));
	slab_fini(&control->clients);
	fd_closep(&control->fd);
	if (control->path[0])
		unlink(control->path);
	free(control);
	*out = NULL;
}
