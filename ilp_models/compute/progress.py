"""How far the work is: a bar in a terminal, a line now and then elsewhere."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

_LOG = logging.getLogger(__name__)
_QUIET_SECONDS = 30.0
Result = TypeVar("Result")


def show_progress(results: Iterable[Result], total: int, description: str) -> Iterator[Result]:
    """Yield results as they come, and show how many are left and for how long."""
    if sys.stderr.isatty():
        yield from tqdm(results, total=total, desc=description, leave=False)
        return
    started = said = time.monotonic()
    for done, result in enumerate(results, start=1):
        now = time.monotonic()
        if now - said >= _QUIET_SECONDS:
            said = now
            left = (now - started) / done * (total - done)
            _LOG.info("%s: %d of %d, about %d s left", description, done, total, round(left))
        yield result
