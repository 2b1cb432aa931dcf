"""Feature building compared with training on the same matrix."""

import numpy as np

from benchmarks.city import first_history, study
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say


def measure(*, quick: bool) -> list[Figure]:
    """Return the time to build a design matrix, and that of one LightGBM fit on it, both on all cores."""
    world, parts = study(quick=quick)
    history = first_history(world, parts)
    say("first fit")
    model = parts["model"]["lightgbm"].fit(history)
    step = history.first_step
    periods = model._training_periods(history, step)
    design = model._design(history, periods, step)
    offset = np.exp(design.log_offset)
    target = history.panel.by_period[-len(periods) :].reshape(-1) / offset
    rounds = 1 if quick else 3
    seconds = in_turn(
        rounds,
        building=lambda: model._design(history, periods, step),
        training=lambda: model._new_regressor().fit(design.values, target, sample_weight=offset),
    )
    rows, columns = design.values.shape
    note = f"{rows:,} rows x {columns} columns; offset and logarithms included"
    return [
        Figure(
            name="feature building / training",
            figure=seconds["building"],
            unit="s",
            goal=Goal(high=0.10, of="ratio"),
            reference=seconds["training"],
            against="one LightGBM fit on the same matrix",
            n=rounds,
            note=note,
        ),
    ]
