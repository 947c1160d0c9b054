/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "line.h"
#include <errno.h>
#include <stdlib.h>

int line_init(struct line *line, size_t n_most)
{
	*line = (struct line){ .packets = calloc(n_most, sizeof(*line->packets)), .n_most = n_most };
	return line->packets ? 0 : -ENOMEM;
}

void line_deinit(struct line *line)
{
	free(line->packets);
	*line = (struct line){ 0 };
}

struct line_packet *line_at(const struct line *line, size_t i)
{
	size_t at = line->first + i;

	return &line->packets[at < line->n_most ? at : at - line->n_most];
}

/* Puts the packet among the first n, which are in order; their successors' places are taken. */
static void line_insert(struct line *line, size_t n, const struct line_packet *packet)
{
	struct line_packet moved = *packet;   /* packet may lie in the ring */

	for (; n && line_at(line, n - 1)->departs_ns > moved.departs_ns; n--)
		*line_at(line, n) = *line_at(line, n - 1);
	*line_at(line, n) = moved;
}

void line_put(struct line *line, const struct line_packet *packet)
{
	line_insert(line, line->n, packet);
	line->n++;
}

void line_sort(struct line *line)
{
	for (size_t i = 1; i < line->n; i++)
		line_insert(line, i, line_at(line, i));
}

struct line_packet line_take(struct line *line)
{
	struct line_packet packet = *line_at(line, 0);

	line->first = line->first + 1 < line->n_most ? line->first + 1 : 0;
	line->n--;
	return packet;
}
