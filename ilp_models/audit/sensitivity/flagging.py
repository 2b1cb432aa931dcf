"""What changes when something that had to be chosen is chosen otherwise: the same measures, side by side."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.formulas import group_ratio, per_draw
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.residents import Residents
from ilp_models.domain.aggregate import AreaLevel

Floats = npt.NDArray[np.float64]

COLUMNS: Final = ("varied", "setting", "crime_type", "dimension", "group", "measure", "value", "against")
RANKING_UNIT, GROUP_DEFINITION, AREAL_UNIT = "ranking_unit", "group_definition", "areal_unit"
REPORTING_RATES, TAINTED_PERIODS, ENFORCEMENT_TYPES = "reporting_rates", "tainted_periods", "enforcement_types"


@dataclass(frozen=True, eq=False)
class FlaggedMap:
    """Flagged land, recorded events and residents on one set of places.

    Parameters
    ----------
    flags, observed : ndarray of float64
        Flagged fractions and recorded events, shape (crime types, places, periods).
    area_m2 : ndarray of float64
        Ground of each place.
    residents : tuple of Residents
        Residents of the places, one a dimension.
    scopes : tuple of str
        Crime types and, where there are several, ``all``.
    """

    flags: Floats
    observed: Floats
    area_m2: Floats
    residents: tuple[Residents, ...]
    scopes: tuple[str, ...]

    @classmethod
    def from_context(cls, evidence: CheckContext) -> Self:
        """Return the flagging that is audited."""
        return cls(evidence.flags, evidence.observed, evidence.grid.area_m2, evidence.residents, evidence.scopes)

    @classmethod
    def from_area_level(cls, evidence: CheckContext, level: AreaLevel) -> Self:
        """Return the flagging of areas that cells roll up to, ranked by the sums of the same forecasts."""
        add = level.matrix
        people = tuple(
            replace(one, by_group=add @ one.by_group, total=add @ one.total, area=np.arange(len(level.areas)))
            for one in evidence.residents
        )
        expected, land = level.sums(evidence.replay.expected.values), add @ evidence.grid.area_m2
        cut = replace(evidence.flagging_rule(), area_m2=land, residents=people[0].total if people else None)
        flags = cut.flagged(expected, evidence.share)[0]
        return cls(flags, level.sums(evidence.observed), land, people, evidence.scopes)

    def measures(self) -> pd.DataFrame:
        """Return exposure ratio and need-adjusted ratio of every group, and coverage ratio of every dimension."""
        rows: list[tuple[str, str, str, str, float]] = []
        for one in self.residents:
            sums = tally_flags(Basis.from_residents(one), self.flags, self.observed).whole
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = {
                    "exposure_ratio": formulas.exposure_ratio(sums),
                    "need_adjusted_ratio": formulas.need_adjusted_ratio(sums),
                }
                everyone = partial(group_ratio, enough=sums["burdened"][..., :-1] > 0, lowest=True)
                coverage = per_draw(formulas.coverage(sums), everyone)
            for row, scope in enumerate(self.scopes):
                for measure, values in ratios.items():
                    pairs = zip(one.groups, values[row], strict=True)
                    rows += [(scope, one.dimension, group, measure, float(value)) for group, value in pairs]
                rows.append((scope, one.dimension, "", "coverage_ratio", float(coverage[row])))
        return pd.DataFrame(rows, columns=[*COLUMNS[2:6], "value"])


def overlap(first: Floats, second: Floats, area_m2: Floats) -> tuple[Floats, Floats]:
    """Return the land flagged on both of two sets of maps, and on either, period by period.

    Their ratio is Jaccard's overlap of the flagged land; of cells flagged in part the smaller and the larger part
    count.
    """
    sums = []
    for bound in (np.minimum(first, second), np.maximum(first, second)):
        land = np.einsum("kct,c->tk", bound, area_m2)
        sums.append(np.column_stack([land, land.sum(axis=1)]) if land.shape[1] > 1 else land)
    return sums[0], sums[1]


def compared(audited: FlaggedMap, other: FlaggedMap, varied: str, setting: str) -> pd.DataFrame:
    """Return the measures under another choice beside those audited."""
    keys = list(COLUMNS[2:6])
    against = audited.measures().rename(columns={"value": "against"})
    table = other.measures().merge(against, on=keys, how="left") if other.residents else against.iloc[:0]
    if other.area_m2 is audited.area_m2:  # the same places, not only as many
        both, either = (one.sum(axis=0) for one in overlap(audited.flags, other.flags, audited.area_m2))
        flagged = overlap(other.flags, other.flags, audited.area_m2)[0].sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = {"jaccard": (both / either, 1.0), "left_out": ((flagged - both) / flagged, 0.0)}
        rows = [
            (scope, "", "", measure, float(value), same)
            for measure, (ratios, same) in values.items()
            for scope, value in zip(audited.scopes, ratios, strict=True)
        ]
        maps = pd.DataFrame(rows, columns=[*keys, "value", "against"])
        table = pd.concat([maps, table], ignore_index=True) if len(table) else maps
    return table.assign(varied=varied, setting=setting).reindex(columns=list(COLUMNS))
