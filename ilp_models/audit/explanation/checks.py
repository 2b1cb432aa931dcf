"""Checks of an explanation: whether it holds, and whether columns or errors stand in for groups of residents."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.explanation.proxies import AreaProfiles, column_correlations, predictable, residual_correlations
from ilp_models.audit.residents import Residents
from ilp_models.domain.explanation import LEVEL_AND_SHARE, Explanation
from ilp_models.domain.finding import ALL, Finding
from ilp_models.domain.grid import Grid

Floats = npt.NDArray[np.float64]

_NAN3: Final = (float("nan"),) * 3


def check_stability(evidence: CheckContext) -> list[Finding]:
    """Return whether the same columns, or cells, matter where a forecaster is learned from other halves of the past."""
    explanation = _own(evidence)
    tried = None if explanation is None else explanation.robustness
    shares = explanation is not None and explanation.method == LEVEL_AND_SHARE
    title = f"rank correlation of {'the shares of cells' if shares else 'importances'} between forecasts learned from "
    title += f"other halves of the {'events' if shares else 'periods'}"
    advice = "Use fewer columns that say the same, or more periods."
    if shares:
        advice = "The map hangs on chance more than on place: use larger cells, a longer memory, or more records."
    if tried is None or tried.refits.shape[1] < 4:
        thin = "nothing was learned anew; set explain.refits to 2 or more"
        return [evidence.judged("explanation_stability", title, _NAN3, thin=thin)]
    count = float(tried.refits.shape[1] - 2)
    found = [evidence.judged("explanation_stability", title, tried.stability, evidence=count, advice=advice)]
    if not tried.perturbations.empty:
        title = "rank correlation of importances under path-dependent and interventional perturbation"
        advice = "Correlated columns share credit arbitrarily: read families, not columns."
        numbers = (tried.agreement,) * 3
        found.append(
            evidence.judged("perturbation_agreement", title, numbers, evidence=float(tried.rows), advice=advice)
        )
    return found


def check_proxies(evidence: CheckContext) -> list[Finding]:
    """Return whether a column, or all columns together, tell the share of a group among an area's residents."""
    return [finding for residents in evidence.residents for finding in _proxies_of(evidence, residents)]


def _proxies_of(evidence: CheckContext, residents: Residents) -> list[Finding]:
    explanation = _own(evidence)
    areas = AreaProfiles.from_residents(residents)
    count, thin, level = len(areas.people), _too_few(evidence, areas), evidence.resampling.confidence
    if explanation is None:
        thin, table, told = "what the model saw is not known", pd.DataFrame(), np.full(len(residents.groups), np.nan)
    else:
        areas = areas.at(evidence.grid, explanation.log_expected.indexes["cell"])
        table = column_correlations(explanation, areas, residents)
        told = predictable(explanation, areas, evidence.resampling.seed)
    found = []
    for place, group in enumerate(residents.groups):
        where = {"dimension": residents.dimension, "group": group, "evidence": float(count), "thin": thin}
        first = table[table["group"] == group].head(1) if len(table) else table
        strongest = float(first["correlation"].abs().iloc[0]) if len(first) else float("nan")
        name = f" ({first['feature'].iloc[0]}, {first['crime_type'].iloc[0]})" if len(first) else ""
        title = f"strongest correlation of one column{name} with the share of residents, over areas"
        advice = "A column that goes with a group's share this closely stands in for it: leave it out."
        found += [
            evidence.judged("proxy_probe", title, _fisher(strongest, count, level), advice=advice, **where),
            evidence.judged(
                "proxy_strength",
                "cross-validated R2 of the share of residents from all columns together",
                (float(told[place]),) * 3,
                advice="The columns together tell who lives in an area: look which, and leave them out.",
                **where,
            ),
        ]
    return found


def check_residual_proxies(evidence: CheckContext) -> list[Finding]:
    """Return whether the forecast errs with the share of a group."""
    found = []
    for residents in evidence.residents:
        areas = AreaProfiles.from_residents(residents)
        thin = _too_few(evidence, areas)
        for name, estimate in residual_correlations(evidence, areas):
            for place, group in enumerate(residents.groups):
                found.append(
                    evidence.judged(
                        "proxy_residual",
                        "correlation of recorded less expected events with the share of residents",
                        (float(estimate.value[place]), float(estimate.low[place]), float(estimate.high[place])),
                        crime_type=name,
                        dimension=residents.dimension,
                        group=group,
                        evidence=float(len(areas.people)),
                        thin=thin,
                        advice="Events are missed or expected in excess where the group lives: look for what is left "
                        "out, or at how recording changed.",
                    )
                )
    return found


def attribution_gaps(explanation: Explanation, grid: Grid, residents: Residents, by: str = "feature") -> pd.DataFrame:
    """Return what each feature or family adds to the log risk of a group's residents beyond that of all others."""
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


def _own(evidence: CheckContext) -> Explanation | None:
    """Return the explanation if it is one of the forecaster audited."""
    explanation = evidence.explanation
    return explanation if explanation is not None and explanation.forecaster == evidence.replay.forecaster else None


def _too_few(evidence: CheckContext, areas: AreaProfiles) -> str:
    """Return in words that chance alone makes columns and shares go together over so few areas."""
    count, least = len(areas.people), evidence.minimum.areas
    return f"{count} areas with residents, fewer than {least:g}" if count < least else ""


def _weighted_means(phi: Floats, weights: Floats, people: Floats) -> Floats:
    """Return means of attributions, shape (types, groups, features), weighted by residents (cells, groups)."""
    top = np.einsum("kctf,kct,cg->kgf", phi, weights[..., 0], people, optimize=True)
    bottom = np.einsum("kct,cg->kg", weights[..., 0], people, optimize=True)[..., None]
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def _fisher(correlation: float, count: int, level: float) -> tuple[float, float, float]:
    """Return a correlation with the ends of its interval by Fisher's transformation."""
    if count < 4 or not np.isfinite(correlation):
        return correlation, float("nan"), float("nan")
    middle = np.arctanh(min(correlation, 1 - 1e-12))
    half = special.ndtri((1 + level) / 2) / np.sqrt(count - 3)
    return correlation, float(np.tanh(middle - half)), float(np.tanh(middle + half))
