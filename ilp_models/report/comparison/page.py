"""Write the comparison page and the LaTeX table of a comparison of forecasters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.grid import Grid
from ilp_models.domain.scores import second_baseline
from ilp_models.report.comparison import figures as plot
from ilp_models.report.comparison.leaderboard import BOUND, FORECASTER, NOT_RUN, REPLAYED, latex_table
from ilp_models.report.comparison.tables import (
    consistency_matrix,
    pair_matrix,
    score_matrices,
    skill_matrices,
    split_matrix,
    ties,
)
from ilp_models.report.formatting import percent, percent_interval
from ilp_models.report.harm_table import HarmTable
from ilp_models.report.maps import MapGeometry, plot_difference
from ilp_models.report.page import FigureFile, write_page, write_text_file
from ilp_models.report.plots import plot_hit_curves, plot_skill, save_figure


@dataclass(frozen=True)
class MethodCard:
    """Description of a forecaster: class, documentation, settings, recipe and source of its forecasts."""

    name: str
    kind: str  # dotted name of its class; empty if only stored forecasts are known
    about: tuple[str, ...]  # paragraphs
    settings: Mapping[str, str]  # by dotted name
    recipe: str  # fingerprint
    source: str


@dataclass(frozen=True, eq=False)
class TopTwo:
    """Where the two best forecasters differ: first minus second, one value per cell."""

    first: str
    second: str
    grid: Grid
    expected: npt.NDArray[np.float64]  # crimes per cell and period, sum over types, mean over periods
    deviance: npt.NDArray[np.float64]  # mean over crime types and periods


@dataclass(frozen=True, eq=False)
class ComparisonEvidence:
    """Inputs of the comparison page; the page shows nothing else."""

    city: str
    data: str  # the records in one line
    protocol: str  # how the backtest scored
    baseline: str
    leaderboard: pd.DataFrame
    skill: pd.DataFrame  # forecaster, lead, crime_type, skill, low, high, p_value, verdict, n
    seasons: pd.DataFrame  # the same with season
    pairs: pd.DataFrame  # forecaster, other, lead, crime_type, difference, low, high, p_value, holm, verdict
    ranks: pd.DataFrame | None  # forecaster, mean_rank, group, best first; None for one forecaster
    critical_difference: float  # NaN with too few blocks
    rank_p_value: float  # of Friedman's test
    blocks: int  # blocks of periods that were ranked
    hit_curves: pd.DataFrame  # forecaster, lead, crime_type, share, hit_rate, oracle
    calibration: pd.DataFrame
    pit: pd.DataFrame
    coverage: pd.DataFrame
    consistency: pd.DataFrame
    decomposition: pd.DataFrame  # forecaster, lead, crime_type, score, value, miscalibration, discrimination, ..
    score_skill: pd.DataFrame  # as skill, with score
    top_two: TopTwo | None
    cards: tuple[MethodCard, ...]
    provenance: Mapping[str, str]
    command: str  # that repeats the run
    attribution: str
    warnings: tuple[str, ...] = ()  # about forecasts that others handed in
    harm: HarmTable | None = None  # share of crime and of harm captured; None without harm sets
    ceiling: tuple[str, ...] = ()  # how near the forecasters are to it, in sentences

    @property
    def lead(self) -> int:
        """The first lead; figures and most tables show this lead only."""
        return int(self.leaderboard["lead"].min())

    @property
    def rivals(self) -> bool:
        """Whether others handed in forecasts."""
        return bool((~self.leaderboard["seal"].isin(["", REPLAYED])).any())

    @property
    def forecasters(self) -> tuple[str, ...]:
        """The forecasters with scores at the first lead, best deviance first, without bounds."""
        rows = self.leaderboard[(self.leaderboard["lead"] == self.lead) & (self.leaderboard["kind"] == "forecaster")]
        return tuple(rows["forecaster"])


@dataclass(frozen=True)
class ComparisonReport:
    """Settings of the comparison page.

    Parameters
    ----------
    title : str, default "Comparison of forecasting methods"
        Heading of the page.
    file_name : str, default "comparison.html"
        File name in the run folder.
    """

    title: str = "Comparison of forecasting methods"
    file_name: str = "comparison.html"

    def write(self, folder: Path, evidence: ComparisonEvidence) -> list[Path]:
        """Write the page, the LaTeX table and the figures; return their paths."""
        lead = evidence.lead
        best_ties = ties(evidence.forecasters[0], evidence.pairs, lead)
        board = evidence.leaderboard[evidence.leaderboard["lead"] == lead]
        ranked = board[board["kind"] == FORECASTER].set_index("forecaster")["deviance"]
        figures = _figures(evidence, folder / "figures")
        latex = latex_table(evidence.leaderboard, evidence.baseline, evidence.protocol, best_ties)
        table = write_text_file(folder / "table.tex", latex)
        write_page(
            folder / self.file_name,
            "comparison.html.j2",
            title=self.title,
            evidence=evidence,
            figures=figures,
            summary=summary(evidence),
            board={kind: board[board["kind"] == kind].to_dict("records") for kind in (FORECASTER, NOT_RUN, BOUND)},
            pairs=pair_matrix(evidence.pairs, ranked, lead),
            skills=skill_matrices(evidence.skill, evidence.seasons, _scored(board), lead),
            consistency=consistency_matrix(evidence.consistency, _scored(board), lead),
            others=score_matrices(evidence.score_skill, _scored(board), lead),
            split=split_matrix(evidence.decomposition, _scored(board), lead),
            harm=evidence.harm,
            second=second_baseline(evidence.skill),
            costs=board.set_index("forecaster").to_dict("index"),
            caveat=CAVEAT,
        )
        return [folder / self.file_name, table, folder / "figures"]


def summary(evidence: ComparisonEvidence) -> tuple[str, ...]:
    """Return the result of the comparison in sentences, the best method first."""
    board = evidence.leaderboard[evidence.leaderboard["lead"] == evidence.lead]
    rows = board[board["kind"] == FORECASTER]
    best = rows.iloc[0]
    best_ties = ties(str(best["forecaster"]), evidence.pairs, evidence.lead)
    skill = ""
    if best["forecaster"] != evidence.baseline:
        skill = f": skill {_skill_text(best)} compared with {evidence.baseline}"
    sentences = [f"{best['forecaster']} has the smallest forecast error (deviance){skill}.", *evidence.warnings]
    others = len(rows) - 1
    if others:
        worse = f"It differs from {others - len(best_ties)} of {others} other methods (paired tests, Holm-adjusted)"
        sentences.append(
            f"{worse}; it ties with {', '.join(best_ties)}." if best_ties else f"{worse}; there is no tie."
        )
        sentences.append(_confidence_set_text(rows))
    for verdict, phrase in (("better", "better than"), ("tie", "no difference from"), ("worse", "worse than")):
        names = rows.loc[(rows["verdict"] == verdict), "forecaster"]
        if len(names):
            sentences.append(f"{phrase.capitalize()} {evidence.baseline}: {', '.join(names)}.")
    not_run = board.loc[board["kind"] == NOT_RUN, "forecaster"]
    return (*sentences, f"Did not run: {', '.join(not_run)}.") if len(not_run) else tuple(sentences)


def _confidence_set_text(rows: pd.DataFrame) -> str:
    if rows["confidence_p_value"].isna().all():
        return "There are too few periods to exclude any method from the 90 % model confidence set."
    inside = rows.loc[rows["in_confidence_set"].eq(other=True), "forecaster"]
    return f"The 90 % model confidence set contains {len(inside)} of {len(rows)} methods: {', '.join(inside)}."


def _skill_text(row: pd.Series) -> str:
    ends = percent_interval(row["skill_low"], row["skill_high"], 2, sign=True)
    return f"{percent(row['skill'], 2, sign=True)} {ends or '(too few periods for an interval)'}"


def _scored(board: pd.DataFrame) -> tuple[str, ...]:
    """Return the forecasters, then those that know the truth of a simulated city; other bounds have no forecasts."""
    bounds = board[(board["kind"] == BOUND) & (board["recipe"] != "")]
    return (*board.loc[board["kind"] == FORECASTER, "forecaster"], *bounds["forecaster"])


def _figures(evidence: ComparisonEvidence, folder: Path) -> Mapping[str, FigureFile]:
    lead, names = evidence.lead, evidence.forecasters
    board = evidence.leaderboard[evidence.leaderboard["lead"] == lead]
    rows = board[board["forecaster"].isin(names)].drop(columns="lead")
    skill = plot_skill(rows.rename(columns={"skill_low": "low", "skill_high": "high"}), evidence.baseline)
    curves = plot_hit_curves(_first_lead(evidence.hit_curves, evidence), names[0])
    figures = {
        "skill": FigureFile(
            save_figure(skill, folder / "skill.png", "Skill over the baseline"),
            f"Skill of each forecaster over {evidence.baseline} with its interval; the table below has the numbers.",
            "Skill with its interval. Better or worse: the paired test with the baseline shows a difference after the "
            "Holm adjustment, and so does its interval.",
        ),
        "hits": FigureFile(
            save_figure(curves, folder / "hit-curves.png", "Hit curves"),
            "Curves of the share of crime captured against the share of area flagged, one line per forecaster.",
            "Hit curves, all types, each type ranked on its own. The bold line is the best forecaster. If lines are "
            "this close, use the tables to compare methods.",
        ),
    }
    return figures | _calibration(evidence, folder) | _ranks(evidence, folder) | _maps(evidence, folder)


def _first_lead(table: pd.DataFrame, evidence: ComparisonEvidence) -> pd.DataFrame:
    """Return the rows of the first lead, the forecasters in the order of the leaderboard."""
    place = {name: index for index, name in enumerate(evidence.forecasters)}
    rows = table[(table["lead"] == evidence.lead) & table["forecaster"].isin(list(place))]
    return rows.sort_values("forecaster", key=lambda names: names.map(place), kind="stable")


def _calibration(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    names = evidence.forecasters
    reliability = plot.plot_reliability(_first_lead(evidence.calibration, evidence), names)
    names = tuple(name for name in names if name in set(evidence.pit["forecaster"]))  # others have no distribution
    pit = plot.plot_pit(_first_lead(evidence.pit, evidence), names)
    coverage = plot.plot_coverage(_first_lead(evidence.coverage, evidence), names)
    return {
        "reliability": FigureFile(
            save_figure(reliability, folder / "reliability.png", "Reliability"),
            "Recorded divided by expected crimes in bins of risk, one panel per forecaster.",
            "Reliability, all types: recorded divided by expected crimes, in bins of equal size by risk. On the line: "
            "as many as expected. Below it: too many were expected. Bars are intervals.",
        ),
        "pit": FigureFile(
            save_figure(pit, folder / "pit.png", "PIT"),
            "Histograms of the position of recorded counts in their forecast distributions, one panel per forecaster.",
            "PIT histograms (probability integral transform), all types. Flat at the line: the distributions are "
            "right. U shape: too narrow. Hill: too wide. Slope: expected crimes are too high or too low. Bars are "
            "intervals.",
        ),
        "coverage": FigureFile(
            save_figure(coverage, folder / "coverage.png", "Coverage"),
            "Share of counts below forecast quantiles minus the nominal level, by decile of risk, one panel per "
            "forecaster.",
            "Quantile coverage by decile of risk, all types: share of counts below each quantile (5, 25, 50, 75, 95 "
            "%) minus its nominal level, in percentage points. The band is 2 points wide on each side. A count equal "
            "to a quantile counts in part, so that a correct forecast meets each level exactly.",
        ),
    }


def _ranks(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    if evidence.ranks is None:
        return {}
    figure = plot.plot_mean_ranks(evidence.ranks, evidence.critical_difference, evidence.blocks)
    path = save_figure(figure, folder / "critical-difference.png", "Critical difference of mean ranks")
    ranks = ", ".join(f"{row.forecaster} {row.mean_rank:.2f}" for row in evidence.ranks.itertuples())
    return {
        "ranks": FigureFile(
            path,
            f"Mean ranks of the forecasters: {ranks}.",
            f"Mean ranks by deviance over {evidence.blocks} blocks of periods (1 is best). A bar joins forecasters "
            f"without a significant difference (Nemenyi); Friedman's p = {evidence.rank_p_value:.2g}.",
        )
    }


def _maps(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    top = evidence.top_two
    if top is None:
        return {}
    geometry = MapGeometry.from_grid(top.grid)
    versus = f"{top.first} minus {top.second}"
    titles = f"Forecast: {versus}", f"Deviance: {versus}"
    expected = plot_difference(geometry, top.expected, titles[0], "expected crimes per cell and period")
    deviance = plot_difference(geometry, top.deviance, titles[1], "mean deviance per cell and period")
    wins = percent(float((top.deviance < 0).mean()), 0)
    return {
        "expected": FigureFile(
            save_figure(expected, folder / "difference-forecast.png", titles[0]),
            f"Map of the difference in expected crimes, {versus}, one colour per cell.",
            f"Red: {top.first} expects more crimes. Blue: {top.second} expects more. Sum over crime types, mean over "
            "periods.",
        ),
        "deviance": FigureFile(
            save_figure(deviance, folder / "difference-deviance.png", titles[1]),
            f"Map of the difference in deviance, {versus}, one colour per cell.",
            f"Blue: the forecast of {top.first} was closer. Red: {top.second} was closer. {top.first} was closer in "
            f"{wins} of the cells. A single cell is mostly chance; look for larger areas.",
        ),
    }
