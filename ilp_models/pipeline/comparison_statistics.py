"""Everything that is said about a comparison: tables of differences, calibration, consistency and cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.domain.compute import Compute
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL, ScoreTable, is_bound
from ilp_models.model.true_intensity import TrueIntensity
from ilp_models.pipeline.backtesting import Comparison
from ilp_models.pipeline.outputs import all_skills
from ilp_models.pipeline.stored_forecasts import StoredForecast
from ilp_models.report.comparison.leaderboard import Participants, cost_table, leaderboard
from ilp_models.scoring.calibration import calibration_table, coverage_by_decile, pit_histogram
from ilp_models.scoring.confidence_set import confidence_set
from ilp_models.scoring.consistency import consistency
from ilp_models.scoring.paired_tests import paired_tests
from ilp_models.scoring.rank_tests import RankTest, rank_test
from ilp_models.stats.bootstrap import Bootstrap

_SEASONS: Final = {1: "January to March", 2: "April to June", 3: "July to September", 4: "October to December"}


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """A comparison with all that was worked out from it.

    Parameters
    ----------
    comparison : Comparison
        Replays and scores.
    field : Participants
        Who takes part: baseline, recipes, costs, and those that could not run.
    leaderboard, skill, seasons, pairs, confidence, calibration, pit, coverage, consistency, cost : DataFrame
        As documented in ``docs/comparison.md``.
    ranks : RankTest or None
        Mean ranks over blocks of periods at the first lead; None with a single forecaster.
    """

    comparison: Comparison
    field: Participants
    leaderboard: pd.DataFrame
    skill: pd.DataFrame
    seasons: pd.DataFrame
    pairs: pd.DataFrame
    confidence: pd.DataFrame
    calibration: pd.DataFrame
    pit: pd.DataFrame
    coverage: pd.DataFrame
    consistency: pd.DataFrame
    cost: pd.DataFrame
    ranks: RankTest | None

    @property
    def rivals(self) -> tuple[str, ...]:
        """The two forecasters with the smallest deviance at the first lead, best first; one where there is but one."""
        table = self.leaderboard
        first = table[(table["kind"] == "forecaster") & (table["lead"] == table["lead"].min())]
        return tuple(first["forecaster"].head(2))

    def write(self, folder: Path) -> list[Path]:
        """Return the files of all tables."""
        self.leaderboard.to_parquet(folder / "leaderboard.parquet", index=False)
        tables = {
            "leaderboard": self.leaderboard,
            "season_skill": self.seasons,
            "pairs": self.pairs,
            "confidence_set": self.confidence,
            "calibration": self.calibration,
            "pit": self.pit,
            "coverage": self.coverage,
            "consistency": self.consistency,
            "cost": self.cost,
        }
        for name, table in tables.items():
            whole = {column: "Int64" for column in ("fits", "forecasts", "n") if column in table}
            table.astype(whole).to_csv(folder / f"{name}.csv", index=False)
        return [folder / "leaderboard.parquet", *(folder / f"{name}.csv" for name in tables)]


def field_of(
    comparison: Comparison,
    models: Mapping[str, Forecaster],
    recipes: Mapping[str, str],
    guests: Sequence[StoredForecast],
    baseline: str,
) -> Participants:
    """Return who takes part in a comparison."""
    known = {**recipes, **{guest.name: guest.recipe for guest in guests}}
    ceilings = tuple(name for name, model in models.items() if isinstance(model, TrueIntensity))
    costs = {replay.forecaster: replay.cost for replay in comparison.replays}
    return Participants(baseline, ceilings, known, costs, comparison.not_run)


def examine(comparison: Comparison, field: Participants, floor: float, compute: Compute) -> ComparisonResult:
    """Return everything that is said about a comparison."""
    scores = comparison.scores
    skill = all_skills(scores, field.baseline)
    open_field = _without(scores, field.ceilings)
    confidence = _for_each(confidence_set, open_field)
    several = len(open_field.forecasters) > 1
    lead = int(scores.table["lead"].min())
    tasks = [(one, scores.resampling.for_lead(one.lead + scores.delay), floor) for one in comparison.replays]
    parts = zip(*compute.map(calibrations, tasks, "calibration"), strict=True)
    calibration_bins, pit, coverage, tests = (pd.concat(part, ignore_index=True) for part in parts)
    return ComparisonResult(
        comparison=comparison,
        field=field,
        leaderboard=leaderboard(scores, skill, confidence, field),
        skill=skill,
        seasons=season_skills(scores, field.baseline),
        pairs=_for_each(paired_tests, open_field),
        confidence=confidence,
        calibration=calibration_bins,
        pit=pit,
        coverage=coverage,
        consistency=tests,
        cost=cost_table(field),
        ranks=rank_test(open_field, lead) if several else None,
    )


def calibrations(task: tuple[Replay, Bootstrap, float]) -> tuple[pd.DataFrame, ...]:
    """Return what is said about the calibration of one replay."""
    replay, resampling, floor = task
    made = (make(replay, resampling) for make in (calibration_table, pit_histogram, coverage_by_decile))
    return *made, consistency(replay, resampling, floor)


def season_skills(scores: ScoreTable, baseline: str) -> pd.DataFrame:
    """Return the skill of each forecaster in each quarter of the year."""
    deviance = scores.table[scores.table["score"] == "deviance"]
    quarter = pd.to_datetime(deviance["period"]).dt.quarter
    parts = [
        replace(scores, table=deviance[quarter == number]).skill(baseline).assign(season=_SEASONS[number])
        for number in sorted(quarter.unique())
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["season", *table.columns[:-1]]]


def _without(scores: ScoreTable, names: Sequence[str]) -> ScoreTable:
    hidden = scores.table["forecaster"].map(lambda name: name in names or is_bound(name))
    return replace(scores, table=scores.table[~hidden])


def _for_each(make: Callable[[ScoreTable, int, str], pd.DataFrame], scores: ScoreTable) -> pd.DataFrame:
    """Return one table over all leads and crime types, the pool of all types first."""
    leads = sorted(map(int, scores.table["lead"].unique()))
    kinds = [ALL, *dict.fromkeys(map(str, scores.table["crime_type"]))]
    return pd.concat([make(scores, lead, kind) for lead, kind in product(leads, kinds)], ignore_index=True)
