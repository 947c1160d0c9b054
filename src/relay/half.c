/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/half.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/mptcp_info.h"
#include "net/socket.h"

#define FIRST_READS_BYTES (64u << 10)   /* no more is sent at once before the send buffer is bound; whoever brings as
					 * much is bulk */

struct residue {
	size_t at, n_bytes;     /* bytes[at] .. bytes[n_bytes - 1] wait */
	uint8_t bytes[];
};

static int residue_keep(struct half *half, struct half_tools *tools, const uint8_t *bytes, size_t n_bytes)
{
	struct residue *residue = malloc(sizeof(*residue) + n_bytes);

	if (!residue)
		return -ENOMEM;
	residue->at = 0;
	residue->n_bytes = n_bytes;
	memcpy(residue->bytes, bytes, n_bytes);
	tools->n_held_bytes += n_bytes;
	half->residue = residue;
	return 0;
}

static void residue_drop(struct half *half, struct half_tools *tools)
{
	if (!half->residue)
		return;
	tools->n_held_bytes -= half->residue->n_bytes;
	free(half->residue);
	half->residue = NULL;
}

int half_prepend(struct half *half, struct half_tools *tools, const void *bytes, size_t n_bytes)
{
	return n_bytes ? residue_keep(half, tools, bytes, n_bytes) : 0;
}

int half_append(struct half *half, struct half_tools *tools, const void *bytes, size_t n_bytes)
{
	struct residue *longer;

	if (!half->residue)
		return half_prepend(half, tools, bytes, n_bytes);
	longer = realloc(half->residue, sizeof(*longer) + half->residue->n_bytes + n_bytes);
	if (!longer)
		return -ENOMEM;
	memcpy(longer->bytes + longer->n_bytes, bytes, n_bytes);
	longer->n_bytes += n_bytes;
	tools->n_held_bytes += n_bytes;
	half->residue = longer;
	return 0;
}

void half_keep(struct half *half)
{
	half->keeps = true;
}

void half_keep_no_more(struct half *half, struct half_tools *tools)
{
	half->keeps = false;
	if (half->residue && half->residue->at == half->residue->n_bytes)
		residue_drop(half, tools);
}

bool half_kept(const struct half *half, struct bytes *out)
{
	*out = half->residue ? (struct bytes){ half->residue->bytes, half->residue->n_bytes } : (struct bytes){ 0 };
	return half->keeps;
}

void half_say_again(struct half *half)
{
	if (half->residue)
		half->residue->at = 0;
	half->n_bytes = 0;
	half->done = false;
}

/* False: it would be too much, or there is no memory for it. */
static bool keep(struct half *half, struct half_tools *tools, const uint8_t *bytes, size_t n_bytes)
{
	size_t n_before = half->residue ? half->residue->n_bytes : 0;

	if (n_before + n_bytes < HALF_KEPT_MOST_BYTES && !half_append(half, tools, bytes, n_bytes))
		return true;
	half_keep_no_more(half, tools);
	return false;
}

size_t half_waiting_bytes(const struct half *half)
{
	return half->n_piped_bytes + (half->residue ? half->residue->n_bytes - half->residue->at : 0);
}

static void pipe_give_back(struct half *half, struct half_tools *tools)
{
	if (!half->pipe)
		return;
	if (half->n_piped_bytes)
		pipes_discard(&tools->pipes, half->pipe);
	else
		pipes_return(&tools->pipes, half->pipe);
	half->pipe = NULL;
	tools->n_held_bytes -= half->n_piped_bytes;
	half->n_piped_bytes = 0;
}

void half_free(struct half *half, struct half_tools *tools)
{
	residue_drop(half, tools);
	pipe_give_back(half, tools);
}

void half_rest(struct half *half, struct half_tools *tools)
{
	if (!half->n_piped_bytes)
		pipe_give_back(half, tools);
}

void half_leave(struct half *half, struct half_tools *tools)
{
	half_rest(half, tools);
	if (half->residue)
		tools->n_held_bytes -= half->residue->n_bytes;
}

void half_arrive(struct half *half, struct half_tools *tools)
{
	if (half->residue)
		tools->n_held_bytes += half->residue->n_bytes;
}

/* What a failed read or write means to the half: waiting, or the end of the connection. */
static int side_failed(int error, bool *ready, int status)
{
	if (error != NET_E_AGAIN && error != NET_E_DESCRIPTORS)   /* short of buffers: the relay's timer tries again */
		return error < 0 ? error : -ECONNRESET;
	*ready = false;
	return status;
}

/* Short of buffers for what src has already, no event will come: it waits as one that waits to write, whom the
 * relay's timer looks after. */
static int read_failed(struct half *half, int error)
{
	return error == NET_E_DESCRIPTORS ? HALF_WANT_WRITE : side_failed(error, &half->readable, HALF_WANT_READ);
}

size_t half_credit_bytes(const struct half *half)
{
	return half->steadied ? credit_left_bytes(&half->credit, half->n_bytes) : SIZE_MAX;
}

static bool may_write(const struct half *half)
{
	return half->writable && half_credit_bytes(half);
}

/* Sends as much as dst takes. *n_sent tells; 0 when all went, HALF_WANT_WRITE, or a negative errno. */
static int send_some(struct half *half, const uint8_t *bytes, size_t n_bytes, size_t *n_sent)
{
	int error = 0;

	for (*n_sent = 0; *n_sent < n_bytes;) {
		size_t n_wanted = size_min(n_bytes - *n_sent, half_credit_bytes(half));
		ssize_t n;

		if (!may_write(half))
			return HALF_WANT_WRITE;
		n = net_send(half->dst_fd, bytes + *n_sent, n_wanted, &error);
		if (n < 0)
			return side_failed(error, &half->writable, HALF_WANT_WRITE);
		*n_sent += (size_t)n;
		half->n_bytes += (size_t)n;
	}
	return 0;
}

static int flush_residue(struct half *half, struct half_tools *tools)
{
	struct residue *residue = half->residue;
	size_t n_sent;
	int r = send_some(half, residue->bytes + residue->at, residue->n_bytes - residue->at, &n_sent);

	residue->at += n_sent;
	if (!r && !half->keeps)
		residue_drop(half, tools);
	return r;
}

static void piped_gone(struct half *half, struct half_tools *tools, size_t n_bytes)
{
	half->n_piped_bytes -= (uint32_t)n_bytes;
	tools->n_held_bytes -= n_bytes;
	half->n_bytes += n_bytes;
}

static int flush_pipe(struct half *half, struct half_tools *tools)
{
	while (half->n_piped_bytes) {
		ssize_t n;

		if (!may_write(half))
			return HALF_WANT_WRITE;
		n = splice(half->pipe->read_fd, NULL, half->dst_fd, NULL,
			   size_min(half->n_piped_bytes, half_credit_bytes(half)), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0)
			return side_failed(net_error(errno), &half->writable, HALF_WANT_WRITE);
		if (!n)
			return -EIO;
		piped_gone(half, tools, (size_t)n);
	}
	return 0;
}

/* Everything that was read before goes first. 0 when nothing waits any more. */
static int flush(struct half *half, struct half_tools *tools)
{
	int r = half->residue ? flush_residue(half, tools) : 0;

	return r ? r : flush_pipe(half, tools);
}

int half_push(struct half *half, struct half_tools *tools, size_t n_bytes)
{
	struct residue *residue = half->residue;
	ssize_t n = 0;

	if (residue)
		n = send(half->dst_fd, residue->bytes + residue->at, size_min(n_bytes, residue->n_bytes - residue->at),
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (half->n_piped_bytes)
		n = splice(half->pipe->read_fd, NULL, half->dst_fd, NULL, size_min(n_bytes, half->n_piped_bytes),
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n < 0)
		return net_error(errno) == NET_E_AGAIN || net_error(errno) == NET_E_DESCRIPTORS ? 0 : -ECONNRESET;
	if (residue) {
		residue->at += (size_t)n;   /* an empty one goes with the next flush */
		half->n_bytes += (size_t)n;
	} else {
		piped_gone(half, tools, (size_t)n);
	}
	return 0;
}

static int fill_pipe(struct half *half, struct half_tools *tools, size_t n_most)
{
	ssize_t n = splice(half->src_fd, NULL, half->pipe->write_fd, NULL, size_min(n_most, half->pipe->n_room_bytes),
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	int error = n < 0 ? net_error(errno) : 0;

	/* Before urgent data splice stops for good, as it does at an end: reading tells which it is. */
	if (!n || (error == NET_E_AGAIN && half->more_follows)) {
		pipe_give_back(half, tools);
		return 0;
	}
	if (error)
		return read_failed(half, error);
	half->n_piped_bytes += (uint32_t)n;
	tools->n_held_bytes += (size_t)n;
	return 0;
}

/* A middlebox that alters what goes by has mostly done so when the first bytes come, and Linux has gone on as plain
 * TCP then, at this end alone (doc/assumptions.md). */
static bool is_broken(struct half *half)
{
	bool was_whole = half->course == HALF_COURSE_WHOLE, plain;

	if (!was_whole && half->course != HALF_COURSE_SHOWN_BY_BYTES)
		return false;
	plain = mptcp_info_fell_back(half->src_fd);
	half->course = !plain ? HALF_COURSE_LOOKED : was_whole ? HALF_COURSE_BROKEN : HALF_COURSE_UNKNOWN;
	return half->course == HALF_COURSE_BROKEN;
}

static int pass_scratch(struct half *half, struct half_tools *tools, size_t n_most)
{
	int error = 0, r;
	size_t n_wanted = size_min(size_min(n_most, tools->n_scratch_bytes),
				   half->bulk && !half->keeps ? SIZE_MAX : FIRST_READS_BYTES), n_sent, n_skip;
	ssize_t n = net_receive(half->src_fd, tools->scratch, n_wanted, &error);

	if (n < 0)
		return read_failed(half, error);
	if (n ? is_broken(half) : half->ends_multipath && mptcp_info_fell_back(half->src_fd))
		return -ECONNRESET;
	half->ended = !n;
	half->readable = half->more_follows || (size_t)n == n_wanted;
	n_skip = size_min(half->n_skip_bytes, (size_t)n);
	half->n_skip_bytes -= (uint32_t)n_skip;
	if (half->keeps && keep(half, tools, tools->scratch + n_skip, (size_t)n - n_skip)) {
		half->bulk |= (size_t)n >= size_min(tools->n_scratch_bytes, FIRST_READS_BYTES);
		return 0;   /* it goes with the next flush */
	}
	r = send_some(half, tools->scratch + n_skip, (size_t)n - n_skip, &n_sent);
	if (r == HALF_WANT_WRITE)
		return residue_keep(half, tools, tools->scratch + n_skip + n_sent, (size_t)n - n_skip - n_sent);
	if (r || half->n_skip_bytes || (size_t)n < size_min(tools->n_scratch_bytes, FIRST_READS_BYTES))
		return r;
	half->bulk = true;
	if (!half->src_multipath)
		pipes_lend(&tools->pipes, &half->pipe);   /* where no pipe is left, the scratch buffer does it too */
	return 0;
}

static int pass_end(struct half *half, struct half_tools *tools)
{
	pipe_give_back(half, tools);
	if (!half->last && shutdown(half->dst_fd, SHUT_WR))
		return -ECONNRESET;   /* dst is gone already */
	half->done = true;
	return HALF_DONE;
}

int half_step(struct half *half, struct half_tools *tools, size_t budget_bytes)
{
	uint64_t until = half->n_bytes + budget_bytes;
	size_t n_most;
	int r;

	if (half->done)
		return HALF_DONE;
	for (;;) {
		r = flush(half, tools);
		if (r)
			return r;
		if ((half->ended && half->cut) || half->course == HALF_COURSE_BROKEN)
			return -ECONNRESET;
		if (half->ended)
			return half->end_waits ? HALF_END_WAITS : pass_end(half, tools);
		if (!half->readable)
			break;
		if (half->n_bytes >= until)
			return HALF_AGAIN;
		n_most = size_min((size_t)(until - half->n_bytes), half_credit_bytes(half));
		if (!n_most)
			return HALF_WANT_WRITE;
		r = half->pipe ? fill_pipe(half, tools, n_most) : pass_scratch(half, tools, n_most);
		if (r < 0 || r == HALF_WANT_WRITE)
			return r;
		if (half->bulk && half->steadied && !half->steady.begun)
			return HALF_AGAIN;   /* bulk begins: the relay has to bind the send buffer first */
	}
	pipe_give_back(half, tools);
	return HALF_WANT_READ;
}
