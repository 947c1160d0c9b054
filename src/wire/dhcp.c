/* SPDX-License-Identifier: MIT */
#include "wire/dhcp.h"

#include "base/cursor.h"

#define V4_BYTES 4
#define MAPPED_BYTES 12   /* in front of them, in the mapped form */

static void add(struct dhcp_converters *out, uint8_t converter, const struct address *address)
{
	if (out->n == DHCP_ADDRESSES) {
		out->n_left_out++;
		return;
	}
	out->at[out->n].converter = converter;
	out->at[out->n++].address = *address;
}

static struct address get_v4(struct cursor *c)
{
	struct address address = { .ip = { [10] = 0xff, [11] = 0xff } };

	cursor_get_bytes(c, address.ip + MAPPED_BYTES, V4_BYTES);
	return address;
}

int dhcp_v4_get(struct dhcp_converters *out, const void *value, size_t n_bytes)
{
	struct cursor c = cursor_of(value, n_bytes);

	*out = (struct dhcp_converters){ 0 };
	for (uint8_t converter = 0; c.n_left && !cursor_failed(&c); converter++) {
		uint8_t n_list = cursor_get_u8(&c);
		struct cursor list = cursor_sub(&c, n_list);

		if (!n_list || n_list % V4_BYTES || cursor_failed(&c))
			return DHCP_E_MALFORMED;
		while (list.n_left) {
			struct address address = get_v4(&list);

			add(out, converter, &address);
		}
	}
	return out->n ? 0 : DHCP_E_MALFORMED;
}

int dhcp_v6_get(struct dhcp_converters *out, const void *value, size_t n_bytes)
{
	struct cursor c = cursor_of(value, n_bytes);

	*out = (struct dhcp_converters){ 0 };
	if (!n_bytes || n_bytes % sizeof(out->at[0].address.ip))
		return DHCP_E_MALFORMED;
	while (c.n_left) {
		struct address address = { .port = 0 };

		cursor_get_bytes(&c, address.ip, sizeof(address.ip));
		add(out, 0, &address);
	}
	return 0;
}
