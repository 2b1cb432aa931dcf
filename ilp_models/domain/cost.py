"""What forecasts cost to make: seconds and memory, kept beside them and never part of what they are."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Optional, Self

import numpy as np


@dataclass(frozen=True)
class Cost:
    """Seconds and memory of some fits and forecasts, as measured when they were made.

    Parameters
    ----------
    fits, forecasts : int
        How many of each.
    fit_seconds, fit_cpu_seconds : float
        Spent in fits: by the clock, and by the processor in all threads of the process.
    forecast_seconds, forecast_cpu_seconds : float
        Spent in forecasts and in the updates before them.
    peak_mb : float
        Most resident memory above what the process held before, megabytes; NaN where it cannot be measured.
    """

    fits: int = 0
    forecasts: int = 0
    fit_seconds: float = 0.0
    fit_cpu_seconds: float = 0.0
    forecast_seconds: float = 0.0
    forecast_cpu_seconds: float = 0.0
    peak_mb: float = 0.0

    @classmethod
    def total(cls, costs: Iterable[Optional["Cost"]]) -> Self | None:
        """Return what several things cost together."""
        parts: Sequence[Cost | None] = list(costs)
        known = [asdict(part) for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        sums = {name: sum(part[name] for part in known) for name in known[0]}
        return cls(**{**sums, "peak_mb": float(np.max([part["peak_mb"] for part in known]))})

    def to_dict(self) -> dict[str, float]:
        """Return the cost as plain numbers."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the text in which a cost is kept beside a forecast."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the cost that :meth:`to_json` wrote."""
        return cls(**json.loads(text))
