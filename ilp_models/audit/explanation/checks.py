"""Checks of the explanation: stability, and whether columns or errors are proxies for groups of residents."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.explanation.proxies import (
    AreaProfiles,
    column_correlations,
    joint_proxy_r2,
    residual_correlations,
)
from ilp_models.audit.residents import Residents
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL, Finding, Shortfall
from ilp_models.domain.grid import Grid

Floats = npt.NDArray[np.float64]

_NO_VALUE: Final = (float("nan"),) * 3
_FEWEST_COLUMNS: Final = 4  # of the table of refits: feature, family and two refits
_LEAST_FOR_FISHER: Final = 4  # areas


def check_stability(context: CheckContext) -> list[Finding]:
    """Return the rank correlation of importances between refits, and between two perturbations."""
    explanation = _own_explanation(context)
    robustness = None if explanation is None else explanation.robustness
    if robustness is None or robustness.refits.shape[1] < _FEWEST_COLUMNS:
        shortfall = "there are no refits to compare"
        advice = "Set explain.refits to 2 or more, for a forecaster that can be explained."
        return [context.finding("explanation_stability", _NO_VALUE, shortfall=shortfall, advice=advice)]
    of_shares = explanation is not None and explanation.compares_shares
    findings = [
        context.finding(
            "explanation_stability",
            robustness.stability,
            evidence=float(robustness.refits.shape[1] - 2),
            detail="Refits on random halves of the events; the shares of cells are compared." if of_shares else "",
            advice="Use larger cells, a longer memory, or more records." if of_shares else None,
        )
    ]
    if not robustness.perturbations.empty:
        rows, numbers = float(robustness.rows), (robustness.agreement,) * 3
        findings.append(context.finding("perturbation_agreement", numbers, evidence=rows))
    return findings


def check_proxies(context: CheckContext) -> list[Finding]:
    """Return how well one column, and all columns together, predict a group's share of an area's residents."""
    return [finding for residents in context.residents for finding in _proxies_of(context, residents)]


def _proxies_of(context: CheckContext, residents: Residents) -> list[Finding]:
    explanation = _own_explanation(context)
    areas = AreaProfiles.from_residents(residents)
    count, shortfall, confidence = len(areas.people), _too_few(context, areas), context.bootstrap.confidence
    if explanation is None:
        shortfall = (Shortfall("the columns of the forecaster are unknown"),)
        table, joint = pd.DataFrame(), np.full(len(residents.groups), np.nan)
    else:
        areas = areas.at(context.grid, explanation.log_expected.indexes["cell"])
        table = column_correlations(explanation, areas, residents)
        joint = joint_proxy_r2(explanation, areas, context.bootstrap.seed)
    findings = []
    for place, group in enumerate(residents.groups):
        where: dict[str, Any] = {
            "dimension": residents.dimension,
            "group": group,
            "evidence": float(count),
            "shortfall": shortfall,
        }
        first = table[table["group"] == group].head(1) if len(table) else table
        strongest = float(first["correlation"].abs().iloc[0]) if len(first) else float("nan")
        detail = f"Strongest column: {first['feature'].iloc[0]} ({first['crime_type'].iloc[0]})." if len(first) else ""
        findings += [
            context.finding("proxy_probe", _fisher(strongest, count, confidence), detail=detail, **where),
            context.finding("proxy_strength", (float(joint[place]),) * 3, **where),
        ]
    return findings


def check_residual_proxies(context: CheckContext) -> list[Finding]:
    """Return the correlation of recorded minus expected events with the share of each group."""
    findings = []
    for residents in context.residents:
        areas = AreaProfiles.from_residents(residents)
        shortfall = _too_few(context, areas)
        for name, estimate in residual_correlations(context, areas):
            findings += [
                context.finding(
                    "proxy_residual",
                    (float(estimate.value[place]), float(estimate.low[place]), float(estimate.high[place])),
                    crime_type=name,
                    dimension=residents.dimension,
                    group=group,
                    evidence=float(len(areas.people)),
                    shortfall=shortfall,
                )
                for place, group in enumerate(residents.groups)
            ]
    return findings


def attribution_gaps(explanation: Explanation, grid: Grid, residents: Residents, by: str = "feature") -> pd.DataFrame:
    """Return the attribution gaps: mean attribution of each feature or family for a group minus all others."""
    weights = explanation.shares[..., None]
    phi = np.where(weights > 0, explanation.attributions.values, 0.0)
    position = grid.cells.get_indexer(explanation.log_expected.indexes["cell"])
    known = (position >= 0)[:, None]
    members = np.where(known, residents.by_group[position], 0.0)
    others = np.where(known, residents.total[position][:, None], 0.0) - members
    gaps = _weighted_means(phi, weights, members) - _weighted_means(phi, weights, others)
    kinds = [str(kind) for kind in explanation.log_expected.indexes["crime_type"]]
    if len(kinds) > 1:
        kinds, gaps = [*kinds, ALL], np.concatenate((gaps, gaps.mean(axis=0, keepdims=True)))
    columns = explanation.columns
    index = pd.MultiIndex.from_product([kinds, residents.groups, range(len(columns))])
    table = pd.DataFrame({"gap": gaps.ravel()}, index=index.set_names(["crime_type", "group", "at"])).reset_index()
    table["feature"] = [columns[at].name for at in table["at"]]
    table["family"] = [columns[at].family for at in table["at"]]
    table.insert(1, "dimension", residents.dimension)
    keys = ["crime_type", "dimension", "group", *(["feature"] if by == "feature" else []), "family"]
    table = table.groupby(keys, sort=False)[["gap"]].sum().reset_index()
    table["multiplier"] = np.exp(table["gap"])
    return table


def _own_explanation(context: CheckContext) -> Explanation | None:
    """Return the explanation if it is of the forecaster audited."""
    explanation = context.explanation
    return explanation if explanation is not None and explanation.forecaster == context.replay.forecaster else None


def _too_few(context: CheckContext, areas: AreaProfiles) -> tuple[Shortfall, ...]:
    """Return the shortfall of areas: over few areas, columns and shares correlate by chance."""
    count, needed = len(areas.people), context.min_evidence.areas
    return (Shortfall("areas with residents", count, needed),) if count < needed else ()


def _weighted_means(phi: Floats, weights: Floats, people: Floats) -> Floats:
    """Return means of attributions, shape (types, groups, features), weighted by residents (cells, groups)."""
    top = np.einsum("kctf,kct,cg->kgf", phi, weights[..., 0], people, optimize=True)
    bottom = np.einsum("kct,cg->kg", weights[..., 0], people, optimize=True)[..., None]
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def _fisher(correlation: float, count: int, level: float) -> tuple[float, float, float]:
    """Return a correlation with its interval by Fisher's transformation."""
    if count < _LEAST_FOR_FISHER or not np.isfinite(correlation):
        return correlation, float("nan"), float("nan")
    middle = np.arctanh(min(correlation, 1 - 1e-12))
    half = special.ndtri((1 + level) / 2) / np.sqrt(count - 3)
    return correlation, float(np.tanh(middle - half)), float(np.tanh(middle + half))
