/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include "base/util.h"

struct nft {
	struct nft_ctx *context;
};

/* Whether the next descriptor that is opened has a number that select() can take. */
static bool is_select_able(void)
{
	_cleanup_(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fd < FD_SETSIZE;
}

int nft_open(struct nft **out)
{
	_cleanup_(nft_closep) struct nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		return -ENOMEM;
	if (!is_select_able())
		return -EMFILE;
	nft->context = nft_ctx_new(NFT_CTX_DEFAULT);
	/* else it writes to our stderr */
	if (!nft->context || nft_ctx_buffer_error(nft->context) || nft_ctx_buffer_output(nft->context))
		return -ENOMEM;
	*out = nft;
	nft = NULL;
	return 0;
}

void nft_closep(struct nft **nft)
{
	if (*nft && (*nft)->context)
		nft_ctx_free((*nft)->context);
	free(*nft);
	*nft = NULL;
}

int nft_run(struct nft *nft, const char *script, char *reason, size_t n_reason)
{
	int r = nft_run_cmd_from_buffer(nft->context, script);
	const char *complaint = nft_ctx_get_error_buffer(nft->context);

	nft_ctx_get_output_buffer(nft->context);   /* takes it, so that the next one's begins anew */
	if (!r)
		return 0;
	snprintf(reason, n_reason, "%.*s", (int)strcspn(complaint, "\n"), complaint);
	return NFT_E_REFUSED;
}

int nft_put_table(struct nft *nft, const char *table, const char *script, char *reason, size_t n_reason)
{
	char words[128] = "";
	int r = nft_run(nft, script, words, sizeof(words));

	if (r)
		snprintf(reason, n_reason, "cannot put the nft table %s in place: %s", table,
			 r == NFT_E_REFUSED ? words : strerror(-r));
	return r == NFT_E_REFUSED ? -EOPNOTSUPP : r;
}
