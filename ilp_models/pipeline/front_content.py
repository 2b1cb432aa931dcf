"""Gather the numbers of the front page: expected and recorded totals, places, and how the last map did."""

from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.recent_counts import recent_columns
from ilp_models.domain.timing import SIMULATED
from ilp_models.pipeline.audit_result import AuditResult
from ilp_models.report.formatting import period_label, period_noun
from ilp_models.report.front_page import FrontPage, Place, Total
from ilp_models.report.last_map import LastMap

Floats = npt.NDArray[np.float64]

_LEAST_PERIODS: Final = 20  # of the backtest, for a range
_INNER: Final = (0.05, 0.95)
_PLACES: Final = 3
_MAX_TYPES: Final = 8


def front_page(
    audit: AuditResult, decision: Decision, names: npt.NDArray[np.object_], last: LastMap | None, report: str
) -> FrontPage:
    """Return the content of the front page; it names places only if the forecast is admitted."""
    forecast, recent = audit.forecast.forecast, audit.forecast.recent
    timing = decision.timing
    period, expected = forecast.periods[0], forecast.expected.values[:, :, 0]
    return FrontPage(
        city=audit.city,
        period=period_label(period),
        noun=period_noun(period),
        admitted=decision.admitted,
        why=reason_in_one_sentence(decision),
        until=f"{decision.valid_until:%-d %B %Y, %H:%M %Z}",
        totals=_totals(audit),
        tested=len(audit.audit_input.replay.periods),
        last_label=period_label(recent.last_period),
        places=highest_places(expected, audit.forecast.grid.geometry, audit.forecast.grid.crs, names)
        if decision.admitted
        else (),
        mark="" if decision.admitted else RESEARCH_ONLY,
        last=last,
        report=report,
        note=SIMULATED if timing is not None and timing.simulated else "",
    )


def reason_in_one_sentence(decision: Decision) -> str:
    """Return why a forecast is admitted or withheld, in one sentence."""
    against = decision.obstacles
    if not against:
        return "All required checks passed for every crime type and group of residents."
    labels = [one.label or one.fault.rstrip(".") for one in against]
    first, more = labels[:3], len(labels) - 3
    listed = "; ".join(first) + (f"; and {more} more" if more > 0 else "")
    kind = "a reviewer may accept them" if decision.reviews else "the report says what to do about each"
    return f"{len(labels)} requirement{'s are' if len(labels) > 1 else ' is'} not met, and {kind}: {listed}."


def _totals(audit: AuditResult) -> tuple[Total, ...]:
    """Return the total of all types and of each type, the largest first."""
    expected = audit.forecast.forecast.expected.values[:, :, 0].sum(axis=1)
    kinds = list(map(str, audit.forecast.forecast.expected.indexes["crime_type"]))
    ratios = _ratios(audit, kinds)
    recent = audit.forecast.recent
    last = recent.last.values.sum(axis=1)
    year_ago = recent.counts[recent_columns(recent.unit)[2]].values[:, :, 0].sum(axis=1)
    before = year_ago if np.isfinite(year_ago).all() else None
    rows = [("All types" if len(kinds) > 1 else kinds[0], slice(None), ratios["all"])]
    if len(kinds) > 1:
        order = np.argsort(-expected, kind="stable")[:_MAX_TYPES]
        rows += [(kinds[at], slice(at, at + 1), ratios[kinds[at]]) for at in order]
    return tuple(
        Total(
            label,
            float(expected[own].sum()),
            _range(float(expected[own].sum()), ratio),
            float(last[own].sum()),
            None if before is None else float(before[own].sum()),
        )
        for label, own, ratio in rows
    )


def _ratios(audit: AuditResult, kinds: list[str]) -> dict[str, Floats]:
    """Return recorded divided by expected crimes of each tested period, for each type and for all."""
    replay = audit.audit_input.replay
    expected, observed = (np.asarray(one.values, dtype=float).sum(axis=1) for one in (replay.expected, replay.observed))
    own = [replay.crime_types.index(kind) for kind in kinds]
    found = {kind: observed[at] / np.maximum(expected[at], 1e-9) for kind, at in zip(kinds, own, strict=True)}
    return found | {"all": observed[own].sum(axis=0) / np.maximum(expected[own].sum(axis=0), 1e-9)}


def _range(expected: float, ratios: Floats) -> tuple[float, float] | None:
    if len(ratios) < _LEAST_PERIODS:
        return None
    low, high = np.quantile(ratios, _INNER)
    return expected * float(low), expected * float(high)


def highest_places(
    expected: Floats, geometry: npt.NDArray[np.object_], crs: str, names: npt.NDArray[np.object_]
) -> tuple[Place, ...]:
    """Return the places with most expected crimes of all types; ``expected`` has the shape (crime types, cells)."""
    total = expected.sum(axis=0)
    top = np.argsort(-total, kind="stable")[:_PLACES]
    centres = shapely.centroid(geometry[top])
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
    return tuple(
        Place(str(names[at]), float(total[at]), float(y), float(x)) for at, y, x in zip(top, lat, lon, strict=True)
    )
