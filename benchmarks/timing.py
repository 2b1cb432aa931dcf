"""Wall times of several pieces of work, taken in turn."""

import gc
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any


def say(words: str) -> None:
    """Show how far a case is.

    Parameters
    ----------
    words : str
        One line for the terminal.
    """
    print(f"    {words}", file=sys.stderr, flush=True)


def wall_seconds(work: Callable[[], Any]) -> float:
    """Return how long some work takes, without the collection of earlier garbage.

    Parameters
    ----------
    work : callable
        Takes nothing; what it returns is dropped.

    Returns
    -------
    float
        Seconds.
    """
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(rounds: int, **works: Callable[[], Any]) -> dict[str, float]:
    """Return the median wall time of each work, run A B A B, so that a slow minute of the machine meets them all.

    Parameters
    ----------
    rounds : int
        How often each is run.
    **works : callable
        Work by name.

    Returns
    -------
    dict of str to float
        Seconds by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(1, rounds + 1):
        for name, work in works.items():
            seconds[name].append(wall_seconds(work))
        say(f"round {turn} of {rounds}: " + ", ".join(f"{name} {taken[-1]:.2f} s" for name, taken in seconds.items()))
    return {name: median(taken) for name, taken in seconds.items()}
