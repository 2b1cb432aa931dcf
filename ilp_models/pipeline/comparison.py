"""Compare forecasters: leaderboard, paired tests, calibration, consistency, cost, and the page that shows them."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.compute import Compute
from ilp_models.domain.grid import Grid
from ilp_models.domain.recipe import describe
from ilp_models.domain.replay import NEGATIVE_BINOMIAL, Replay
from ilp_models.domain.scores import ALL, ScoreTable, is_bound, with_second
from ilp_models.domain.text_output import write_table
from ilp_models.model.true_intensity import TrueIntensity
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.rival_forecasts import OMIT, with_rivals
from ilp_models.pipeline.trials import open_record, record_rival_trials
from ilp_models.report.ceiling import ceiling_notes
from ilp_models.report.comparison.leaderboard import Participants, cost_table, leaderboard
from ilp_models.report.comparison.page import ComparisonEvidence, MethodCard, TopTwo
from ilp_models.report.formatting import records_summary
from ilp_models.report.harm_table import harm_table
from ilp_models.report.plots import Figure, plot_skill
from ilp_models.scoring.calibration import calibration_table, coverage_by_decile, pit_histogram
from ilp_models.scoring.confidence_set import confidence_set
from ilp_models.scoring.consistency import consistency
from ilp_models.scoring.decomposition import decomposition
from ilp_models.scoring.paired_tests import paired_tests, with_paired_verdicts
from ilp_models.scoring.rank_tests import RankTest, rank_test
from ilp_models.scoring.sums import variogram_table
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance
from ilp_models.stats.pooling import OF_SUMS
from ilp_models.tracking.trial_record import TrialRecord

_OTHER_SCORES: Final = ("crps", "brier_any", "log_any")
_SEASONS: Final = {1: "January to March", 2: "April to June", 3: "July to September", 4: "October to December"}


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult:
    """A comparison of forecasters; docs/comparison.md describes each table.

    Attributes
    ----------
    backtest : Backtest
        Forecasts and scores; its own verdicts are not adjusted for the number of comparisons.
    leaderboard, skill, seasons, pairs, confidence, calibration, pit, coverage, consistency, decomposition, variogram, \
    score_skill, cost : DataFrame
        The tables of the comparison. Verdicts on the skill are those of the pairs with the baseline.
    ranks : RankTest or None
        Mean ranks over blocks of periods at the first lead; None with a single forecaster.
    """

    backtest: Backtest
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
    decomposition: pd.DataFrame
    variogram: pd.DataFrame
    score_skill: pd.DataFrame
    cost: pd.DataFrame
    ranks: RankTest | None

    @property
    def lead(self) -> int:
        """The first lead."""
        return int(self.leaderboard["lead"].min())

    @property
    def top_two(self) -> tuple[str, ...]:
        """The one or two forecasters with the smallest deviance at the first lead, best first."""
        table = self.leaderboard
        first = table[(table["kind"] == "forecaster") & (table["lead"] == table["lead"].min())]
        return tuple(first["forecaster"].head(2))

    def to_frame(self) -> pd.DataFrame:
        """Return the leaderboard."""
        return self.leaderboard.copy()

    def plot(self) -> Figure:
        """Return a figure of the skill of every forecaster with its interval."""
        return plot_skill(self.skill, self.field.baseline)

    def __repr__(self) -> str:
        """Return the two best forecasters and the protocol."""
        return f"Comparison, best first: {', '.join(self.top_two)}\n{self.backtest.protocol}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.backtest.protocol)}</p>{self.leaderboard.to_html(index=False)}"

    def write(self, folder: Path, decimal: str = "point") -> list[Path]:
        """Write all tables and return their files."""
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
            "decomposition": self.decomposition,
            "variogram": self.variogram,
            "score_skill": self.score_skill,
            "cost": self.cost,
        }
        for name, table in tables.items():
            whole = {column: "Int64" for column in ("fits", "forecasts", "n") if column in table}
            write_table(table.astype(whole), folder / f"{name}.csv", decimal)
        return [folder / "leaderboard.parquet", *(folder / f"{name}.csv" for name in tables)]


def compare_forecasts(
    backtest: Backtest,
    *,
    forecasts: str | Sequence[str] = (),
    rival_dispersion: str = OMIT,
    register: Register | None = None,
    compute: Compute | None = None,
    trials: str | Path | TrialRecord | None = None,
) -> ComparisonResult:
    """Compare the forecasters of a backtest: paired tests, confidence set, calibration, consistency and cost.

    Parameters
    ----------
    backtest : Backtest
        Forecasts and scores; stored forecasts of other runs join through ``run_backtest(..., stored=...)``.
    forecasts : str or sequence of str, optional
        Files of forecasts that were made outside this package, with the columns ``crime_type``, ``cell``, ``period``,
        ``expected`` and more (docs/comparison.md). The result holds them in its ``backtest``.
    rival_dispersion : {"omit", "fitted"}, default "omit"
        Files without a distribution have no scores of distributions (``omit``), or scores with a dispersion that is
        fitted on earlier test periods (``fitted``). Their names then say so.
    register : Register, optional
        The register that shows which files were sealed before their first cutoff.
    compute : Compute, optional
        Where the work runs; by default in local processes.
    trials : str, Path or TrialRecord, optional
        The record of trials, such as ``"trials.csv"``: each rival in ``forecasts`` adds a line, as with `ilp compare`.
        By default no line is written. Forecasters of ``backtest`` get theirs from ``run_backtest(..., trials=...)``.

    Returns
    -------
    ComparisonResult
        Tables, which show, plot and write themselves.

    Raises
    ------
    InputError
        If a file of forecasts has other units or cannot be read, or its manifest has another digest. If ``trials`` is
        no record of trials; this is said before any work.
    StorageError
        If ``trials`` cannot be written; this is said before any work.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> city = ilp.SimulatedCity(size_km=2, districts=2, weeks=30)
    >>> events, grid = city.read(), ilp.SquareGrid(500)
    >>> models = {"mean": ilp.MovingAverage(4), "ewma": ilp.EWMA()}
    >>> one = ilp.LocalProcesses(1)  # one process
    >>> backtest = ilp.run_backtest(models, events, grid, test_periods=4, store=folder, compute=one)
    >>> comparison = ilp.compare_forecasts(backtest, compute=one)
    >>> print(str(comparison).splitlines()[0])
    Comparison, best first: ewma, mean
    """
    record = open_record(trials)
    known = len(backtest.rivals)
    backtest = with_rivals(backtest, forecasts, rival_dispersion, register)
    if record is not None:
        record_rival_trials(record, "compare", backtest, None, backtest.rivals[known:])
    scores, floor = backtest.scores, backtest.scoring.floor
    truths = tuple(name for name, model in backtest.models.items() if isinstance(model, TrueIntensity))
    costs = {replay.forecaster: replay.cost for replay in backtest.replays}
    seals = {one.name: one.seal for one in backtest.rivals}
    field = Participants(backtest.scoring.baseline, truths, backtest.recipes, costs, backtest.not_run, seals)
    forecasters = _without(scores, field.truths)
    pairs = _for_each(paired_tests, forecasters)
    skill = with_paired_verdicts(backtest.skill(field.baseline), pairs, field.baseline)
    if second := backtest.second_baseline:
        skill = with_second(skill, with_paired_verdicts(backtest.skill(second), pairs, second), second)
    confidence = _for_each(confidence_set, forecasters)
    several = len(forecasters.forecasters) > 1
    lead = int(scores.table["lead"].min())
    tasks = [
        (one, scores.resampling.for_lead(one.lead + scores.delay), floor, backtest.grid) for one in backtest.replays
    ]
    parts = zip(*(compute or LocalProcesses()).map(calibrations, tasks, "calibration"), strict=True)
    calibration_bins, pit, coverage, tests, split, joint = (pd.concat(part, ignore_index=True) for part in parts)
    return ComparisonResult(
        backtest=backtest,
        field=field,
        leaderboard=leaderboard(scores, skill, confidence, field),
        skill=skill,
        seasons=season_skills(scores, field.baseline),
        pairs=pairs,
        confidence=confidence,
        calibration=calibration_bins,
        pit=pit,
        coverage=coverage,
        consistency=tests,
        decomposition=split,
        variogram=joint,
        score_skill=score_skills(scores, field.baseline),
        cost=cost_table(field),
        ranks=rank_test(forecasters, lead) if several else None,
    )


def calibrations(task: tuple[Replay, Bootstrap, float, Grid]) -> tuple[pd.DataFrame | None, ...]:
    """Return the tables of one replay, from calibration to variogram; None where they need more than it has."""
    replay, bootstrap, floor, grid = task
    whole = replay.distribution == NEGATIVE_BINOMIAL  # PIT and coverage in parts need the probability of each count
    tables = [table_of(replay, bootstrap) if whole else None for table_of in (pit_histogram, coverage_by_decile)]
    joint = variogram_table(replay, grid, bootstrap) if whole else None
    split = decomposition(replay, floor)
    return calibration_table(replay, bootstrap), *tables, consistency(replay, bootstrap, floor), split, joint


def score_skills(scores: ScoreTable, baseline: str) -> pd.DataFrame:
    """Return the skill of each forecaster in other scores: CRPS, any event, the city and parent areas."""
    known = scores.table.loc[scores.table["forecaster"] == baseline, "score"].unique()
    names = [name for name in known if name in _OTHER_SCORES or name.endswith(OF_SUMS)]
    parts = [scores.skill(baseline, score=name).assign(score=name) for name in names]
    table = pd.concat(parts, ignore_index=True)
    return table[["score", *table.columns[:-1]]]


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


_OWN: Final = "computed or reused by this run"


def comparison_evidence(result: ComparisonResult, command: str = "") -> ComparisonEvidence:
    """Return what the page of a comparison shows."""
    ranks, tested, study = result.ranks, result.backtest, result.backtest.study
    excluded = tested.stored.excluded
    return ComparisonEvidence(
        city=study.city,
        data="" if study.events.intake is None else records_summary(study.events.intake),
        protocol=tested.protocol,
        baseline=tested.scoring.baseline,
        leaderboard=result.leaderboard,
        skill=result.skill,
        seasons=result.seasons,
        pairs=result.pairs,
        ranks=None if ranks is None else ranks.table,
        critical_difference=float("nan") if ranks is None else ranks.critical_difference,
        rank_p_value=float("nan") if ranks is None else ranks.p_value,
        blocks=0 if ranks is None else ranks.n,
        hit_curves=tested.hit_curves(),
        calibration=result.calibration,
        pit=result.pit,
        coverage=result.coverage,
        consistency=result.consistency,
        decomposition=result.decomposition,
        score_skill=result.score_skill,
        top_two=top_two_of(result),
        cards=tuple(_method_cards(tested)),
        provenance={
            "Data digest": study.events.digest(),
            "Cells digest": tested.grid.digest(),
            "Code": study.code,
            "Events in no active cell": f"{tested.outside:,} in the test periods, scored for no forecaster",
            **({"Stored forecasts excluded": " ".join(excluded)} if excluded else {}),
            "Made": now().isoformat(),
        },
        command=command,
        attribution=study.attribution,
        harm=harm_table(tested.scores),
        warnings=tested.warnings,
        ceiling=ceiling_notes(tested.scores, result.skill, tested.scoring.baseline, result.lead),
    )


def top_two_of(result: ComparisonResult) -> TopTwo | None:
    """Return where the two best forecasters differ, or None with a single forecaster."""
    if len(result.top_two) < 2:
        return None
    tested = result.backtest
    first, second = (tested.replay_of(name) for name in result.top_two)
    observed, floor = first.observed.values, tested.scoring.floor
    deviance = [poisson_deviance(observed, one.expected.values, floor).mean(axis=(0, 2)) for one in (first, second)]
    expected = [one.expected.values.sum(axis=0).mean(axis=1) for one in (first, second)]
    return TopTwo(
        first=first.forecaster,
        second=second.forecaster,
        grid=tested.grid,
        expected=expected[0] - expected[1],
        deviance=deviance[0] - deviance[1],
    )


def _method_cards(backtest: Backtest) -> Iterator[MethodCard]:
    for name, forecaster in backtest.models.items():
        settings = describe(forecaster)
        kind, flat = settings.pop("class"), dict(_flat(settings, ""))
        yield MethodCard(name, kind, _about(type(forecaster)), flat, backtest.storage[name], _OWN)
    for one in backtest.stored.present:
        yield MethodCard(one.name, "", (), {}, one.recipe, f"stored as {one.stored_as} in {one.folder}")
    for rival in backtest.rivals:
        yield MethodCard(rival.name, "", (), {}, rival.recipe, rival.source)


def _about(kind: type) -> tuple[str, ...]:
    """Return the paragraphs of a class's documentation before its parameters."""
    text, _, _ = (inspect.getdoc(kind) or "").partition("\nParameters\n")
    return tuple(" ".join(part.split()).replace("``", "") for part in text.split("\n\n") if part.strip())


def _flat(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield settings by dotted name."""
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if _nested(node) else None
    if children is None:
        yield where, str(node)
        return
    for key, child in children:
        yield from _flat(child, f"{where}.{key}".lstrip("."))


def _nested(node: Any) -> bool:
    return isinstance(node, list) and any(isinstance(child, Mapping) for child in node)
