"""Rows that lack nothing but a place, counted, so that places lost can be told apart by time, type and area."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def count_missing_coordinates(
    rows: npt.NDArray[np.int64], occurred: pd.Series, crime_types: pd.Series, areas: pd.Series | None
) -> pd.DataFrame:
    """Return how many rows had no place."""
    named = [""] * len(rows) if areas is None else areas.iloc[rows].fillna("").astype(str).tolist()
    table = pd.DataFrame(
        {
            "day": occurred.iloc[rows].dt.normalize().to_numpy(),
            "crime_type": crime_types.iloc[rows].astype(str).to_numpy(dtype=object),
            "area": np.array(named, dtype=object),
        }
    )
    return table.value_counts(sort=False).rename("count").reset_index()
