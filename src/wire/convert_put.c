/* SPDX-License-Identifier: MIT */
#include "wire/convert.h"

#define WORD_BYTES 4
#define WORDS_MOST 255

struct convert_writer convert_begin(void *room, size_t n_room_bytes)
{
	size_t n = n_room_bytes < CONVERT_MESSAGE_BYTES ? n_room_bytes : CONVERT_MESSAGE_BYTES;
	struct convert_writer w = { .out = cursor_into(room, n), .start = room };

	cursor_put_u8(&w.out, CONVERT_VERSION);
	cursor_put_u8(&w.out, 0);   /* convert_end() knows */
	cursor_put_u16be(&w.out, CONVERT_MAGIC);
	return w;
}

/* Type and length for a value of n_value bytes. Returns how many zeros the value needs behind it. */
static size_t put_head(struct convert_writer *w, uint8_t type, size_t n_value)
{
	size_t n_words = (CONVERT_TLV_HEAD_BYTES + n_value + WORD_BYTES - 1) / WORD_BYTES;

	if (n_words > WORDS_MOST)
		w->out.failed = true;
	cursor_put_u8(&w->out, type);
	cursor_put_u8(&w->out, (uint8_t)n_words);
	return n_words * WORD_BYTES - CONVERT_TLV_HEAD_BYTES - n_value;
}

/* Two zero bytes, then the content: the shape of most of the TLVs. */
static void put_padded(struct convert_writer *w, uint8_t type, struct bytes content)
{
	size_t n_zeros = put_head(w, type, 2 + content.n);

	cursor_put_zeros(&w->out, 2);
	cursor_put_bytes(&w->out, content.at, content.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_info(struct convert_writer *w)
{
	put_padded(w, CONVERT_INFO, (struct bytes){ 0 });
}

void convert_put_connect(struct convert_writer *w, const struct convert_connect *connect)
{
	size_t n_zeros = put_head(w, CONVERT_CONNECT, 2 + sizeof(connect->remote.ip) + connect->options.n);

	cursor_put_u16be(&w->out, connect->remote.port);
	cursor_put_bytes(&w->out, connect->remote.ip, sizeof(connect->remote.ip));
	cursor_put_bytes(&w->out, connect->options.at, connect->options.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_extended(struct convert_writer *w, struct bytes options)
{
	put_padded(w, CONVERT_EXTENDED_TCP_HEADER, options);
}

void convert_put_supported(struct convert_writer *w, struct bytes kinds)
{
	put_padded(w, CONVERT_SUPPORTED_TCP_EXTENSIONS, kinds);
}

void convert_put_cookie(struct convert_writer *w, struct bytes cookie)
{
	put_padded(w, CONVERT_COOKIE, cookie);
}

uint8_t convert_instead_flags(uint8_t instead)
{
	unsigned int before = (instead < CONVERT_BRAID_INSTEAD_MOST ? instead : CONVERT_BRAID_INSTEAD_MOST) - 1u;

	return instead ? (uint8_t)(CONVERT_BRAID_INSTEAD | before << CONVERT_BRAID_INSTEAD_SHIFT) : 0;
}

void convert_put_dscp(struct convert_writer *w, uint8_t dscp, uint8_t flags)
{
	put_head(w, CONVERT_BRAID_DSCP, 2);
	cursor_put_u8(&w->out, dscp);
	cursor_put_u8(&w->out, flags);
}

void convert_put_watch(struct convert_writer *w, uint64_t watch, uint8_t knows)
{
	put_head(w, CONVERT_BRAID_WATCH, 2 + sizeof(watch));
	cursor_put_u8(&w->out, 0);
	cursor_put_u8(&w->out, knows);
	cursor_put_u64be(&w->out, watch);
}

void convert_put_nonce(struct convert_writer *w, const uint8_t nonce[CONVERT_NONCE_BYTES])
{
	put_padded(w, CONVERT_BRAID_NONCE, (struct bytes){ nonce, CONVERT_NONCE_BYTES });
}

void convert_put_source(struct convert_writer *w, const struct address *source)
{
	put_padded(w, CONVERT_BRAID_SOURCE, (struct bytes){ source->ip, sizeof(source->ip) });
}

void convert_put_claim(struct convert_writer *w, struct bytes claim)
{
	put_padded(w, CONVERT_BRAID_CLAIM, claim);
}

void convert_put_host(struct convert_writer *w, const struct address *host)
{
	put_head(w, CONVERT_BRAID_HOST, 2 + sizeof(host->ip));
	cursor_put_u16be(&w->out, host->port);
	cursor_put_bytes(&w->out, host->ip, sizeof(host->ip));
}

void convert_put_pcp(struct convert_writer *w, const struct convert_pcp *pcp)
{
	size_t n_zeros = put_head(w, CONVERT_BRAID_PCP,
				  pcp->message.n ? 2 + sizeof(pcp->host.ip) + 4 + pcp->message.n : 2);

	cursor_put_u16be(&w->out, pcp->id);
	if (!pcp->message.n)
		return;
	cursor_put_bytes(&w->out, pcp->host.ip, sizeof(pcp->host.ip));
	cursor_put_u16be(&w->out, (uint16_t)pcp->message.n);
	cursor_put_zeros(&w->out, 2);
	cursor_put_bytes(&w->out, pcp->message.at, pcp->message.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_limited(struct convert_writer *w, uint8_t limited)
{
	put_head(w, CONVERT_BRAID_LIMITED, 2);
	cursor_put_zeros(&w->out, 1);
	cursor_put_u8(&w->out, limited);
}

void convert_put_first(struct convert_writer *w, const struct convert_first *first)
{
	size_t n_zeros = put_head(w, CONVERT_BRAID_FIRST, 2 + first->bytes.n);

	cursor_put_u16be(&w->out, first->n);
	cursor_put_bytes(&w->out, first->bytes.at, first->bytes.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_leg(struct convert_writer *w, uint16_t leg, const uint8_t session[CONVERT_SESSION_BYTES])
{
	put_head(w, CONVERT_BRAID_LEG, 2 + CONVERT_SESSION_BYTES);
	cursor_put_u16be(&w->out, leg);
	cursor_put_bytes(&w->out, session, CONVERT_SESSION_BYTES);
}

void convert_put_proof(struct convert_writer *w, const uint8_t proof[CONVERT_PROOF_BYTES])
{
	put_padded(w, CONVERT_BRAID_PROOF, (struct bytes){ proof, CONVERT_PROOF_BYTES });
}

void convert_put_error(struct convert_writer *w, const struct convert_error *error)
{
	size_t n_zeros = put_head(w, CONVERT_ERROR, 1 + error->value.n);

	cursor_put_u8(&w->out, error->code);
	cursor_put_bytes(&w->out, error->value.at, error->value.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_error_echo(struct convert_writer *w, uint8_t code, struct bytes message)
{
	size_t n_most = w->out.n_left > WORD_BYTES ? (w->out.n_left - WORD_BYTES) / WORD_BYTES * WORD_BYTES : 0;
	size_t n_echo = message.n < n_most ? message.n : n_most;
	size_t n_zeros = put_head(w, CONVERT_ERROR, 2 + n_echo);

	cursor_put_u8(&w->out, code);
	cursor_put_u8(&w->out, 0);
	cursor_put_bytes(&w->out, message.at, n_echo);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_tlv(struct convert_writer *w, const struct convert_tlv *tlv)
{
	size_t n_zeros = put_head(w, tlv->type, tlv->value.n);

	cursor_put_bytes(&w->out, tlv->value.at, tlv->value.n);
	cursor_put_zeros(&w->out, n_zeros);
}

void convert_put_again(struct convert_writer *w, const struct convert_message *m, const struct convert_tlv *tlv)
{
	switch (tlv->type) {
	case CONVERT_INFO:
		convert_put_info(w);
		break;
	case CONVERT_CONNECT:
		convert_put_connect(w, &m->connect);
		break;
	case CONVERT_EXTENDED_TCP_HEADER:
		convert_put_extended(w, m->extended);
		break;
	case CONVERT_SUPPORTED_TCP_EXTENSIONS:
		convert_put_supported(w, m->supported);
		break;
	case CONVERT_COOKIE:
		convert_put_cookie(w, m->cookie);
		break;
	case CONVERT_ERROR:
		convert_put_error(w, &m->error);
		break;
	case CONVERT_BRAID_DSCP:
		convert_put_dscp(w, m->dscp,
				 (uint8_t)(m->plain * CONVERT_BRAID_PLAIN | m->raced * CONVERT_BRAID_RACED |
					   convert_instead_flags(m->instead)));
		break;
	case CONVERT_BRAID_WATCH:
		convert_put_watch(w, m->watch, m->knows);
		break;
	case CONVERT_BRAID_NONCE:
		convert_put_nonce(w, m->nonce.at);
		break;
	case CONVERT_BRAID_SOURCE:
		convert_put_source(w, &m->source);
		break;
	case CONVERT_BRAID_CLAIM:
		convert_put_claim(w, m->claim);
		break;
	case CONVERT_BRAID_HOST:
		convert_put_host(w, &m->host);
		break;
	case CONVERT_BRAID_PCP:
		convert_put_pcp(w, &m->pcp);
		break;
	case CONVERT_BRAID_LIMITED:
		convert_put_limited(w, m->limited);
		break;
	case CONVERT_BRAID_FIRST:
		convert_put_first(w, &m->first);
		break;
	case CONVERT_BRAID_LEG:
		convert_put_leg(w, m->leg, m->session.at);
		break;
	case CONVERT_BRAID_PROOF:
		convert_put_proof(w, m->proof.at);
		break;
	default:
		convert_put_tlv(w, tlv);
	}
}

size_t convert_end(struct convert_writer *w)
{
	if (cursor_out_failed(&w->out))
		return 0;
	w->start[1] = (uint8_t)(w->out.n_written / WORD_BYTES);
	return w->out.n_written;
}
