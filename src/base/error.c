/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>

int error_fold(int error)
{
	return error > 0 ? -ENOTRECOVERABLE : error;
}
