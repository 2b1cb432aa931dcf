"""What a stored forecast could learn from: how old the newest counts were, and how often its method learned anew."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class ReplayTerms:
    """What a forecaster could learn from in a backtest; scores on other terms are no comparison of methods.

    Parameters
    ----------
    delay : int
        Periods before the cutoff that had not settled by then: the first forecast is ``1 + delay`` periods from the
        last known one.
    refit_every : int or None, default None
        Cutoffs between two fits; None where it was not kept.
    """

    delay: int
    refit_every: int | None = None

    @classmethod
    def joint(cls, terms: Iterable["ReplayTerms | None"]) -> "ReplayTerms | None":
        """Return the terms of several forecasts of one recipe."""
        parts: Sequence[ReplayTerms | None] = list(terms)
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        return max(known, key=lambda one: one.delay)

    def to_json(self) -> str:
        """Return the text in which terms are kept beside a forecast."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the terms that :meth:`to_json` wrote."""
        return cls(**json.loads(text))
