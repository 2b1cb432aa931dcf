"""Let the models of a task know what neighbours recorded, and count what lies on both sides of each border."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.text_output import write_table
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.outputs import rewrite_intake
from ilp_models.pipeline.study import Study, with_notes

BORDERS: Final = "borders.csv"
_YEAR: Final = 364  # days


def models_across_borders(
    model: Mapping[str, Forecaster], study: Study, neighbours: Neighbours | None, folder: Path
) -> tuple[Mapping[str, Forecaster], Study, tuple[str, ...]]:
    """Return the models with the records of neighbours, the study with notes on them, and the notes on unused ones.

    The counts on both sides of each border are written to `borders.csv`.
    """
    if neighbours is None or not neighbours.jurisdictions:
        return model, study, ()
    found, left_out = neighbours.read(study.events, study.calendar)
    reach = f"{neighbours.reach_m / 1000:g} km"
    notes = [f"Cells at the border know the records of {name} within {reach}." for name in found]
    unused = tuple(
        f"The records of the neighbour {name} are not used: {why.rstrip('.')}." for name, why in left_out.items()
    )
    study = replace(study, events=with_notes(study.events, [*notes, *unused]))
    rewrite_intake(study.events.intake, folder)
    if not found:
        return model, study, unused
    tables = [border_counts(study.events, other, name, neighbours.reach_m) for name, other in found.items()]
    write_table(pd.concat(tables, ignore_index=True), folder / BORDERS)
    records = list(found.values())
    return {name: AcrossBorders(one, records, neighbours.reach_m) for name, one in model.items()}, study, unused


def border_counts(events: Events, other: Events, name: str, reach_m: float) -> pd.DataFrame:
    """Return the events within a distance of the neighbour's events, and the other way round, by crime type.

    Two periods of 52 weeks are counted: the latest one of the records, and the one before.
    """
    rows = []
    sides = {"here": (events, other), "beyond": (other, events)}
    for side, (one, against) in sides.items():
        table = one.table[_near(one, against, reach_m)]
        age = (events.end - table["occurred_at"]).dt.days // _YEAR
        for kind in events.crime_types:
            ages = age[table["crime_type"] == kind]
            counts = {"latest_52_weeks": int((ages == 0).sum()), "weeks_before": int((ages == 1).sum())}
            rows.append({"neighbour": name, "side": side, "crime_type": kind, "reach_m": reach_m, **counts})
    return pd.DataFrame(rows)


def _near(events: Events, others: Events, reach_m: float) -> npt.NDArray[np.bool_]:
    """Return which events lie within a distance of any of the others."""
    if not len(others) or not len(events):
        return np.zeros(len(events), dtype=bool)
    tree = cKDTree(np.unique(others.table[["x", "y"]].to_numpy(), axis=0))
    distance, _ = tree.query(events.table[["x", "y"]].to_numpy(), distance_upper_bound=reach_m)
    return np.asarray(np.isfinite(distance))
