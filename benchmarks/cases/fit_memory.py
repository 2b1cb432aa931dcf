"""Memory of a fit in addition to the data, compared with the size of its design matrix."""

import gc

from benchmarks.city import first_history, study
from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say


def measure(*, quick: bool) -> list[Figure]:
    """Return the growth of memory during one fit, and the bytes of its design matrix."""
    world, parts = study(quick=quick)
    history = first_history(world, parts)
    del world
    gc.collect()
    say("one fit")
    before = resident_bytes()
    forget_peak()
    model = parts["model"]["lightgbm"].fit(history)
    growth = peak_bytes() - before
    matrix = model._design(history, model._training_periods(history, history.first_step), history.first_step).values
    return [
        Figure(
            name="memory of a fit",
            figure=growth / 1e6,
            unit="MB",
            goal=Goal(high=1.5, of="ratio"),
            reference=matrix.nbytes / 1e6,
            against="bytes of its float32 design matrix",
            note="peak resident memory of a fresh process during fit, minus what it held before: records, grid, panel",
        )
    ]
