"""Wall times of several functions, measured alternately."""

import gc
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any


def say(words: str) -> None:
    """Show the progress of a case."""
    print(f"    {words}", file=sys.stderr, flush=True)


def wall_seconds(work: Callable[[], Any]) -> float:
    """Return the wall time of a function, after a garbage collection."""
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(rounds: int, **works: Callable[[], Any]) -> dict[str, float]:
    """Return the median wall time of each function, run A B A B, so that a slow minute affects all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(1, rounds + 1):
        for name, work in works.items():
            seconds[name].append(wall_seconds(work))
        say(f"round {turn} of {rounds}: " + ", ".join(f"{name} {taken[-1]:.2f} s" for name, taken in seconds.items()))
    return {name: median(taken) for name, taken in seconds.items()}
