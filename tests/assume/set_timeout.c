/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What path/alive.h stands on: a rule whose condition is a set, and a renewal (net/nft_element.h) that leaves no
 * gap. */
#include "assume.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "loop/loop.h"
#include "net/nft_element.h"

#define TIMEOUT_MS 400
#define RENEWED_FOR_US (3 * TIMEOUT_MS * US_PER_MS)
#define N_BETWEEN_RENEWALS 20000

/* What a rule drops on its way out, send() refuses: so each datagram tells at once whether the rule held. */
static const char rules[] =
	"table inet assume {\n"
	"	set alive { type inet_proto; flags timeout; elements = { udp timeout 400ms } }\n"
	"	chain c { type filter hook output priority 0; meta l4proto @alive drop; }\n"
	"}\n";

static const struct nft_set set = { NFPROTO_INET, "assume", "alive" };

struct look {
	struct nft_elements *elements;
	struct nft_key key;
	int fd;
};

static bool rule_holds(const struct look *look)
{
	ssize_t n;

	do {
		n = send(look->fd, "", 1, 0);
	} while (n < 0 && errno == ECONNREFUSED);   /* what came back for one that passed earlier: nobody listens
						     * there */
	return n < 0 && errno == EPERM;
}

static bool rule_has_ended(void *context)
{
	return !rule_holds(context);
}

static void renew(struct look *look, uint64_t timeout_ms)
{
	int r = nft_element_renew(look->elements, &set, &look->key, timeout_ms);

	assume_that(!r, "a renewal was refused: %s", r < 0 ? strerror(-r) : "no such set");
}

/* Longer than the element would live by itself. A machine that slept in between says nothing. */
static void expect_held_by_renewals(struct look *look)
{
	uint64_t begun_us = loop_clock_us();

	while (loop_clock_us() - begun_us < RENEWED_FOR_US) {
		uint64_t renewed_at_us = loop_clock_us();
		bool holds;

		renew(look, TIMEOUT_MS);
		holds = rule_holds(look);
		assume_that(holds || loop_clock_us() - renewed_at_us > TIMEOUT_MS * US_PER_MS / 2,
			    "an element that had just been renewed was away");
		poll(NULL, 0, 20);
	}
}

static void renew_for_ever(const struct look *look)
{
	struct nft_elements *own;

	if (nft_elements_open(&own))
		_exit(1);
	while (!nft_element_renew(own, &set, &look->key, ASSUME_LIMIT_MS))
		;
	_exit(1);
}

/* Somebody else renews all the time, and every datagram meets the rule. */
static void expect_no_gap(struct look *look)
{
	size_t n_passed = 0;
	pid_t pid;

	renew(look, ASSUME_LIMIT_MS);
	pid = fork();
	if (pid < 0)
		assume_not_looked_at("fork: %s", strerror(errno));
	if (!pid)
		renew_for_ever(look);
	for (size_t i = 0; i < N_BETWEEN_RENEWALS; i++)
		n_passed += !rule_holds(look);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assume_that(!n_passed, "%zu of %d datagrams passed between a renewal's deletion and addition", n_passed,
		    N_BETWEEN_RENEWALS);
}

int main(void)
{
	struct look look = { .fd = -1 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(ASSUME_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t protocol = IPPROTO_UDP;

	assume_begin("a rule on a set holds while its element is renewed, without a gap, and ends by itself when it "
		     "isn't",
		     "hosts are cut off while the daemon stands still, or pass now and then");
	assume_nft(rules);
	nft_key_add(&look.key, &protocol, sizeof(protocol));
	look.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (look.fd < 0 || connect(look.fd, (struct sockaddr *)&to, sizeof(to)) || nft_elements_open(&look.elements))
		assume_not_looked_at("no socket: %s", strerror(errno));
	expect_held_by_renewals(&look);
	assume_that(assume_wait(rule_has_ended, &look), "the element did not end");
	expect_no_gap(&look);
	renew(&look, TIMEOUT_MS);
	assume_that(assume_wait(rule_has_ended, &look), "the element did not end after a renewal with a shorter time");
	nft_elements_closep(&look.elements);
	return assume_holds();
}
