"""Rows of the tables of skill and of sums by group on the page of a region."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.region import REGION, JurisdictionFacts, Region
from ilp_models.domain.scores import ALL, is_bound
from ilp_models.report.formatting import MISSING, number, percent

_ALL_SKILL: Final = 5  # forecasters shown


def skill_rows(one: JurisdictionFacts) -> list[dict[str, Any]]:
    """Return the skill of the first forecasters of a jurisdiction over all crime types, at the first lead."""
    rows = one.skill[(one.skill["crime_type"] == ALL) & (one.skill["lead"] == one.skill["lead"].min())]
    rows = rows[[not is_bound(str(name)) for name in rows["forecaster"]]]
    return [
        {
            "forecaster": each["forecaster"],
            "skill": percent(each.get("skill", np.nan)),
            "interval": MISSING if pd.isna(each.get("low")) else f"{percent(each['low'])} to {percent(each['high'])}",
            "verdict": each.get("verdict") if isinstance(each.get("verdict"), str) else "",
        }
        for each in rows.head(_ALL_SKILL).to_dict("records")
    ]


def shared_skill_rows(region: Region, skill: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the skill over all crime types of the region and its parts, at the first lead."""
    rows = skill[skill["level"].isin((REGION, "part")) & (skill["crime_type"] == ALL)]
    rows = rows[rows["lead"] == rows["lead"].min()]
    return [
        {
            "name": one["name"],
            "forecaster": one["forecaster"],
            "baseline": one["baseline"],
            "skill": percent(one["skill"]),
            "interval": MISSING if pd.isna(one["low"]) else f"{percent(one['low'])} to {percent(one['high'])}",
            "span": _span_text(one),
            "missing": one["missing"] or "none",
        }
        for one in region_first(region, rows).to_dict("records")
    ]


def group_rows(groups: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the sums over all crime types of each group in the region."""
    rows = groups[(groups["level"] == REGION) & (groups["crime_type"] == ALL)]
    return [
        {
            "group": f"{one['dimension']}: {one['group']}",
            "residents": f"{one['residents']:,.0f}",
            "recorded": number(one["recorded"]),
            "sum_ratio": number(one["sum_ratio"]),
            "coverage": percent(one["coverage"]),
            "exposure": percent(one["exposure"]),
            "span": _span_text(one),
            "missing": one["missing"] or "none",
        }
        for one in rows.to_dict("records")
    ]


def _span_text(row: Mapping[Any, Any]) -> str:
    return f"{row['n']} from {row['first_period']}"


def region_first(region: Region, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the region and its parts in the order of the region's file."""
    order = [region.name, *region.parts]
    return rows.sort_values("name", key=lambda names: names.map(order.index), kind="stable")
