"""Explanation, feedback, price against equity, and records, as the page of an audit shows them."""

from pathlib import Path

import numpy as np
import pandas as pd

from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL
from ilp_models.report.allocation_figures import draw_frontier, frontier_words
from ilp_models.report.audit import figures as draw
from ilp_models.report.audit import tables as tables
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.content import FigureFile
from ilp_models.report.figures import draw_importance
from ilp_models.report.formatting import number, percent
from ilp_models.report.html_table import HtmlTable
from ilp_models.report.tables import intake

Parts = tuple[dict[str, FigureFile], dict[str, HtmlTable]]

_TOLD = 3  # cells of a crime type that get a sentence


def explanation_parts(dossier: AuditRecord, folder: Path, most: int) -> Parts:
    """Return what moves the model, and how far the explanation holds."""
    explanation = dossier.explanation
    if explanation is None:
        return {}, {}
    importance, families = explanation.importance(), explanation.importance(by="family")
    path = draw_importance(folder / "audit-importance.png", importance)
    told = ", ".join(f"{row.family} x{row.multiplier:.2f}" for row in families.head(6).itertuples())
    caption = "Typical factor of each column on the expected count, over all units explained; the strongest twelve."
    figures = {
        "importance": FigureFile(path, f"Bars of how strongly columns move the model. By family: {told}.", caption)
    }
    sheets = {
        "families": HtmlTable.from_frame("Typical factor by family of columns", families, most),
        "sentences": HtmlTable.from_frame(
            "The highest cells of each crime type, in a sentence", _sentences(explanation), most
        ),
    }
    robust = explanation.robustness
    if robust is not None:
        sheets["perturbations"] = HtmlTable.from_frame(
            "Mean absolute attribution under two ways of leaving a column out", robust.perturbations, most
        )
        if len(robust.interactions):
            sheets["interactions"] = HtmlTable.from_frame(
                "What two columns do together, by kind", robust.interactions_by_kind(), most
            )
        sheets["refits"] = HtmlTable.from_frame(
            "Importance in regressions learned anew from other periods", robust.refits, most
        )
    return figures, sheets


def _sentences(explanation: Explanation) -> pd.DataFrame:
    values = explanation.log_expected.values
    masked = np.where(explanation.explained, values, -np.inf)[:, :, 0]
    units = np.zeros(values.shape, dtype=bool)
    for kind, order in enumerate(np.argsort(-masked, axis=1, kind="stable")[:, :_TOLD]):
        units[kind, order, 0] = True
    return explanation.sentences(units)[["crime_type", "cell", "sentence"]]


def gap_parts(dossier: AuditRecord, folder: Path, most: int) -> Parts:
    """Return what families of columns add to groups, and which columns tell who lives where."""
    figures: dict[str, FigureFile] = {}
    sheets: dict[str, HtmlTable] = {}
    gaps = dossier.gaps
    if gaps is not None and len(gaps):
        kind = ALL if (gaps["crime_type"] == ALL).any() else str(gaps["crime_type"].iloc[0])
        table = tables.strongest_gaps(gaps, kind)
        path = draw.draw_gaps(folder / "audit-gaps.png", table)
        words = "; ".join(
            f"{name[-1]} {total:+.2f}" for name, total in zip(table.index.tolist(), table["sum"], strict=True)
        )
        about = "mean over crime types" if kind == ALL else kind
        figures["gaps"] = FigureFile(
            path,
            f"Attribution gaps by group and family, {about}. Sum of each group: {words}.",
            f"What each family of columns adds to the log risk where a group lives, beyond all other residents "
            f"({about}). +0.10 is a factor of 1.11. The numbers of a row add up to the gap of the mean log risk.",
        )
        sheets["gaps"] = HtmlTable.from_frame("Attribution gaps of every crime type", gaps, 5000)
    if dossier.proxies is not None:
        sheets["proxies"] = HtmlTable.from_frame("How far columns tell who lives in an area", dossier.proxies, most)
    return figures, sheets


def feedback_parts(dossier: AuditRecord, folder: Path, most: int) -> Parts:
    """Return what the forecaster would learn from records that follow its own maps."""
    if dossier.feedback is None:
        return {}, {}
    paths = tables.feedback_paths(dossier.feedback)
    last = paths[paths["period"] == paths["period"].max()]
    pooled = last[last["crime_type"] == ALL] if (last["crime_type"] == ALL).any() else last
    words = "; ".join(f"{row.records} records {number(float(row.distance))}" for row in pooled.itertuples())
    figure = FigureFile(
        draw.draw_feedback(folder / "audit-feedback.png", paths),
        f"Distance of learned from true shares of areas by period of the simulation. At the end: {words}.",
        "Total variation distance of learned from true shares of areas. Complete: everything is recorded. Followed: "
        "what happens off flagged land is recorded only if it is reported. Weighted: corrected by the chance of a "
        "record. Bands run from the lowest to the highest replicate.",
    )
    return {"feedback": figure}, {
        "feedback": HtmlTable.from_frame("Distance at the last fit of the simulation", last, most)
    }


def frontier_parts(dossier: AuditRecord, folder: Path, most: int) -> Parts:
    """Return the price of caps on exposure."""
    table = dossier.frontier
    if table is None:
        return {}, {}
    figure = FigureFile(
        draw_frontier(folder / "audit-frontier.png", table, events="recorded"),
        f"Events covered, exposure ratios and coverage by cap. {frontier_words(table)}",
        "Price against equity: what part of the events that are covered without a cap is still covered when no group's "
        "exposure may exceed that of its reference by more than the cap, and what exposure ratios and coverage of the "
        f"groups then are. {dossier.frontier_protocol}",
    )
    shown = table.assign(cap=["none" if np.isinf(cap) else f"{cap:g}" for cap in table["cap"]])
    caption = f"Price of caps on the exposure ratio. {dossier.frontier_protocol}".strip()
    return {"frontier": figure}, {"frontier": HtmlTable.from_frame(caption, shown, most)}


def record_parts(dossier: AuditRecord, folder: Path, most: int) -> Parts:  # noqa: ARG001 - one signature for all parts
    """Return what the intake set aside, left out or flagged."""
    if dossier.intake is None:
        return {}, {}
    caption = "What was set aside, left out or flagged at intake"
    table = intake(dossier.intake)
    return {}, {
        "intake": HtmlTable.from_frame(caption, table.assign(share=[percent(share) for share in table["share"]]), most)
    }
