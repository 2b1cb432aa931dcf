"""How far an explanation holds: under another perturbation, in other periods, and what two columns do together."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.stats.rank_statistics import rank_correlation

_TABLES: Final = ("perturbations", "refits", "interactions")
PLACE: Final = "place"
TIME: Final = "time"
_KINDS: Final = {
    **dict.fromkeys(("calendar", "city_level", "lead"), TIME),
    **dict.fromkeys(("same_season", "same_weekday"), "place in season"),
    "crime_type": "crime type",
}


@dataclass(frozen=True, eq=False)
class Robustness:
    """What was tried on an explanation, over a sample of the units that its regression learned from.

    Parameters
    ----------
    perturbations : DataFrame
        ``feature, family, path, interventional``: mean absolute attribution (natural logarithm) when unknown columns
        follow the trees' own rows, and when they are drawn from a background without regard to the known ones.
        Empty where there is one way only.
    interventional_error : float
        The largest gap of the interventional attributions from the log rate; NaN without them.
    refits : DataFrame
        ``feature, family``, then the mean absolute attributions of each regression learned anew from another half of
        the periods, one column each. Empty where nothing was learned anew.
    interactions : DataFrame
        ``first, second, first_family, second_family, strength``: mean absolute SHAP interaction value of each pair of
        columns, both halves together; a column with itself is what it adds alone. Empty where there are none.
    rows : int
        Units in the sample.
    """

    perturbations: pd.DataFrame
    interventional_error: float
    refits: pd.DataFrame
    interactions: pd.DataFrame
    rows: int

    @property
    def agreement(self) -> float:
        """Rank correlation (Spearman) of the importances under both perturbations; NaN without them."""
        if self.perturbations.empty:
            return float("nan")
        path, interventional = (self.perturbations[name].to_numpy() for name in ("path", "interventional"))
        return float(rank_correlation(path, interventional))

    @property
    def stability(self) -> tuple[float, float, float]:
        """Mean, lowest and highest rank correlation of the importances of any two refits; NaN without them."""
        columns = [self.refits[name].to_numpy() for name in self.refits.columns[2:]]
        pairs = [float(rank_correlation(one, other)) for one, other in combinations(columns, 2)]
        if not pairs:
            return float("nan"), float("nan"), float("nan")
        return float(np.mean(pairs)), float(np.min(pairs)), float(np.max(pairs))

    def by_kind(self) -> pd.DataFrame:
        """Return how strongly kinds of columns act together: place, time, place in season, crime type."""
        pairs = self.interactions[self.interactions["first"] != self.interactions["second"]]
        kinds = [
            sorted((_KINDS.get(one, PLACE), _KINDS.get(other, PLACE)))
            for one, other in zip(pairs["first_family"], pairs["second_family"], strict=True)
        ]
        table = pd.DataFrame(kinds, columns=["first", "second"]).assign(strength=pairs["strength"].to_numpy())
        table = table.groupby(["first", "second"])[["strength"]].sum().reset_index()
        total = table["strength"].sum()
        table["share"] = table["strength"] / total if total else 0.0
        return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)

    @property
    def place_with_time(self) -> float:
        """Strength of the interactions of place with time, as a share of all that columns do; NaN without any."""
        total = float(self.interactions["strength"].sum()) if len(self.interactions) else 0.0
        if not total:
            return float("nan")
        table = self.by_kind()
        both = (table["first"] == PLACE) & (table["second"] == TIME)
        return float(table.loc[both, "strength"].sum()) / total

    def labelling(self) -> str:
        """Return in one sentence what the interactions say of permanent labels of places."""
        share = self.place_with_time
        if not np.isfinite(share):
            return "Interactions of place with time were not worked out."
        families = set(self.interactions["first_family"])
        if not any(_KINDS.get(family) == TIME for family in families):
            return (
                "The regression has no column of time: season and city level move all places of a crime type alike, "
                "so that a place changes its rank only when the counts there and around it do."
            )
        return (
            f"{share:.1%} of what columns add is an interaction of place with time: the smaller it is, the more a "
            "place keeps its rank through the year whatever happens elsewhere."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        tables = {name: getattr(self, name).to_dict("list") for name in _TABLES}
        return {**tables, "interventional_error": _plain(self.interventional_error), "rows": self.rows}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        try:
            tables = {name: pd.DataFrame(plain[name]) for name in _TABLES}
            error = plain["interventional_error"]
            return cls(
                **tables, interventional_error=np.nan if error is None else float(error), rows=int(plain["rows"])
            )
        except (KeyError, TypeError, ValueError) as wrong:
            msg = f"What was tried on an explanation cannot be read ({wrong!r}); explain the forecaster again."
            raise InputError(msg) from wrong


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
