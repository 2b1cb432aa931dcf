"""Records that several files repeat, such as overlapping exports: they would count twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.crime_types import clean_labels
from ilp_models.data.reader import RawRecords
from ilp_models.data.row_filter import RowFilter

MAX_SHARE: Final = 0.05  # of the records of the smaller file, equal in every declared column
MAX_SHARE_OF_PLACES: Final = 0.5  # equal in time, place and label only, as where an export numbers its records again


@dataclass(frozen=True)
class RepeatedFiles:
    """Two files and the share of the smaller one that the other repeats."""

    first: str
    second: str
    count: int
    share: float  # 0 to 1

    def __str__(self) -> str:
        """Return a sentence on the files and how to correct them."""
        return (
            f"{self.first} and {self.second} have {self.count:,} equal records, {self.share:.1%} of the smaller file, "
            "so these would count twice. Remove one of the files, cut their spans so that they do not overlap, or set "
            "data.duplicates=drop."
        )


def find_repeats(
    records: RawRecords, known: pd.DataFrame, labels: pd.Series, record_columns: Sequence[str]
) -> RepeatedFiles | None:
    """Return the two files that repeat each other most, if they exceed a limit.

    ``known`` has the parsed time and coordinates of the rows to compare, under their row numbers, so that another way
    to write a date or a coordinate is no difference.
    """
    if len(records.files) < 2:
        return None
    rows = known.index
    keys = known.assign(label=clean_labels(labels).str.casefold().reindex(rows))
    file = pd.Series(records.file, name="file").reindex(rows)
    numbers = records.table.reindex(rows)[list(record_columns)].astype("str").apply(lambda one: one.str.strip())
    limits = {MAX_SHARE: pd.concat([keys, numbers], axis=1), MAX_SHARE_OF_PLACES: keys}
    for limit, columns in limits.items():
        found = _most_repeated(columns, file, [one.name for one in records.files])
        if found is not None and found.share > limit:
            return found
    return None


def equal_to_earlier(
    table: pd.DataFrame, rows: npt.NDArray[np.int64], parsed: Iterable[npt.NDArray[np.generic]]
) -> npt.NDArray[np.int64]:
    """Return which of some rows equal an earlier one of them in every column.

    Equal texts have equal parsed values, of which ``parsed`` has one for each row of the table. Only rows that share
    these values with another row are compared by their text, because numbering millions of texts needs much memory.
    """
    for values in parsed:
        code = pd.factorize(values[rows])[0] + 1
        rows = rows[np.bincount(code)[code] > 1]
    return np.asarray(rows[table.iloc[rows].duplicated().to_numpy()])


def _most_repeated(columns: pd.DataFrame, file: pd.Series, names: Sequence[str]) -> RepeatedFiles | None:
    """Return the pair of files with the largest share of equal records; each record is equal to one at most."""
    key = columns.groupby(list(columns.columns), dropna=False, sort=False).ngroup().rename("key")
    counts = pd.concat([key, file], axis=1).value_counts().rename("count").reset_index()
    shared = counts[counts.duplicated("key", keep=False)]
    pairs = shared.merge(shared, on="key", suffixes=("_a", "_b"))
    pairs = pairs[pairs["file_a"] < pairs["file_b"]]
    if pairs.empty:
        return None
    pairs["equal"] = pairs[["count_a", "count_b"]].min(axis=1)
    sums = pairs.groupby(["file_a", "file_b"])["equal"].sum().reset_index().to_numpy(dtype=np.int64)
    shares = sums[:, 2] / np.bincount(file)[sums[:, :2]].min(axis=1)
    first, second, equal = sums[int(np.argmax(shares))]
    return RepeatedFiles(names[first], names[second], int(equal), float(shares.max()))


def flag_duplicates(rows: RowFilter, shown: str, parsed: Sequence[npt.NDArray[np.generic]], *, drop: bool) -> RowFilter:
    """Flag or remove records that repeat an earlier record in every column that is read."""
    table = rows.records.table
    repeated = np.zeros(len(table), dtype=bool)
    repeated[equal_to_earlier(table, np.flatnonzero(rows.remaining), parsed)] = True
    compared = ", ".join(table.columns)
    if drop:
        return rows.remove("exact duplicates", "left out", repeated, [shown], f"equal in {compared}.")
    note = f"equal in {compared}; kept, because one incident can have several records."
    return rows.flag("exact duplicates", repeated, [shown], note)
