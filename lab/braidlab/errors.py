# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario or the lab itself ends with when something did not work, and waiting for what should come."""
import time


class LabError(Exception):
    """Something did not work; the text says what was wanted and what was seen."""


def until(condition, timeout_s, what, pause_s=0.01):
    """Waits until condition() is true and returns what it gave; LabError when it never is."""
    end = time.monotonic() + timeout_s
    while not (got := condition()):
        if time.monotonic() > end:
            raise LabError(f"waited {timeout_s} s in vain for {what}")
        time.sleep(pause_s)
    return got
