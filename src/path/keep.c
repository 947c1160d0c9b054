/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/error.h"
#include "base/util.h"

#define FILE_BYTES (KEEP_MOST * (KEEP_NAME_BYTES + 2 * SYSCTL_VALUE_BYTES) + 128)

static bool is_limit(const char *name)
{
	return !strncmp(name, "mptcp_pm/", 9);
}

static int limit_read(const struct keep *keep, const char *name, char *out)
{
	struct mptcp_pm_limits limits;
	int r = mptcp_pm_get_limits(keep->pm, &limits);

	if (r)
		return r;
	snprintf(out, SYSCTL_VALUE_BYTES, "%u",
		 strcmp(name, KEEP_LIMIT_SUBFLOWS) ? limits.add_addr_accepted : limits.subflows);
	return 0;
}

static int limit_write(const struct keep *keep, const char *name, const char *value)
{
	unsigned int number = (unsigned int)strtoul(value, NULL, 10);
	struct mptcp_pm_limits limits;
	int r = mptcp_pm_get_limits(keep->pm, &limits);

	if (r)
		return r;
	*(strcmp(name, KEEP_LIMIT_SUBFLOWS) ? &limits.add_addr_accepted : &limits.subflows) = number;
	return error_fold(mptcp_pm_set_limits(keep->pm, &limits));
}

int keep_read(const struct keep *keep, const char *name, char out[SYSCTL_VALUE_BYTES])
{
	return is_limit(name) ? limit_read(keep, name, out) : sysctl_read(name, out);
}

static int write_now(const struct keep *keep, const char *name, const char *value)
{
	return is_limit(name) ? limit_write(keep, name, value) : sysctl_write(name, value);
}

/* The first line of the file: values of another network namespace, or from before the last boot, mean nothing here. */
static void identity(char *out, size_t n_out)
{
	char boot[SYSCTL_VALUE_BYTES] = "";
	struct stat st = { 0 };

	sysctl_read("kernel/random/boot_id", boot);
	if (stat("/proc/self/ns/net", &st))
		st.st_ino = 0;
	snprintf(out, n_out, "braid settings of netns %llu boot %s", (unsigned long long)st.st_ino, boot);
}

static bool line_get(char *line, struct keep_setting *out)
{
	char *old = strchr(line, '\t'), *ours = old ? strchr(old + 1, '\t') : NULL;

	if (!ours || strlen(line) >= sizeof(out->name) + sizeof(out->old))
		return false;
	*old++ = *ours++ = '\0';
	if ((strncmp(line, "net/", 4) && !is_limit(line)) || strlen(line) >= sizeof(out->name) ||
	    strlen(old) >= sizeof(out->old) || strlen(ours) >= sizeof(out->ours))
		return false;
	snprintf(out->name, sizeof(out->name), "%s", line);
	snprintf(out->old, sizeof(out->old), "%s", old);
	snprintf(out->ours, sizeof(out->ours), "%s", ours);
	return true;
}

static void load(struct keep *keep, char *text)
{
	char first[160], *line, *rest = text;

	identity(first, sizeof(first));
	line = strsep(&rest, "\n");
	if (!line || strcmp(line, first))
		return;
	while ((line = strsep(&rest, "\n")) && keep->n_settings < KEEP_MOST)
		if (line_get(line, &keep->settings[keep->n_settings]))
			keep->n_settings++;
}

int keep_open(struct keep *keep, const char *state_dir, struct mptcp_pm *pm, char *reason, size_t n_reason)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(freep) char *text = calloc(1, FILE_BYTES + 1);
	ssize_t n = 0;

	*keep = (struct keep){ .pm = pm };
	snprintf(keep->file, sizeof(keep->file), "%s/sysctls", state_dir);
	if (!text)
		return -ENOMEM;
	if (mkdir(state_dir, 0755) && errno != EEXIST) {
		int error = -errno;

		snprintf(reason, n_reason, "cannot make %s: %s; old settings of the system are kept there", state_dir,
			 strerror(-error));
		return error;
	}
	fd = open(keep->file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, FILE_BYTES);
	if (n > 0)
		load(keep, text);
	return 0;
}

static int save(const struct keep *keep)
{
	_cleanup_(freep) char *text = malloc(FILE_BYTES);
	_cleanup_(fd_closep) int fd = -1;
	char draft[sizeof(keep->file) + 8];
	size_t n;

	if (!text)
		return -ENOMEM;
	identity(text, FILE_BYTES);
	n = strlen(text);
	text[n++] = '\n';
	for (size_t i = 0; i < keep->n_settings; i++)
		n += (size_t)snprintf(text + n, FILE_BYTES - n, "%s\t%s\t%s\n", keep->settings[i].name,
				      keep->settings[i].old, keep->settings[i].ours);
	snprintf(draft, sizeof(draft), "%s.new", keep->file);
	errno = 0;
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n || rename(draft, keep->file))
		return errno ? -errno : -ENOSPC;   /* no fsync: after a crash of the system it means nothing */
	return 0;
}

static struct keep_setting *find(struct keep *keep, const char *name)
{
	for (size_t i = 0; i < keep->n_settings; i++)
		if (!strcmp(keep->settings[i].name, name))
			return &keep->settings[i];
	return NULL;
}

int keep_set(struct keep *keep, const char *name, const char *value)
{
	struct keep_setting *setting = find(keep, name);
	char now[SYSCTL_VALUE_BYTES];
	int r = keep_read(keep, name, now);

	if (r || !strcmp(now, value))
		return r;
	if (!setting) {
		if (keep->n_settings == KEEP_MOST)
			return -ENOSPC;
		setting = &keep->settings[keep->n_settings++];
		snprintf(setting->name, sizeof(setting->name), "%s", name);
		memcpy(setting->old, now, sizeof(setting->old));
	}
	snprintf(setting->ours, sizeof(setting->ours), "%s", value);
	keep->error = save(keep);
	return write_now(keep, name, value);
}

int keep_give_back(struct keep *keep, const char *name)
{
	const struct keep_setting *setting = find(keep, name);
	char now[SYSCTL_VALUE_BYTES];
	int r = setting ? keep_read(keep, name, now) : 0;

	return r || !setting || strcmp(now, setting->ours) ? r : write_now(keep, name, setting->old);
}

void keep_restore(struct keep *keep)
{
	char now[SYSCTL_VALUE_BYTES];

	for (size_t i = 0; i < keep->n_settings; i++) {
		const struct keep_setting *setting = &keep->settings[i];

		if (!keep_read(keep, setting->name, now) && !strcmp(now, setting->ours))
			write_now(keep, setting->name, setting->old);
	}
	keep->n_settings = 0;
	if (keep->file[0])
		unlink(keep->file);
}
