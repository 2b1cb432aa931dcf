"""The page of a comparison: one HTML file that needs no network, no script and no other file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.grid import parent_labels
from ilp_models.report.comparison import figures as draw
from ilp_models.report.comparison.content import ComparisonEvidence
from ilp_models.report.comparison.latex import latex_table
from ilp_models.report.comparison.leaderboard import BOUND, FORECASTER, NOT_RUN
from ilp_models.report.comparison.tables import consistency_matrix, pair_matrix, skill_matrices, ties_of
from ilp_models.report.content import FigureFile
from ilp_models.report.figures import draw_hit_curves
from ilp_models.report.formatting import percent
from ilp_models.report.maps import MapGround, draw_difference
from ilp_models.report.page import write_page, write_whole

_UNADJUSTED: Final = "before adjustment for the number of comparisons"


@dataclass(frozen=True)
class ComparisonReport:
    """How the page of a comparison is titled and called.

    Parameters
    ----------
    title : str, default "Comparison of forecasting methods"
        Heading of the page.
    file_name : str, default "comparison.html"
        Name of the page in the folder of the run.
    """

    title: str = "Comparison of forecasting methods"
    file_name: str = "comparison.html"

    def write(self, folder: Path, evidence: ComparisonEvidence) -> list[Path]:
        """Return the page, the LaTeX table and the folder of figures."""
        lead = evidence.lead
        ties = ties_of(evidence.forecasters[0], evidence.pairs, lead)
        board = evidence.leaderboard[evidence.leaderboard["lead"] == lead]
        ranked = board[board["kind"] == FORECASTER].set_index("forecaster")["deviance"]
        figures = _draw(evidence, folder / "figures")
        text = latex_table(evidence.leaderboard, evidence.baseline, evidence.protocol, ties)
        table = write_whole(folder / "table.tex", text)
        write_page(
            folder / self.file_name,
            "comparison.html.j2",
            title=self.title,
            evidence=evidence,
            figures=figures,
            summary=summary(evidence),
            board={kind: board[board["kind"] == kind].to_dict("records") for kind in (FORECASTER, NOT_RUN, BOUND)},
            pairs=pair_matrix(evidence.pairs, ranked, lead),
            skills=skill_matrices(evidence.skill, evidence.seasons, _shown(board), lead),
            consistency=consistency_matrix(evidence.consistency, _shown(board), lead),
            costs=board.set_index("forecaster").to_dict("index"),
            caveat=CAVEAT,
        )
        return [folder / self.file_name, table, folder / "figures"]


def summary(evidence: ComparisonEvidence) -> tuple[str, ...]:
    """Return what the comparison came to, in sentences."""
    board = evidence.leaderboard[evidence.leaderboard["lead"] == evidence.lead]
    rows = board[board["kind"] == FORECASTER]
    best = rows.iloc[0]
    ties = ties_of(str(best["forecaster"]), evidence.pairs, evidence.lead)
    over = f": skill {_skill_words(best)} over {evidence.baseline}" if best["forecaster"] != evidence.baseline else ""
    sentences = [f"{best['forecaster']} has the smallest deviance{over}."]
    others = len(rows) - 1
    if others:
        told = f"{others - len(ties)} of {others} others were told apart from it by paired tests adjusted for all pairs"
        sentences.append(f"{told}; ties with it: {', '.join(ties)}." if ties else f"{told}; nobody ties with it.")
        sentences.append(_confidence_words(rows))
    for verdict, words in (("better", "better than"), ("tie", "not told apart from"), ("worse", "worse than")):
        names = rows.loc[(rows["verdict"] == verdict), "forecaster"]
        if len(names):
            sentences.append(f"{words.capitalize()} {evidence.baseline}, {_UNADJUSTED}: {', '.join(names)}.")
    absent = board.loc[board["kind"] == NOT_RUN, "forecaster"]
    return (*sentences, f"Did not run: {', '.join(absent)}.") if len(absent) else tuple(sentences)


def _confidence_words(rows: pd.DataFrame) -> str:
    if rows["confidence_p_value"].isna().all():
        return "There are too few periods to leave any out of the 90 % model confidence set."
    inside = rows.loc[rows["in_confidence_set"].eq(other=True), "forecaster"]
    return f"The 90 % model confidence set holds {len(inside)} of {len(rows)}: {', '.join(inside)}."


def _skill_words(row: pd.Series) -> str:
    value = percent(row["skill"], 2, sign=True)
    if not np.isfinite(row["skill_low"]):
        return f"{value} (too few periods for an interval)"
    return f"{value} [{percent(row['skill_low'], 2, sign=True)}, {percent(row['skill_high'], 2, sign=True)}]"


def _shown(board: pd.DataFrame) -> tuple[str, ...]:
    """Return the forecasters, then those that know the truth of a simulated city; the bounds have no forecasts."""
    bounds = board[(board["kind"] == BOUND) & (board["recipe"] != "")]
    return (*board.loc[board["kind"] == FORECASTER, "forecaster"], *bounds["forecaster"])


def _draw(evidence: ComparisonEvidence, folder: Path) -> Mapping[str, FigureFile]:
    """Draw the figures, and return them with the words that stand for them."""
    lead, names = evidence.lead, evidence.forecasters
    board = evidence.leaderboard[evidence.leaderboard["lead"] == lead]
    curves = _near(evidence.hit_curves, evidence)
    skills = FigureFile(
        draw.draw_skills(folder / "skill.png", board[board["forecaster"].isin(names)], evidence.baseline),
        f"Skill of each forecaster over {evidence.baseline} with its interval; the table below gives the numbers.",
        f"Skill with its interval. A verdict other than tie needs interval and paired test to say so, {_UNADJUSTED}.",
    )
    hits = FigureFile(
        draw_hit_curves(folder / "hit-curves.png", curves, names[0]),
        "Curves of the share of events caught against the share of land flagged, a line a forecaster.",
        "Hit curves, all types, each type ranked on its own; the best forecaster is drawn boldly. Read differences "
        "from the tables: lines this close mean little.",
    )
    shown = {"skill": skills, "hits": hits, **_calibration(evidence, folder)}
    return shown | _ranks(evidence, folder) | _maps(evidence, folder)


def _near(table: pd.DataFrame, evidence: ComparisonEvidence) -> pd.DataFrame:
    """Return the rows of the first lead, the forecasters in the order of the leaderboard."""
    place = {name: index for index, name in enumerate(evidence.forecasters)}
    rows = table[(table["lead"] == evidence.lead) & table["forecaster"].isin(list(place))]
    return rows.sort_values("forecaster", key=lambda names: names.map(place), kind="stable")


def _calibration(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    names = evidence.forecasters
    reliability = FigureFile(
        draw.draw_reliability(folder / "reliability.png", _near(evidence.calibration, evidence), names),
        "Ratio of mean counts to mean forecasts in bins of risk, a panel a forecaster.",
        "Reliability, all types: what happened over what was expected, in bins of equally many units by risk. On the "
        "line what was expected happened. Bars are intervals.",
    )
    pit = FigureFile(
        draw.draw_pit(folder / "pit.png", _near(evidence.pit, evidence), names),
        "Histograms of where counts fell in their forecast distributions, a panel a forecaster.",
        "PIT histograms, all types: flat at the line where distributions are right, a U where they are too narrow, a "
        "hill where too wide, a slope where the level is off. Bars are intervals.",
    )
    coverage = FigureFile(
        draw.draw_coverage(folder / "coverage.png", _near(evidence.coverage, evidence), names),
        "Share of counts below forecast quantiles less their levels by decile of risk, a panel a forecaster.",
        "Coverage by decile of risk, all types: how far the share of counts below each quantile (5, 25, 50, 75, 95 %) "
        "lies off its level, in percentage points; the band is 2 points wide on either side. Of counts equal to a "
        "quantile the part is taken with which a right forecast meets its level exactly.",
    )
    return {"reliability": reliability, "pit": pit, "coverage": coverage}


def _ranks(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    if evidence.ranks is None:
        return {}
    path = folder / "critical-difference.png"
    draw.draw_critical_difference(path, evidence.ranks, evidence.critical_difference, evidence.blocks)
    ranks = ", ".join(f"{row.forecaster} {row.mean_rank:.2f}" for row in evidence.ranks.itertuples())
    return {
        "ranks": FigureFile(
            path,
            f"Mean ranks of the forecasters: {ranks}.",
            f"Mean ranks by deviance over {evidence.blocks} blocks of periods (1 is best). A bar joins forecasters "
            f"that were not told apart (Nemenyi's critical difference); Friedman's p = {evidence.rank_p_value:.2g}.",
        )
    }


def _maps(evidence: ComparisonEvidence, folder: Path) -> dict[str, FigureFile]:
    rivals = evidence.rivals
    if rivals is None:
        return {}
    ground = MapGround.from_cells(rivals.grid.geometry, parent_labels(rivals.grid))
    versus = f"{rivals.first} less {rivals.second}"
    expected, deviance = folder / "difference-forecast.png", folder / "difference-deviance.png"
    draw_difference(expected, ground, rivals.expected, f"Forecast: {versus}", "expected events per cell and period")
    draw_difference(deviance, ground, rivals.deviance, f"Deviance: {versus}", "mean deviance of a unit")
    wins = percent(float((rivals.deviance < 0).mean()), 0)
    return {
        "expected": FigureFile(
            expected,
            f"Map of the difference in expected events, {versus}, one colour a cell.",
            f"Red: {rivals.first} expects more; blue: {rivals.second} does. Sum over crime types, mean over periods.",
        ),
        "deviance": FigureFile(
            deviance,
            f"Map of the difference in deviance, {versus}, one colour a cell.",
            f"Blue: {rivals.first} was closer; red: {rivals.second} was. {rivals.first} was closer in {wins} of the "
            "cells; a single cell is mostly chance, so look for regions.",
        ),
    }
