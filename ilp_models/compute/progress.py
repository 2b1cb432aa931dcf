"""Show progress: a bar in a terminal and in Jupyter, a log line every 30 seconds elsewhere."""

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
    """Yield results as they finish, and show progress with the remaining time."""
    if sys.stderr.isatty() or _in_jupyter():
        yield from tqdm(results, total=total, desc=description, leave=False)
        return
    started = logged = time.monotonic()
    for done, result in enumerate(results, start=1):
        now = time.monotonic()
        if now - logged >= _QUIET_SECONDS:
            logged = now
            left = (now - started) / done * (total - done)
            _LOG.info("%s: %d of %d, about %d s left", description, done, total, round(left))
        yield result


def _in_jupyter() -> bool:
    """Return whether a cell of a notebook shows what is written to stderr."""
    return type(sys.stderr).__module__.startswith("ipykernel.")
