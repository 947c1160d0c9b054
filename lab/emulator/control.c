/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls: socket, bind, listen, accept4, connect, recv, send, epoll_*. */
#include "control.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/util.h"

#define CLIENTS_MOST 64
#define LINE_BYTES 4096

struct control_client {
	int fd;              /* -1: free */
	size_t n_line;
	char line[LINE_BYTES];
};

struct control {
	int epoll_fd, listen_fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	control_answer_fn *answer;
	void *context;
	struct control_client clients[CLIENTS_MOST];
};

static int control_poll(struct control *control, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Removes a socket that an emulator left which didn't end in order. 0, or -EADDRINUSE if there is something else. */
static int control_clear(const struct sockaddr_un *address)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (lstat(address->sun_path, &status))
		return 0;
	if (!S_ISSOCK(status.st_mode) || fd < 0 || !connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	return errno == ECONNREFUSED && !unlink(address->sun_path) ? 0 : -EADDRINUSE;
}

static int control_listen(struct control *control, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->epoll_fd < 0 || control->listen_fd < 0)
		return -errno;
	r = control_clear(&address);
	if (r)
		return r;
	if (bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	strcpy(control->path, path);
	return listen(control->listen_fd, CLIENTS_MOST) ? -errno : control_poll(control, control->listen_fd, NULL);
}

int control_new(struct control **out, const char *path, control_answer_fn *answer, void *context)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	control->epoll_fd = control->listen_fd = -1;
	control->answer = answer;
	control->context = context;
	for (size_t i = 0; i < CLIENTS_MOST; i++)
		control->clients[i].fd = -1;
	r = control_listen(control, path);
	if (r) {
		control_free(control);
		return r;
	}
	*out = control;
	return 0;
}

static void client_end(struct control_client *client)
{
	close(client->fd);
	client->fd = -1;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CLIENTS_MOST; i++)
		if (control->clients[i].fd >= 0)
			client_end(&control->clients[i]);
	if (*control->path)
		unlink(control->path);
	fd_closep(&control->listen_fd);
	fd_closep(&control->epoll_fd);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll_fd;
}

/* A client beyond the limit is turned away: its connection ends. */
static void control_accept(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < CLIENTS_MOST; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd >= 0)
			continue;
		client->fd = fd_take(&fd);
		client->n_line = 0;
		if (control_poll(control, client->fd, client))
			client_end(client);
	}
	if (fd >= 0)
		close(fd);
}

/* Answers the whole lines in the client's buffer. Negative: the conversation is over, since the client doesn't read. */
static int client_answer(struct control *control, struct control_client *client)
{
	char *end, *line = client->line;

	while ((end = memchr(line, '\n', client->n_line - (size_t)(line - client->line)))) {
		char bytes[LINE_BYTES];
		struct text answer = TEXT_ON(bytes);

		*end = '\0';
		control->answer(control->context, line, &answer);
		bytes[answer.n++] = '\n';   /* in the place of the NUL */
		if (send(client->fd, bytes, answer.n, MSG_NOSIGNAL) != (ssize_t)answer.n)
			return -EPIPE;
		line = end + 1;
	}
	client->n_line -= (size_t)(line - client->line);
	memmove(client->line, line, client->n_line);
	return client->n_line < LINE_BYTES ? 0 : -E2BIG;
}

static void client_step(struct control *control, struct control_client *client)
{
	ssize_t n = recv(client->fd, client->line + client->n_line, LINE_BYTES - client->n_line, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->n_line += (size_t)(n > 0 ? n : 0);
	if (n <= 0 || client_answer(control, client))
		client_end(client);
}

void control_step(struct control *control)
{
	struct epoll_event events[8];
	int n = epoll_wait(control->epoll_fd, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			client_step(control, events[i].data.ptr);
		else
			control_accept(control);
	}
}
