"""Judgements and indicators of a threat in one area, as columns of the table of areas."""

import pandas as pd

from ilp_models.strategy.threats.judgements import AREA

_KEYS = ["threat", AREA]


def add_area_inputs(areas: pd.DataFrame, judgements: pd.DataFrame, indicators: pd.DataFrame) -> pd.DataFrame:
    """Return the table of areas with ``score_DIMENSION`` or ``value_INDICATOR`` and what belongs to each.

    What is not given is missing. Indicators of the whole city, which have no area, are left out.
    """
    inside = indicators[indicators[AREA] != ""].rename(columns={"crime_type": "threat"})
    for given, field in ((judgements, "dimension"), (inside, "indicator")):
        for name, rows in given.groupby(field, sort=False):
            own = rows.drop(columns=field).set_index(_KEYS).add_suffix(f"_{name}")
            areas = areas.merge(own.reset_index(), on=_KEYS, how="left", validate="one_to_one")
    return areas
