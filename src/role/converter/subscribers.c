/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/converter/subscribers_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "role/quota_kept.h"

#define BYTES_PER_S_OF_MBIT 125000ull
#define RETRY_MOST_S 255u             /* RFC 8803, 6.2.8 */
#define LIMITS_EVERY_US (80 * US_PER_MS)   /* relays tell of each session every 100 ms */
#define RETRY_SESSIONS_S 1            /* one of many ends soon */

int subscribers_new(unsigned int n_workers, struct subscribers **out)
{
	struct subscribers *subscribers = calloc(1, sizeof(*subscribers));

	if (!subscribers)
		return -ENOMEM;
	pthread_mutex_init(&subscribers->lock, NULL);
	subscribers->n_workers = n_workers;
	*out = subscribers;
	return 0;
}

void subscribers_freep(struct subscribers **out)
{
	struct subscribers *subscribers = *out;

	for (uint32_t i = 0; subscribers && i < subscribers->n; i++)
		free(subscribers->all[i]);
	if (subscribers)
		free(subscribers->all);
	free(subscribers);
	*out = NULL;
}

uint64_t subscriber_way_bytes(const struct subscribers *subscribers, const struct subscriber *subscriber,
			      enum relay_way way)
{
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < subscribers->n_workers; i++)
		n_bytes += counter_read(&subscriber->parts[i].account.n_bytes[way]);
	return n_bytes;
}

uint64_t subscriber_bytes(const struct subscribers *subscribers, const struct subscriber *subscriber)
{
	return subscriber_way_bytes(subscribers, subscriber, RELAY_UP) +
	       subscriber_way_bytes(subscribers, subscriber, RELAY_DOWN);
}

/* SUBSCRIBERS_NONE where memory is short. Without sessions yet. */
static uint32_t add(struct subscribers *subscribers, const char *name)
{
	struct subscriber *subscriber, **more = NULL;
	size_t n_bytes = sizeof(*subscriber) + subscribers->n_workers * sizeof(subscriber->parts[0]);
	struct quota_date date = quota_kept_today();

	subscriber = aligned_alloc(SUBSCRIBERS_LINE_BYTES, (n_bytes + SUBSCRIBERS_LINE_BYTES - 1) /
				   SUBSCRIBERS_LINE_BYTES * SUBSCRIBERS_LINE_BYTES);
	if (!subscriber)
		return SUBSCRIBERS_NONE;
	memset(subscriber, 0, n_bytes);
	strncpy(subscriber->figures.name, name, sizeof(subscriber->figures.name) - 1);
	quota_turn(&subscriber->figures.quota, &date, 0);
	for (unsigned int i = 0; i < subscribers->n_workers; i++)
		subscriber->parts[i].account.paces = subscriber->paces;
	pthread_mutex_lock(&subscribers->lock);
	more = reallocarray(subscribers->all, subscribers->n + 1, sizeof(struct subscriber *));
	if (more) {
		subscribers->all = more;
		more[subscribers->n++] = subscriber;
	}
	pthread_mutex_unlock(&subscribers->lock);
	if (!more)
		free(subscriber);
	return more ? subscribers->n : SUBSCRIBERS_NONE;
}

static int order_of_names(const void *a, const void *b)
{
	const struct name_number *one = a, *other = b;

	return strcmp(one->name, other->name);
}

struct name_number *subscribers_names(const struct subscribers *subscribers, size_t *n)
{
	struct name_number *names = calloc(subscribers->n + 1, sizeof(*names));

	*n = subscribers->n;
	for (uint32_t i = 0; names && i < subscribers->n; i++)
		names[i] = (struct name_number){ subscribers->all[i]->figures.name, i + 1 };
	if (names)
		qsort(names, *n, sizeof(*names), order_of_names);
	return names;
}

uint32_t subscribers_find(const struct name_number *names, size_t n, const char *name)
{
	struct name_number wanted = { .name = name };
	const struct name_number *found = bsearch(&wanted, names, n, sizeof(*names), order_of_names);

	return found ? found->number : SUBSCRIBERS_NONE;
}

uint32_t subscribers_find_or_add(struct subscribers *subscribers, const struct name_number *names, size_t n,
				 const char *name)
{
	uint32_t found = subscribers_find(names, n, name);

	return found == SUBSCRIBERS_NONE ? add(subscribers, name) : found;
}

static struct limits limits_of(const struct conf_subscriber *conf)
{
	return (struct limits){
		.max_sessions = conf->max_sessions, .rate_mbit = conf->rate_mbit, .max_mappings = conf->max_mappings,
		.new_sessions = { .per_s = conf->max_new_per_s, .burst = conf->max_new_burst },
		.volume_bytes = { [QUOTA_DAY] = conf->volume_mb_per_day * BYTES_OF_MB,
				  [QUOTA_MONTH] = conf->volume_mb_per_month * BYTES_OF_MB },
	};
}

/* A bucket is in time: what was taken at another rate would take as long at the new one. */
static void set_pace(struct relay_pace *pace, uint64_t per_s)
{
	if (__atomic_exchange_n(&pace->per_s, per_s, __ATOMIC_RELAXED) != per_s)
		__atomic_store_n(&pace->full_at_ns, 0, __ATOMIC_RELAXED);
}

static struct address source_toward(const struct conf_subscriber *subscriber, const struct conf_converter *conf,
				    bool v4)
{
	const struct source_pool pool = { conf->pool, conf->n_pool };
	struct address to = { 0 };
	struct source_choice choice;

	if (v4)
		to = address_from_v4(0, 0);
	return source_address_choose(&subscriber->source, subscriber->name, &pool, &to, &to, &choice) ?
	       (struct address){ 0 } : choice.address;
}

static void set_limits(struct subscriber *subscriber, const struct conf_subscriber *conf,
		       const struct conf_converter *converter)
{
	struct figures *figures = &subscriber->figures;

	if (figures->limits.new_sessions.per_s != conf->max_new_per_s ||
	    figures->limits.new_sessions.burst != conf->max_new_burst)
		figures->new_full_at_ns = 0;
	figures->limits = limits_of(conf);
	figures->seen_as = (struct seen_as){ conf->source, source_toward(conf, converter, true),
					     source_toward(conf, converter, false) };
	figures->configured = true;
	for (unsigned int way = 0; way < RELAY_N_WAYS; way++)
		set_pace(&subscriber->paces[way], conf->rate_mbit * BYTES_PER_S_OF_MBIT);
}

void subscribers_apply(struct subscribers *subscribers, const struct conf *conf, const struct roster *roster)
{
	pthread_mutex_lock(&subscribers->lock);
	for (uint32_t i = 0; i < subscribers->n; i++)
		subscribers->all[i]->figures.configured = false;
	for (size_t i = 0; i < roster->n; i++)
		set_limits(subscribers->all[roster->numbers[i] - 1], &conf->subscribers[i], &conf->converter);
	pthread_mutex_unlock(&subscribers->lock);
}

/* The lock is held, here and in what follows. */
static bool volume_is_over(const struct subscribers *subscribers, struct subscriber *subscriber)
{
	struct figures *figures = &subscriber->figures;
	struct quota_date date;
	uint64_t total;

	if (!figures->limits.volume_bytes[QUOTA_DAY] && !figures->limits.volume_bytes[QUOTA_MONTH])
		return false;
	date = quota_kept_today();
	total = subscriber_bytes(subscribers, subscriber);
	quota_turn(&figures->quota, &date, total);
	return quota_is_over(&figures->quota, figures->limits.volume_bytes, total);
}

/* But for the number of new ones a second. */
static enum subscribers_verdict look(const struct subscribers *subscribers, struct subscriber *subscriber,
				     uint8_t *retry_after_s)
{
	if (volume_is_over(subscribers, subscriber)) {
		*retry_after_s = RETRY_MOST_S;
		return SUBSCRIBERS_OVER_VOLUME;
	}
	*retry_after_s = RETRY_SESSIONS_S;
	return subscriber->figures.n_sessions < subscriber->figures.limits.max_sessions ? SUBSCRIBERS_MAY :
	       SUBSCRIBERS_OVER_SESSIONS;
}

static enum subscribers_verdict take_new(struct figures *figures, uint64_t now_us, uint8_t *retry_after_s)
{
	const struct bucket_limit *limit = &figures->limits.new_sessions;
	uint64_t wait_s;

	if (!limit->per_s)
		return SUBSCRIBERS_MAY;
	if (bucket_level(figures->new_full_at_ns, limit, now_us)) {
		figures->new_full_at_ns = bucket_take(figures->new_full_at_ns, limit, now_us, 1);
		return SUBSCRIBERS_MAY;
	}
	wait_s = (bucket_ready_at_us(figures->new_full_at_ns, limit, now_us, 1) - now_us + US_PER_S - 1) / US_PER_S;
	*retry_after_s = (uint8_t)(wait_s < 1 ? 1 : wait_s < RETRY_MOST_S ? wait_s : RETRY_MOST_S);
	return SUBSCRIBERS_OVER_NEW;
}

enum subscribers_verdict subscribers_enter(struct subscribers *subscribers, uint32_t number, uint64_t now_us,
					   uint8_t *retry_after_s)
{
	enum subscribers_verdict verdict;
	struct subscriber *subscriber;

	pthread_mutex_lock(&subscribers->lock);
	subscriber = subscribers->all[number - 1];
	verdict = look(subscribers, subscriber, retry_after_s);
	if (verdict == SUBSCRIBERS_MAY)
		verdict = take_new(&subscriber->figures, now_us, retry_after_s);
	subscriber->figures.n_verdicts[verdict]++;
	subscriber->figures.n_sessions += verdict == SUBSCRIBERS_MAY;
	pthread_mutex_unlock(&subscribers->lock);
	return verdict;
}

enum subscribers_verdict subscribers_ask(struct subscribers *subscribers, uint32_t number, uint8_t *retry_after_s)
{
	enum subscribers_verdict verdict;

	pthread_mutex_lock(&subscribers->lock);
	verdict = look(subscribers, subscribers->all[number - 1], retry_after_s);
	pthread_mutex_unlock(&subscribers->lock);
	return verdict;
}

void subscribers_leave(struct subscribers *subscribers, uint32_t number)
{
	if (number == SUBSCRIBERS_NONE)
		return;
	pthread_mutex_lock(&subscribers->lock);
	subscribers->all[number - 1]->figures.n_sessions--;
	pthread_mutex_unlock(&subscribers->lock);
}

const char *subscribers_verdict_name(enum subscribers_verdict verdict)
{
	static const char *const names[] = { "nothing", "max_sessions", "max_new_per_s",
					     "volume_mb_per_day or volume_mb_per_month" };

	static_assert(ARRAY_SIZE(names) == SUBSCRIBERS_N_VERDICTS, "name every verdict");
	return names[verdict];
}

struct relay_account *subscribers_account(struct subscribers *subscribers, uint32_t number, unsigned int worker)
{
	struct relay_account *account;

	if (number == SUBSCRIBERS_NONE)
		return NULL;
	pthread_mutex_lock(&subscribers->lock);
	account = &subscribers->all[number - 1]->parts[worker].account;
	pthread_mutex_unlock(&subscribers->lock);
	return account;
}

size_t subscribers_watches(struct subscribers *subscribers, uint32_t number, uint64_t out[SUBSCRIBERS_WATCHES])
{
	struct subscriber *subscriber;
	size_t n;

	pthread_mutex_lock(&subscribers->lock);
	subscriber = subscribers->all[number - 1];
	n = subscriber->n_watches;
	memcpy(out, subscriber->watches, n * sizeof(out[0]));
	pthread_mutex_unlock(&subscribers->lock);
	return n;
}

void subscribers_add_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch)
{
	struct subscriber *subscriber;

	pthread_mutex_lock(&subscribers->lock);
	subscriber = subscribers->all[number - 1];
	subscriber->n_watches = size_min(subscriber->n_watches + 1, SUBSCRIBERS_WATCHES);
	memmove(&subscriber->watches[1], &subscriber->watches[0], (subscriber->n_watches - 1) * sizeof(watch));
	subscriber->watches[0] = watch;
	pthread_mutex_unlock(&subscribers->lock);
}

uint64_t subscribers_limits_watch(struct subscribers *subscribers, uint32_t number, bool spoilt, uint64_t now_us)
{
	struct subscriber *subscriber;
	uint64_t watch = 0;

	pthread_mutex_lock(&subscribers->lock);
	subscriber = subscribers->all[number - 1];
	if (now_us >= subscriber->limits_told_us[spoilt] + LIMITS_EVERY_US) {
		watch = subscriber->limits_watch;
		subscriber->limits_told_us[spoilt] = now_us;
	}
	pthread_mutex_unlock(&subscribers->lock);
	return watch;
}

void subscribers_set_limits_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch)
{
	pthread_mutex_lock(&subscribers->lock);
	subscribers->all[number - 1]->limits_watch = watch;
	pthread_mutex_unlock(&subscribers->lock);
}

void subscribers_drop_watch(struct subscribers *subscribers, uint32_t number, uint64_t watch)
{
	struct subscriber *subscriber;
	size_t n = 0;

	pthread_mutex_lock(&subscribers->lock);
	subscriber = subscribers->all[number - 1];
	for (size_t i = 0; i < subscriber->n_watches; i++)
		if (subscriber->watches[i] != watch)
			subscriber->watches[n++] = subscriber->watches[i];
	subscriber->n_watches = n;
	if (subscriber->limits_watch == watch)
		subscriber->limits_watch = 0;
	pthread_mutex_unlock(&subscribers->lock);
}
