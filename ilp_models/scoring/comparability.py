"""Check that stored forecasts are comparable: the same cells, crime types, periods and counts, all finite."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL, is_bound
from ilp_models.stats.distributions import LEVELS


def check_comparable(replays: Sequence[Replay], area_m2: npt.NDArray[np.float64]) -> None:
    """Raise InputError where the scores of some replays would not be comparable."""
    if not replays:
        msg = "There are no stored forecasts to score. Run a backtest first."
        raise InputError(msg)
    firsts: dict[int, Replay] = {}
    names: set[tuple[str, int]] = set()
    for replay in replays:
        _check_name(replay, names)
        _check_values(replay)
        _check_same(replay, firsts.setdefault(replay.lead, replay))
    _check_leads(names)
    for replay in firsts.values():
        cells = replay.expected.sizes["cell"]
        if area_m2.shape != (cells,):
            msg = f"The forecasts have {cells} cells and the grid {area_m2.size} areas. Pass the grid of the backtest."
            raise InputError(msg)


def _check_name(replay: Replay, names: set[tuple[str, int]]) -> None:
    name = replay.forecaster
    if is_bound(name) or not name:
        msg = f"The forecaster name {name!r} is reserved for a bound. Rename the forecaster."
        raise InputError(msg)
    if (name, replay.lead) in names:
        msg = f"{name} is listed twice at lead {replay.lead}. Give each forecaster a unique name."
        raise InputError(msg)
    if ALL in replay.crime_types:
        msg = f"The crime type {ALL!r} is reserved for the pool over all types. Rename that type."
        raise InputError(msg)
    names.add((name, replay.lead))


def _check_values(replay: Replay) -> None:
    levels = np.asarray(replay.quantiles.indexes.get("quantile", ()), dtype=float)
    if replay.quantiles.dims != ("quantile", *DIMS) or replay.quantiles.shape[1:] != replay.expected.shape:
        msg = f"The quantiles of {replay.forecaster} do not cover the same cells and periods as its expected counts."
        raise InputError(msg)
    if levels.shape != (len(LEVELS),) or not np.allclose(levels, LEVELS):
        msg = f"{replay.forecaster} has the quantiles {tuple(levels.tolist())}. Forecast the quantiles {LEVELS}."
        raise InputError(msg)
    if not set(replay.dispersion.dims) <= set(DIMS) or any(
        replay.dispersion.sizes[name] != replay.expected.sizes[name] for name in replay.dispersion.dims
    ):
        msg = f"The dispersion of {replay.forecaster} does not cover the same cells and periods as its expected counts."
        raise InputError(msg)
    for name in ("expected", *replay.parts, "observed"):
        values = np.asarray(getattr(replay, name).values, dtype=float)
        if not (np.isfinite(values) & (values >= 0)).all():
            msg = (
                f"The {name} values of {replay.forecaster} are NaN, infinite or negative in some cells. "
                "Score only periods that are fully recorded and forecast."
            )
            raise InputError(msg)


def _check_same(replay: Replay, other: Replay) -> None:
    difference = replay.difference(other)
    if difference:
        msg = (
            f"{replay.forecaster} and {other.forecaster} {difference}. Compare forecasts of one grid with "
            "the same crime types, periods and records."
        )
        raise InputError(msg)


def _check_leads(names: set[tuple[str, int]]) -> None:
    leads: dict[str, list[int]] = {}
    for name, lead in sorted(names):
        leads.setdefault(name, []).append(lead)
    first = next(iter(leads))
    for name, own in leads.items():
        if own != leads[first]:
            msg = f"{name} has leads {own} and {first} has {leads[first]}. Set one backtest.horizon."
            raise InputError(msg)
