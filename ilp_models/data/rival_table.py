"""Read the forecasts of a rival from a CSV file, a spreadsheet or Parquet, and name the row of each mistake."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ilp_models.data.personal_data import looks_personal
from ilp_models.data.schema import closest
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import COLUMNS, QUANTILE_COLUMNS
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet, read_columns
from ilp_models.domain.text_table import read_marked_table

EXPECTED: Final = "expected"
CELL: Final = "cell"
GEOMETRY: Final = "geometry"
DATES: Final = ("period", "cutoff")
SAMPLE: Final = "sample"  # number of a draw, where each has a row
VALUE: Final = "value"  # of the draw
FEWEST_SAMPLES: Final = 20  # without them there is no 5 % quantile
_SAMPLES: Final = re.compile(r"sample_\d+")
_KNOWN: Final = (*COLUMNS, GEOMETRY, "dispersion", SAMPLE, VALUE)
_TEXTS: Final = ("forecaster", "crime_type", CELL)
_PARQUET: Final = (".parquet", ".pq", ".geoparquet")
_MAX_TEXT: Final = 1 << 30  # bytes
_GEO: Final = b"geo"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RivalTable:
    """The documented columns of one file: numbers as float64, dates as timestamps, all others as text."""

    label: str  # of error messages: ``forecasts=FILE``
    table: pd.DataFrame
    samples: tuple[str, ...]  # names of the columns with draws
    crs: Any = None  # of the geometry, if the file states one

    def fault(self, row: int, what: str) -> InputError:
        """Return the error about one row, counted from 1 below the header."""
        return InputError(f"{self.label}, row {row + 1}: {what}")


def read_rival_table(path: str) -> RivalTable:
    """Return the forecasts in a file; InputError if columns are missing, personal or cannot be read."""
    label = f"forecasts={path}"
    found = local_file(path, "forecasts=")
    if found.suffix.lower() in _PARQUET:
        raw, crs = _read_parquet(found, label)
        mark = "."
    else:
        if found.stat().st_size > _MAX_TEXT:
            msg = f"{label} is larger than 1 GiB. Write it as Parquet."
            raise InputError(msg)
        raw, mark = read_marked_table(path, "forecasts=")
        crs = None
        _check_columns(tuple(map(str, raw.columns)), label)
    if raw.empty:
        msg = f"{label} has no rows. Write one row for each crime type, cell, period and lead."
        raise InputError(msg)
    return _typed(raw, mark, label, crs)


def _read_parquet(path: Path, label: str) -> tuple[pd.DataFrame, Any]:
    """Return the documented columns of a Parquet file, and the CRS that a GeoParquet file states."""
    try:
        with open_parquet(path, list(_KNOWN)) as head:
            names = tuple(map(str, head.schema_arrow.names))
        _check_columns(names, label)
        wanted = [name for name in names if _is_known(name)]
        with open_parquet(path, wanted) as parquet:
            crs = _geo_crs((parquet.schema_arrow.metadata or {}).get(_GEO))
            return read_columns(parquet, wanted).to_pandas(), crs
    except InputError:
        raise
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        msg = f"{label} cannot be read as Parquet ({reason[:200]}). Write the file again."
        raise InputError(msg) from error


def _geo_crs(metadata: bytes | None) -> Any:
    """Return the CRS of a GeoParquet file: degrees if it states none, None if it is unknown or there is no geometry."""
    if metadata is None:
        return None
    facts = json.loads(metadata)
    return facts["columns"].get(GEOMETRY, {"crs": None}).get("crs", "OGC:CRS84")


def _is_known(name: str) -> bool:
    return name in _KNOWN or _SAMPLES.fullmatch(name) is not None


def _check_columns(names: tuple[str, ...], label: str) -> None:
    personal = [name for name in names if not _is_known(name) and looks_personal(name)]
    if personal:
        msg = f"{label}: the column {personal[0]!r} looks like personal data and cannot be used. Remove the column."
        raise InputError(msg)
    twice = [name for name in names if names.count(name) > 1 and _is_known(name)]
    if twice:
        msg = f"{label}: the column {twice[0]!r} occurs {names.count(twice[0])} times. Keep one of them."
        raise InputError(msg)
    places, times = {CELL, GEOMETRY} & set(names), {*DATES} & set(names)
    lacking = [name for name in ("crime_type",) if name not in names]
    lacking += [] if places else ["cell (or geometry)"]
    lacking += [] if times else ["period (or cutoff and lead)"]
    drawn = any(_SAMPLES.fullmatch(name) for name in names) or {SAMPLE, VALUE} <= set(names)
    lacking += [] if EXPECTED in names or drawn else [EXPECTED]
    if lacking:
        hints = ", ".join(f"{name}{closest(name, names)}" for name in lacking)
        msg = f"{label}: no column {hints}; the file has {', '.join(names[:20])}. See docs/comparison.md."
        raise InputError(msg)
    some = [name for name in QUANTILE_COLUMNS if name in names]
    if some and len(some) < len(QUANTILE_COLUMNS):
        rest = ", ".join(name for name in QUANTILE_COLUMNS if name not in some)
        msg = f"{label}: there is a column {some[0]} and none of {rest}. Give all five quantiles, or none."
        raise InputError(msg)
    if drawn and (some or "dispersion" in names):
        msg = f"{label} has samples and also quantiles or a dispersion. Keep one of them."
        raise InputError(msg)


def _typed(raw: pd.DataFrame, mark: str, label: str, crs: Any) -> RivalTable:
    columns = {str(name): _column(raw[name], mark, label) for name in raw.columns if _is_known(str(name))}
    table = pd.DataFrame(columns)
    if SAMPLE in table and VALUE in table:
        table = _wide(table, label)
    names = [str(name) for name in table if _SAMPLES.fullmatch(str(name))]
    if names and len(names) < FEWEST_SAMPLES:
        msg = f"{label} has {len(names)} samples. Give at least {FEWEST_SAMPLES}: the 5 % quantile needs them."
        raise InputError(msg)
    if EXPECTED not in table:
        table[EXPECTED] = table[names].mean(axis=1)
    return RivalTable(label, table, tuple(names), crs)


def _column(values: pd.Series, mark: str, label: str) -> Any:
    """Return a documented column with its type."""
    if values.name in _TEXTS:
        return _texts(values, label)
    if values.name in DATES:
        return _dates(values, label)
    return values.astype(object) if values.name == GEOMETRY else _numbers(values, mark, label)


def _wide(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return one row for each unit, with its draws in columns."""
    keys = [name for name in table if name not in (SAMPLE, VALUE)]
    numbers = sorted(table[SAMPLE].unique())
    twice = table.duplicated([*keys, SAMPLE])
    if twice.any():
        row = int(twice.argmax())
        msg = f"{label}, row {row + 1}: sample {table[SAMPLE][row]:g} of this unit is listed twice. Keep one."
        raise InputError(msg)
    wide = table.pivot(index=keys, columns=SAMPLE, values=VALUE)  # noqa: PD010 - one value for each unit and draw
    if wide.isna().to_numpy().any():
        msg = f"{label}: some units have fewer than {len(numbers)} samples. Give every unit the same ones."
        raise InputError(msg)
    wide.columns = pd.Index([f"sample_{number + 1}" for number in range(len(numbers))])
    return wide.reset_index()


def _texts(values: pd.Series, label: str) -> pd.Series:
    empty = values.isna() | (values.astype(object) == "")
    if empty.any():
        msg = f"{label}, row {int(empty.argmax()) + 1}: {values.name} is empty. Fill it in, or remove the row."
        raise InputError(msg)
    return values.astype(str).astype("category")


def _dates(values: pd.Series, label: str) -> pd.Series:
    """Return days or times without a zone; of a span such as 2021-03-01/2021-03-07, the start."""
    if isinstance(values.dtype, pd.PeriodDtype):
        return pd.Series(values.dt.start_time)
    if pd.api.types.is_datetime64_dtype(values):
        dates = values.astype("datetime64[ns]")
    else:
        values = values.astype(object).map(str)
        unique = pd.Series(values.unique())
        texts = unique.str.partition("/")[0]
        parsed = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
        zoned = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True) & texts.str.contains(r"[T ]\d", regex=True)
        dates = values.map(dict(zip(unique, parsed.where(~zoned), strict=True)))
    wrong = dates.isna()
    if wrong.any():
        row = int(wrong.argmax())
        msg = (
            f"{label}, row {row + 1}: {values.name}={str(values.iloc[row])[:40]!r} is not a date, or has a time zone. "
            "Write the first day of the period, such as 2021-03-01."
        )
        raise InputError(msg)
    return pd.to_datetime(dates)


def _numbers(values: pd.Series, mark: str, label: str) -> Floats:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = values.astype(object).map(str)
    texts = texts if mark == "." else texts.str.replace(mark, ".", regex=False)
    wrong = pd.to_numeric(texts, errors="coerce").isna()
    if wrong.any():
        row = int(wrong.argmax())
        msg = (
            f"{label}, row {row + 1}: {values.name}={str(values.iloc[row])[:40]!r} is not a number. Give a number "
            f"with the decimal mark {mark!r} and without thousands separators."
        )
        raise InputError(msg)
    return np.array([float(text) for text in texts])  # exact: pandas rounds the last digit
