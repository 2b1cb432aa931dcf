"""Memory of a fit in addition to the data, as shipped and on all units, compared with the size of the design matrix."""

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import Final

from benchmarks.city import first_history, study
from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say

_PROCESSES: Final = 3
_FITS: Final = {
    "memory of a fit as shipped": ((), "the default max_zeros, a sample of the units without events"),
    "memory of a fit on all units": (("model.lightgbm.max_zeros=null",), "max_zeros=null"),
}


def measure(*, quick: bool) -> list[Figure]:
    """Return the growth of memory during each fit, and the bytes of the design matrix of all units."""
    figures = []
    for name, (overrides, how) in _FITS.items():
        growths, size = [], 0
        for number in range(1 if quick else _PROCESSES):
            say(f"{name}, process {number + 1}")
            with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
                growth, size = process.submit(fit, overrides, quick=quick).result()
            growths.append(growth)
        figures.append(figure(name, how, growths, size))
    return figures


def figure(name: str, how: str, growths: list[int], size: int) -> Figure:
    """Return the row of one fit; its growth differs by some per cent between processes."""
    return Figure(
        name=name,
        figure=median(growths) / 1e6,
        unit="MB",
        goal=Goal(high=1.5, of="ratio"),
        reference=size / 1e6,
        against="bytes of the float32 design matrix of all units",
        n=len(growths),
        note=f"{how}; peak resident memory of a fresh process during fit, minus what it held before: records, grid, "
        "panel; median of n processes",
    )


def fit(overrides: tuple[str, ...], *, quick: bool) -> tuple[int, int]:
    """Return by how much memory grew at most during a fit, and the bytes of the design matrix of all units."""
    world, parts = study(*overrides, quick=quick)
    history = first_history(world, parts)
    del world
    gc.collect()
    before = resident_bytes()
    forget_peak()
    model = parts["model"]["lightgbm"].fit(history)
    growth = peak_bytes() - before
    matrix = model._design(history, model._training_periods(history, history.first_step), history.first_step).values
    return growth, matrix.nbytes
