/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"

static void context_freep(struct nft_ctx **nft)
{
	if (*nft)
		nft_ctx_free(*nft);
}

int nft_run(const char *script, char *reason, size_t n_reason)
{
	_cleanup_(context_freep) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *complaint;

	if (!nft)
		return -ENOMEM;
	if (nft_ctx_buffer_error(nft) || nft_ctx_buffer_output(nft))   /* else it writes to our stderr */
		return -ENOMEM;
	if (!nft_run_cmd_from_buffer(nft, script))
		return 0;
	complaint = nft_ctx_get_error_buffer(nft);
	snprintf(reason, n_reason, "%.*s", (int)strcspn(complaint, "\n"), complaint);
	return NFT_E_REFUSED;
}
