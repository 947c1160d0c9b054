/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What no pure layer may do: tools/check-pure has to find each. Never run. */
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#if IMPURE == 0
ssize_t impure(void *bytes, size_t n);
ssize_t impure(void *bytes, size_t n) { return recv(0, bytes, n, 0); }
#elif IMPURE == 1
ssize_t impure(void *bytes, size_t n);
ssize_t impure(void *bytes, size_t n) { return clock_gettime(CLOCK_MONOTONIC, bytes); }
#elif IMPURE == 2
ssize_t impure(void *bytes, size_t n);
ssize_t impure(void *bytes, size_t n) { return printf("%p %zu", bytes, n); }
#else
ssize_t impure(void *bytes, size_t n);
ssize_t impure(void *bytes, size_t n) { return fprintf(stderr, "%p %zu", bytes, n); }
#endif
