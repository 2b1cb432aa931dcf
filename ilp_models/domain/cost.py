"""Cost of forecasts: seconds and memory. They are stored with the forecasts, but are not part of their recipe."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Optional, Self

import numpy as np


@dataclass(frozen=True)
class Cost:
    """Measured seconds and memory of some fits and forecasts.

    Parameters
    ----------
    fits, forecasts : int
        Number of each.
    fit_seconds, fit_cpu_seconds : float
        Time of the fits: wall-clock, and CPU in all threads of the process.
    forecast_seconds, forecast_cpu_seconds : float
        Time of the forecasts and the updates before them.
    peak_mb : float
        Peak resident memory above that before the fits, megabytes; NaN if it cannot be measured.
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
        """Return the summed cost, with the largest peak memory; None if any is unknown."""
        parts: Sequence[Cost | None] = list(costs)
        known = [asdict(part) for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        sums = {name: sum(part[name] for part in known) for name in known[0]}
        return cls(**{**sums, "peak_mb": float(np.max([part["peak_mb"] for part in known]))})

    def to_dict(self) -> dict[str, float]:
        """Return the cost as a dict of numbers."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the cost as JSON, as stored with a forecast."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the cost from the JSON of `to_json`."""
        return cls(**json.loads(text))
