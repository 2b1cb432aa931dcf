"""The page of a matrix of groups: whom it is for, the ranking with its ties, and what intelligence is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.report.formatting import MISSING, percent
from ilp_models.report.page import FigureFile, write_page
from ilp_models.report.plots import COLOURS, GREY, INK, Figure, save_figure, style_axes

MAX_MATRIX: Final = 15  # groups in a table of all pairs
_MAX_REQUIREMENTS: Final = 10
_MAX_BARS: Final = 40
_ROW_INCHES: Final = 0.32


@dataclass(frozen=True, eq=False)
class GroupEvidence:
    """Everything that the page of a matrix of groups shows; tables as documented in ``docs/group_matrix.md``."""

    name: str  # of the file
    scheme: str
    decimals: int  # of a score
    conclusions: Sequence[str]  # the most important first
    authorisation: Mapping[str, Any]
    until: str
    groups: pd.DataFrame  # highest rank first
    outranks: pd.DataFrame  # probability that the row outranks the column, in the same order
    rank_shares: pd.DataFrame
    requirements: pd.DataFrame
    disagreement: pd.DataFrame
    attributes: pd.DataFrame
    bounds: tuple[float, float]
    facts: Mapping[str, str]  # method and provenance
    separation: float
    written: str


def write_group_page(path: Path, evidence: GroupEvidence) -> Path:
    """Write the page, with its figure embedded, and return its path."""
    figure = save_figure(plot_score_ranges(evidence), path.parent / "score-ranges.png", "Range of scores by group")
    groups = _with_texts(evidence)
    write_page(
        path,
        "groups.html.j2",
        evidence=evidence,
        caveat=GROUP_CAVEAT,
        figure=FigureFile(
            figure,
            "Range of the score of each group. The numbers are in the table above.",
            "Range of the score of each group. The thin line is everything that the scorers leave open. The thick bar "
            "holds 90 % of the draws.",
        ),
        groups=groups.to_dict("records"),
        pairs=_pair_rows(evidence) if len(groups) <= MAX_MATRIX else [],
        ranks=_rank_rows(evidence) if len(groups) <= MAX_MATRIX else [],
        requirements=evidence.requirements.head(_MAX_REQUIREMENTS).to_dict("records"),
        more=max(len(evidence.requirements) - _MAX_REQUIREMENTS, 0),
        attributes=evidence.attributes.to_dict("records"),
        disagreement=evidence.disagreement[evidence.disagreement["by"] == "attribute"].to_dict("records"),
        missing=MISSING,
    )
    return path


def _with_texts(evidence: GroupEvidence) -> pd.DataFrame:
    """Return the table of groups with ranks, scores and probabilities as texts."""
    groups = evidence.groups
    columns = {"low": "score_low", "high": "score_high", "draw_low": "draw_low", "draw_high": "draw_high"}
    texts = {
        f"shown_{name}": groups[column].map(f"{{:,.{evidence.decimals}f}}".format) for name, column in columns.items()
    }
    ranks = zip(groups["rank_from"], groups["rank_to"], strict=True)
    return groups.assign(
        rank=[str(low) if low == high else f"{low} to {high}" for low, high in ranks],
        shown_first=groups["p_first"].map(chance),
        shown_top_three=groups["p_first_three"].map(chance),
        **texts,
    )


def _pair_rows(evidence: GroupEvidence) -> list[tuple[str, list[dict[str, str]]]]:
    """Return each row of the table of pairs: probability, and whether the pair is separated."""
    rows = []
    for group, line in evidence.outranks.iterrows():
        cells = []
        for other, value in line.items():
            verdict = "tie"
            if value >= evidence.separation:
                verdict = "better"
            elif 1 - value >= evidence.separation:
                verdict = "worse"
            same = group == other
            cells.append({"text": MISSING if same else chance(value), "verdict": "" if same else verdict})
        rows.append((str(group), cells))
    return rows


def _rank_rows(evidence: GroupEvidence) -> list[tuple[str, list[str]]]:
    return [(str(group), [chance(value) for value in line]) for group, line in evidence.rank_shares.iterrows()]


def chance(value: float) -> str:
    """Return a probability in whole per cent; draws show neither certainty nor impossibility."""
    if value < 0.01:
        return "<\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}%"
    if value > 0.99:
        return ">\N{NO-BREAK SPACE}99\N{NO-BREAK SPACE}%"
    return percent(value, 0)


def plot_score_ranges(evidence: GroupEvidence) -> Figure:
    """Plot the range of the score of each group: all that is open as a line, 90 % of the draws as a bar."""
    rows = evidence.groups.head(_MAX_BARS)
    figure = Figure(figsize=(7.6, 0.9 + _ROW_INCHES * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    at = range(len(rows))
    axes.hlines(at, rows["score_low"], rows["score_high"], color=GREY, linewidth=1.2)
    axes.barh(at, rows["draw_high"] - rows["draw_low"], left=rows["draw_low"], height=0.45, color=COLOURS[0], zorder=3)
    axes.set_yticks(list(at), list(rows["group"]), color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(*evidence.bounds)
    axes.set_xlabel("score (thin line: all that is open; bar: 90 % of the draws)", fontsize=8)
    style_axes(axes)
    return figure
