"""Which formats read the dates of a file: suggest one for unreadable values, and refuse formats that contradict."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from ilp_models.data.masking import mask_value
from ilp_models.domain.errors import InputError

EPOCHS: Final[Mapping[str, Literal["s", "ms"]]] = {
    "epoch_s": "s",
    "epoch_ms": "ms",
}  # seconds or milliseconds since 1970, UTC

_EPOCH_RANGE: Final = (600_000_000, 2_000_000_000)  # seconds, 1989 to 2033
_GUESSED: Final = 30  # values that formats are guessed from
_TRIED: Final = 1000  # values that guessed formats are tried on
_FITS: Final = 0.5  # share of the unreadable values that a suggested format reads
_EXAMPLES: Final = 3
_AMBIGUOUS: Final = 0.01  # share of values that both formats read, as different dates
_ONLY_SECOND: Final = 0.001  # share of values that only the second format reads
_MANY: Final = 20  # days up to 12 by chance: 0.4 ** 20
_UNUSUAL: Final = ("%Y-%d", "%Y/%d", "%Y%d")
_LAST_MONTH: Final = 12
_NUMBER: Final = re.compile(r"\d{9,13}(\.0)?")


def describe_unreadable(values: pd.Series, formats: Sequence[str]) -> str:
    """Return masked examples of values that no format reads, and the formats that would read them."""
    text = values.dropna().astype("str").str.strip()
    if text.empty:
        return "the values are empty."
    shapes = list(dict.fromkeys(map(mask_value, text.drop_duplicates().head(_TRIED))))[:_EXAMPLES]
    found = fitting_formats(text)
    fix = "No usual format reads them."
    if len(found) == 1:
        fix = f"{found[0]!r} reads them: add it to data.time_formats."
    elif found:
        fix = f"{' and '.join(map(repr, found))} read them: add the one that the publisher uses to data.time_formats."
    return f"data.time_formats={list(formats)} reads none of these, such as {', '.join(shapes)} (masked). {fix}"


def fitting_formats(text: pd.Series) -> list[str]:
    """Return the formats that read most of some texts: one, two where day and month could be exchanged, or none."""
    distinct = text.drop_duplicates()
    guesses = {found for value in distinct.head(_GUESSED) for found in _guess(value)}
    tried = distinct.sample(min(len(distinct), _TRIED), random_state=0)
    shares = {one: float(_read(tried, one).notna().mean()) for one in sorted(guesses)}
    best = max(shares.values(), default=0.0)
    return [one for one, share in shares.items() if share == best] if best >= _FITS else []


def _guess(value: str) -> Iterator[str]:
    """Yield the formats that one value may have, with the day first and with the month first."""
    if _NUMBER.fullmatch(value):
        low, high = _EPOCH_RANGE
        yield from (
            name for name, factor in (("epoch_s", 1), ("epoch_ms", 1000)) if low <= float(value) / factor < high
        )
    half = value[-3:].upper() in (" AM", " PM")
    text = value[:-3] if half else value
    for day_first in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the other order was expected
            found = guess_datetime_format(text, dayfirst=day_first)
        if found is not None and not found.startswith(_UNUSUAL):
            yield f"{found.replace('%H', '%I')} %p" if half else found


def refuse_contradicting_formats(
    column: str, values: pd.Series, formats: Sequence[str], rows: npt.NDArray[np.int64] | None = None
) -> None:
    """Raise InputError where two formats read many values as different dates, or split them by the day of the month.

    ``rows`` is the number of records with each value, by default one.
    """
    if len(formats) < 2 or pd.api.types.is_datetime64_any_dtype(values.dtype):
        return
    known = values.notna().to_numpy(dtype=bool)
    text = values[known].astype("str").str.strip()
    counts = np.ones(len(text)) if rows is None else rows[known].astype(float)
    read = {one: _read(text, one) for one in formats}
    for first, second in combinations(formats, 2):
        one, other = read[first], read[second]
        both = one.notna() & other.notna() & (one != other)
        only_first, only_second = one.notna() & other.isna(), one.isna() & other.notna()
        shared, second_alone = (_share(mask, counts) for mask in (both, only_second))
        if shared >= _AMBIGUOUS and (second_alone >= _ONLY_SECOND or not only_first.any()):
            shown = ", ".join(map(repr, text[both].drop_duplicates().head(_EXAMPLES)))
            msg = (
                f"Column {column!r}: {first!r} and {second!r} both read {shared:.0%} of the values, such as "
                f"{shown}, as different dates. Keep the right one in data.time_formats. If files differ, convert one."
            )
            raise InputError(msg)
        days = one[only_first].dt.day, other[only_second].dt.day
        if min(counts[mask].sum() for mask in (only_first, only_second)) >= _MANY and any(
            low.max() <= _LAST_MONTH < high.min() for low, high in (days, days[::-1])
        ):
            msg = (
                f"Column {column!r}: one of {first!r} and {second!r} reads only days up to 12, the other only later "
                "days. A spreadsheet has exchanged day and month. Export the records again, without a spreadsheet."
            )
            raise InputError(msg)


def _share(mask: pd.Series, counts: npt.NDArray[np.float64]) -> float:
    return float(counts[mask].sum() / counts.sum()) if len(counts) else 0.0


def read_epoch(text: pd.Series, time_format: str) -> pd.Series:
    """Return numbers since 1970 as times in UTC."""
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    times: pd.Series = pd.to_datetime(numbers, unit=EPOCHS[time_format], errors="coerce", utc=True)
    return times


def _read(text: pd.Series, time_format: str) -> pd.Series:
    if time_format in EPOCHS:
        return read_epoch(text, time_format)
    times: pd.Series = pd.to_datetime(text, format=time_format, errors="coerce", utc=True)
    return times
