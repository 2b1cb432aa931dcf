"""Compare the measures of two flagged maps: the audited one and one with another setting."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
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
    """Flagged areas, recorded events and residents of one set of places (cells or areas)."""

    flags: Floats  # flagged fraction of each place, shape (scopes, places, periods)
    observed: Floats  # recorded events, shape (crime types, places, periods)
    area_m2: Floats  # ground area of each place
    residents: tuple[Residents, ...]  # one per dimension
    scopes: tuple[str, ...]  # the crime types and, if there are several, "all"

    @classmethod
    def from_context(cls, context: CheckContext) -> Self:
        """Return the audited map."""
        return cls(context.flags, context.observed, context.grid.area_m2, context.residents, context.scopes)

    @classmethod
    def from_ranking(cls, context: CheckContext) -> Self:
        """Return the map of the ranking alone, which is the audited map unless another rule was audited."""
        return replace(cls.from_context(context), flags=context.ranked_flags)

    @classmethod
    def from_area_level(cls, context: CheckContext, level: AreaLevel) -> Self:
        """Return the flagged map of parent areas, ranked by the sums of the cells' forecasts."""
        add = level.matrix
        people = tuple(
            replace(one, by_group=add @ one.by_group, total=add @ one.total, area=np.arange(len(level.areas)))
            for one in context.residents
        )
        expected, land = level.sums(context.replay.expected.values), add @ context.grid.area_m2
        rule = replace(context.flagging_rule(), area_m2=land, residents=people[0].total if people else None)
        flags = rule.flagged(with_total(expected), context.land_share)[0]
        return cls(flags, level.sums(context.observed), land, people, context.scopes)

    def measures(self) -> pd.DataFrame:
        """Return the exposure ratio and need-adjusted ratio of each group, and the coverage ratio of each dimension."""
        rows: list[tuple[str, str, str, str, float]] = []
        for one in self.residents:
            sums = tally_flags(Basis.from_residents(one), self.flags, self.observed).whole
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = {
                    "exposure_ratio": formulas.exposure_ratio(sums),
                    "need_adjusted_ratio": formulas.need_adjusted_ratio(sums),
                }
                coverage_ratio = partial(group_ratio, enough=sums["burdened"][..., :-1] > 0, lowest=True)
                coverage = per_draw(formulas.coverage(sums), coverage_ratio)
            for row, scope in enumerate(self.scopes):
                for measure, values in ratios.items():
                    pairs = zip(one.groups, values[row], strict=True)
                    rows += [(scope, one.dimension, group, measure, float(value)) for group, value in pairs]
                rows.append((scope, one.dimension, "", "coverage_ratio", float(coverage[row])))
        return pd.DataFrame(rows, columns=[*COLUMNS[2:6], "value"])


def flagged_overlap(first: Floats, second: Floats, area_m2: Floats) -> tuple[Floats, Floats]:
    """Return the areas flagged in both maps and the areas flagged in either map, by period and row of the flags.

    Their ratio is the Jaccard index. For a partly flagged cell, the smaller and the larger fraction count.
    """
    both, either = (
        np.einsum("kct,c->tk", bound, area_m2) for bound in (np.minimum(first, second), np.maximum(first, second))
    )
    return both, either


def compare_maps(audited: FlaggedMap, other: FlaggedMap, varied: str, setting: str) -> pd.DataFrame:
    """Return the measures of another map (column value) and of the audited map (column against)."""
    keys = list(COLUMNS[2:6])
    against = audited.measures().rename(columns={"value": "against"})
    table = other.measures().merge(against, on=keys, how="left") if other.residents else against.iloc[:0]
    if other.area_m2 is audited.area_m2:  # identity, not equality: only maps of the same places overlap
        both, either = (one.sum(axis=0) for one in flagged_overlap(audited.flags, other.flags, audited.area_m2))
        flagged = flagged_overlap(other.flags, other.flags, audited.area_m2)[0].sum(axis=0)
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
