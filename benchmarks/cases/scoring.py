"""Scoring of stored forecasts, with intervals and tests, and a full comparison."""

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import mean_poisson_deviance

from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.scoring.calibration import calibration_table, coverage_by_decile, pit_histogram
from ilp_models.scoring.confidence_set import confidence_set
from ilp_models.scoring.consistency import consistency
from ilp_models.scoring.paired_tests import paired_tests
from ilp_models.scoring.rank_tests import rank_test
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.distributions import LEVELS, quantiles

_FLOOR = 0.005


def measure(*, quick: bool) -> list[Figure]:
    """Return the time to score several forecasters, that of one score by scikit-learn, and that to compare twelve."""
    forecasters, shape, rounds = (2, (2, 60, 14), 1) if quick else (6, (5, 2340, 52), 3)
    say("making the forecasts")
    replays = synthetic_replays(forecasters, shape)
    area = np.full(shape[1], 250_000.0)
    scoring = Scoring(baseline="forecaster 0")
    scores = scoring.run(replays, area).table["score"].nunique()
    seconds = in_turn(rounds, scoring=lambda: score(scoring, replays, area), sklearn=lambda: deviances(replays))
    return [
        Figure(
            name="scoring and bootstrap",
            figure=seconds["scoring"],
            unit="s",
            goal=Goal(high=4.0, of="ratio"),
            reference=seconds["sklearn"],
            against="scikit-learn's mean_poisson_deviance of each forecaster, type and week: one score, no interval",
            n=rounds,
            note=f"{forecasters} forecasters x {shape[2]} weeks x {shape[0]} types x {shape[1]:,} cells, "
            f"{scores} scores, {scoring.bootstrap.draws:,} draws",
        ),
        compared(shape, quick=quick),
    ]


def compared(shape: tuple[int, int, int], *, quick: bool) -> Figure:
    """Return the time of a full comparison of twelve forecasters."""
    replays = synthetic_replays(3 if quick else 12, shape)
    area = np.full(shape[1], 250_000.0)
    scoring = Scoring(baseline="forecaster 0")
    seconds = in_turn(1, compare=lambda: compare(scoring, replays, area))
    return Figure(
        name="scoring of a whole comparison",
        figure=seconds["compare"],
        unit="s",
        goal=Goal(high=30),
        n=1,
        note=f"{len(replays)} forecasters x {shape[2]} weeks x {shape[0]} types x {shape[1]:,} cells: all scores, "
        f"{scoring.bootstrap.draws:,} draws, all pairs, confidence set, ranks, calibration, PIT, coverage by decile, "
        "and tests of number, space and likelihood with 1,000 draws",
    )


def compare(scoring: Scoring, replays: list[Replay], area_m2: np.ndarray) -> None:
    """Run a full comparison of stored forecasts."""
    table = scoring.run(replays, area_m2)
    table.summarise()
    table.skill(scoring.baseline)
    for ask in (paired_tests, confidence_set, rank_test):
        ask(table)
    LocalProcesses().map(judge, [(one, scoring) for one in replays], "calibration")


def judge(task: tuple[Replay, Scoring]) -> None:
    """Make calibration tables and consistency tests of one forecaster; a comparison does so on all cores."""
    replay, scoring = task
    for panel in (calibration_table, pit_histogram, coverage_by_decile):
        panel(replay, scoring.bootstrap)
    consistency(replay, scoring.bootstrap, scoring.floor)


def score(scoring: Scoring, replays: list[Replay], area_m2: np.ndarray) -> None:
    """Score forecasts as a backtest does: scores, pooled scores with intervals, skills with tests."""
    table = scoring.run(replays, area_m2)
    table.summarise()
    table.skill(scoring.baseline)
    table.skill(scoring.baseline, bounds=True)


def deviances(replays: list[Replay]) -> list[float]:
    """Return the mean deviance over the cells of each forecaster, type and week."""
    return [
        mean_poisson_deviance(replay.observed.values[kind, :, week], replay.expected.values[kind, :, week])
        for replay in replays
        for kind in range(replay.expected.shape[0])
        for week in range(replay.expected.shape[2])
    ]


def synthetic_replays(forecasters: int, shape: tuple[int, int, int]) -> list[Replay]:
    """Return forecasts with increasing errors."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 0.2, shape) + _FLOOR
    counts = rng.poisson(rates).astype(np.int32)
    return [
        _replay(f"forecaster {index}", rates * rng.lognormal(0.0, 0.1 * (index + 1), shape), counts)
        for index in range(forecasters)
    ]


def _replay(name: str, expected: np.ndarray, counts: np.ndarray) -> Replay:
    kinds, cells, weeks = counts.shape
    coords = {
        "crime_type": [f"type {kind}" for kind in range(kinds)],
        "cell": [f"cell {cell}" for cell in range(cells)],
        "period": pd.period_range("2021-01-04", periods=weeks, freq="W-SUN"),
    }
    spread = np.full(kinds, 0.3)
    return Replay(
        forecaster=name,
        recipe="0" * 16,
        lead=1,
        expected=xr.DataArray(expected, dims=DIMS, coords=coords),
        quantiles=xr.DataArray(
            quantiles(expected, spread[:, None, None]),
            dims=("quantile", *DIMS),
            coords={"quantile": list(LEVELS), **coords},
        ),
        dispersion=xr.DataArray(spread, dims="crime_type", coords={"crime_type": coords["crime_type"]}),
        observed=xr.DataArray(counts, dims=DIMS, coords=coords),
    )
