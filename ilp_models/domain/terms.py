"""Conditions of a backtest: the age of the newest known counts and the refit interval."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class ReplayTerms:
    """Conditions of a backtest; scores under different conditions do not compare methods.

    Parameters
    ----------
    delay : int
        Periods before the cutoff that had not settled by then: the first forecast is ``1 + delay`` periods from the
        last known one.
    refit_every : int or None, default None
        Cutoffs between two fits; None if unknown.
    """

    delay: int
    refit_every: int | None = None

    @classmethod
    def joint(cls, terms: Iterable["ReplayTerms | None"]) -> "ReplayTerms | None":
        """Return the common terms of several forecasts of one recipe; None if any is unknown."""
        parts: Sequence[ReplayTerms | None] = list(terms)
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        return max(known, key=lambda one: one.delay)

    def to_json(self) -> str:
        """Return the terms as JSON, as stored with a forecast."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the terms from the JSON of `to_json`."""
        return cls(**json.loads(text))
