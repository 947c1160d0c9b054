/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/legs_shown.h"

#include "net/socket.h"

/* Takes the description. */
static void note(json_t **by_end, const struct address *end, json_t *description)
{
	char key[ADDRESS_TEXT_BYTES];

	if (!*by_end)
		*by_end = json_object();
	json_object_set_new(*by_end, address_format(end, key), description);
}

void legs_shown_session(struct legs_shown *shown, const struct session_view *session, json_t *description)
{
	struct address end;

	if (session->in_pieces && !net_local_address(session_multipath_fd(session), &end))
		note(&shown->sessions, &end, json_incref(description));
}

void legs_shown_legs(struct legs_shown *shown, const struct stripes_legs *legs, json_t *description)
{
	note(&shown->legs, &legs->end, description);
}

static json_t *find_legs(void *const *parts, size_t n_parts, const char *end)
{
	json_t *legs = NULL;

	for (size_t i = 0; i < n_parts && !legs; i++)
		legs = json_object_get(((const struct legs_shown *)parts[i])->legs, end);
	return legs;
}

void legs_shown_join(void *const *parts, size_t n_parts, void (*put)(json_t *session, json_t *legs))
{
	for (size_t i = 0; i < n_parts; i++) {
		json_t *session, *legs;
		const char *end;

		json_object_foreach(((const struct legs_shown *)parts[i])->sessions, end, session)
			if ((legs = find_legs(parts, n_parts, end)))
				put(session, legs);
	}
	for (size_t i = 0; i < n_parts; i++) {
		struct legs_shown *shown = parts[i];

		json_decref(shown->sessions);
		json_decref(shown->legs);
		*shown = (struct legs_shown){ 0 };
	}
}
