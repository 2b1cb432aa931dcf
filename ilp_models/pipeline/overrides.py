"""Changes of an allocation made by hand, each with who made it and why; and the point of a frontier that was chosen."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.allocation.frontier import Frontier
from ilp_models.domain.allocation import Allocator, Effort, Override
from ilp_models.domain.errors import InputError

_OVERRIDES: Final = ("cell", "period", "effort", "who", "reason")


def cap_of(allocation: Allocator, frontier: Frontier) -> float:
    """Return the cap in force on the dimension of the frontier."""
    caps = getattr(allocation, "exposure", None) or {}
    dimension = frontier.dimension or next(iter(caps), None)
    cap = caps.get(dimension, {}).get("cap", np.inf)
    return float(max(cap.values(), default=np.inf) if isinstance(cap, Mapping) else cap)


def read_overrides(path: str | None) -> tuple[Override, ...]:
    """Return the changes made by hand."""
    if path is None:
        return ()
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(("cell", "period", "who", "reason"), str), keep_default_na=False)
        efforts = pd.to_numeric(table["effort"])
        rows = zip(table["cell"], table["period"], efforts, table["who"], table["reason"], strict=True)
        return tuple(Override(cell, period, float(effort), who, reason) for cell, period, effort, who, reason in rows)
    except (OSError, KeyError, ValueError) as error:
        msg = f"overrides={path} cannot be read ({error}); give a CSV with the columns {', '.join(_OVERRIDES)}."
        raise InputError(msg) from error


def changed(effort: Effort, changes: tuple[Override, ...], cells: pd.Index, periods: pd.PeriodIndex) -> Effort:
    """Return the effort with changes made by hand: what a person gave was given for certain."""
    amount, inclusion = effort.amount.copy(), effort.inclusion.copy()
    starts = pd.Index(periods.start_time.strftime("%Y-%m-%d"))
    for one in changes:
        if one.cell not in cells or one.period not in starts:
            msg = (
                f"An override names {one.cell} in {one.period}; the plan holds cells such as {cells[0]} in {starts[0]}."
            )
            raise InputError(msg)
        at = cells.get_loc(one.cell), starts.get_loc(one.period)
        amount[at], inclusion[at] = one.effort, float(one.effort > 0)
    return Effort(amount, inclusion, effort.gap)
