"""Read the end of the span in which each incident may have happened."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.row_filter import RowFilter
from ilp_models.data.schema import ColumnMapping
from ilp_models.data.timestamps import TimestampParser
from ilp_models.domain.errors import InputError


def read_spans(
    rows: RowFilter,
    parser: TimestampParser,
    columns: ColumnMapping,
    occurred: pd.Series,
    longest: pd.Timedelta | None,
) -> tuple[RowFilter, pd.Series | None]:
    """Return the rows and the end of the span of each incident; the ends are None if no column is declared.

    Missing ends and ends before the start are flagged, and only the start counts. Spans longer than ``longest`` are set
    aside.
    """
    until = parser.until(rows.records.table, columns)
    if until is None:
        if longest is not None:
            msg = "data.max_span needs the end of the span of each incident. Set data.columns.occurred_until as well."
            raise InputError(msg)
        return rows, None
    shown = [column for role, column in columns.declared().items() if role.startswith("occurred_")]
    note = "the start is used as the time of the incident."
    rows = rows.flag("end of the span missing or unreadable", until.isna().to_numpy(), shown, note)
    backwards = (until < occurred).to_numpy()
    rows = rows.flag("end of the span before its start", backwards, shown, note)
    if longest is not None:
        limit = str(longest).removesuffix(" 00:00:00")
        rows = rows.remove(
            f"span longer than data.max_span={limit}", "set aside", (until - occurred > longest).to_numpy(), shown
        )
    return rows, until.mask(backwards)


def last_moment(latest: pd.Series, until: pd.Series | None, remaining: npt.NDArray[np.bool_]) -> pd.Series:
    """Return the last moment at which each incident may have happened; the end of a span is not part of it."""
    if until is None:
        return latest
    ends = until[remaining].reset_index(drop=True) - pd.Timedelta(1, "us")
    return latest.where(ends.isna() | (ends < latest), ends)


def moment_words(columns: ColumnMapping, resolution: str) -> str:
    """Return the moment from which the reporting delay counts, in words."""
    if resolution == "month":
        return "the last day of its month"
    return "the end of its span" if columns.occurred_until or columns.occurred_until_date else "it occurred"
