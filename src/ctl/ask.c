/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util.h"
#include "ctl/unix_socket.h"

static void send_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t n_now = send(fd, text, n, MSG_NOSIGNAL);

		if (n_now < 0 && errno != EINTR)
			return;
		text += n_now > 0 ? n_now : 0;
		n -= n_now > 0 ? (size_t)n_now : 0;
	}
}

/* Whether it arrived, the answer tells: who takes no more may yet have said why. */
static void send_request(int fd, const char *command, json_t *arguments)
{
	json_t *request = json_pack("{s:s, s:o}", "command", command,
				    "arguments", arguments ? arguments : json_object());
	_cleanup_(freep) char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(request);
	if (!text)
		return;
	text[n] = '\n';   /* in the place of the terminating zero */
	send_all(fd, text, n + 1);
}

int ask(const char *path, const char *command, json_t *arguments, json_t **result, char *reason, size_t n_reason)
{
	int fd = -1, r = unix_connect(path, &fd);
	const char *error;
	json_t *answer;
	FILE *in;

	if (r == -EACCES || r == -EPERM) {
		snprintf(reason, n_reason, "%s is for root and the daemon's group alone: %s; try it with sudo", path,
			 strerror(-r));
		json_decref(arguments);
		return ASK_E_NO_DAEMON;
	}
	if (r) {
		snprintf(reason, n_reason,
			 "no daemon answers at %s: %s; is braidd running, and is this its daemon.control?", path,
			 strerror(-r));
		json_decref(arguments);
		return ASK_E_NO_DAEMON;
	}
	send_request(fd, command, arguments);
	shutdown(fd, SHUT_WR);   /* a daemon that got no whole request closes instead of waiting for its rest */
	in = fdopen(fd, "r");
	answer = !in ? NULL : json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL);
	if (in)
		fclose(in);
	else
		close(fd);
	*result = json_incref(json_object_get(answer, "result"));
	error = json_string_value(json_object_get(answer, "error"));
	if (error)
		snprintf(reason, n_reason, "%s", error);
	else if (!*result)
		snprintf(reason, n_reason, "the daemon at %s did not answer", path);
	r = *result ? 0 : error ? ASK_E_REFUSED : ASK_E_BROKEN;
	json_decref(answer);
	return r;
}
