"""Waiting: for a condition, with a deadline, never for a while.

SPDX-License-Identifier: BSD-2-Clause

IONSCALE_TEST_SLOW multiplies the deadlines on machines or builds that
are slow; a deadline is reached only by a test that fails.
"""

import os
import time

SLOW = float(os.environ.get("IONSCALE_TEST_SLOW", "1"))
LIMIT = 10 * SLOW


def wait_until(condition, limit=None, what="condition", pause=0.02):
    """Poll condition() until it is true and return its value.

    A condition that raises AssertionError is not there yet; the last
    one is the reason given when the deadline passes.
    """
    limit = LIMIT if limit is None else limit * SLOW
    end = time.monotonic() + limit
    reason = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except AssertionError as error:
            reason = error
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {limit:.0f} s: {what}"
                + (f": {reason}" if reason else ""))
        time.sleep(pause)
