"""What must hold before forecasts are compared: the same units, whole and finite."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL, is_bound
from ilp_models.stats.distributions import LEVELS


def check(replays: Sequence[Replay], area_m2: npt.NDArray[np.float64]) -> None:
    """Refuse replays whose scores would not be comparable."""
    if not replays:
        msg = "There are no stored forecasts to score; run a backtest first."
        raise InputError(msg)
    firsts: dict[int, Replay] = {}
    seen: set[tuple[str, int]] = set()
    for replay in replays:
        _check_name(replay, seen)
        _check_values(replay)
        _check_same(replay, firsts.setdefault(replay.lead, replay))
    _check_leads(seen)
    for replay in firsts.values():
        cells = replay.expected.sizes["cell"]
        if area_m2.shape != (cells,):
            msg = f"The forecasts have {cells} cells and the grid {area_m2.size} areas; pass the grid of the backtest."
            raise InputError(msg)


def _check_name(replay: Replay, seen: set[tuple[str, int]]) -> None:
    name = replay.forecaster
    if is_bound(name) or not name:
        msg = f"A forecaster may not be called {name!r}: scores keep that name for a bound; rename it."
        raise InputError(msg)
    if (name, replay.lead) in seen:
        msg = f"{name} comes twice at lead {replay.lead}; give each forecaster a name of its own."
        raise InputError(msg)
    if ALL in replay.crime_types:
        msg = f"The crime type {ALL!r} is the pool over all types; rename the type of that name."
        raise InputError(msg)
    seen.add((name, replay.lead))


def _check_values(replay: Replay) -> None:
    levels = np.asarray(replay.quantiles.indexes.get("quantile", ()), dtype=float)
    if replay.quantiles.dims != ("quantile", *DIMS) or replay.quantiles.shape[1:] != replay.expected.shape:
        msg = f"The quantiles of {replay.forecaster} do not cover the units of its expected counts."
        raise InputError(msg)
    if levels.shape != (len(LEVELS),) or not np.allclose(levels, LEVELS):
        msg = f"{replay.forecaster} must give the quantiles {LEVELS}, not {tuple(levels.tolist())}."
        raise InputError(msg)
    if not set(replay.dispersion.dims) <= set(DIMS) or any(
        replay.dispersion.sizes[name] != replay.expected.sizes[name] for name in replay.dispersion.dims
    ):
        msg = f"The dispersion of {replay.forecaster} does not cover the units of its expected counts."
        raise InputError(msg)
    for name in ("expected", "quantiles", "dispersion", "observed"):
        values = np.asarray(getattr(replay, name).values, dtype=float)
        if not (np.isfinite(values) & (values >= 0)).all():
            msg = (
                f"The {name} values of {replay.forecaster} are NaN, infinite or negative in some units; "
                "score only periods that have been observed and forecast in full."
            )
            raise InputError(msg)


def _check_same(replay: Replay, other: Replay) -> None:
    unlike = replay.difference(other)
    if unlike:
        msg = (
            f"{replay.forecaster} and {other.forecaster} {unlike}. Compare forecasts of one grid, "
            "the same crime types, periods and records."
        )
        raise InputError(msg)


def _check_leads(seen: set[tuple[str, int]]) -> None:
    leads: dict[str, list[int]] = {}
    for name, lead in sorted(seen):
        leads.setdefault(name, []).append(lead)
    first = next(iter(leads))
    for name, own in leads.items():
        if own != leads[first]:
            msg = f"{name} forecast leads {own} and {first} {leads[first]}; replay both with one backtest.horizon."
            raise InputError(msg)
