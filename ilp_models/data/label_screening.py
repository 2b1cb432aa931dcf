"""Refuse columns of areas and crime types that hold personal data, and read the list of official areas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ilp_models.data.crime_types import clean_labels
from ilp_models.data.file_format import SourceFile, detect_format
from ilp_models.data.label_structure import check_areas, too_many_types
from ilp_models.data.masking import mask_value
from ilp_models.data.personal_data import (
    ALWAYS_PERSONAL,
    Counts,
    is_personal_value,
    numbers_of_persons,
    personal_contents,
    personal_labels,
)
from ilp_models.data.reader import RawRecords, read_records
from ilp_models.data.row_blocks import CountedValues
from ilp_models.data.schema import ColumnMapping
from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet

Floats = npt.NDArray[np.float64]

_WAY_OUT: Final = (
    "If these are official areas, list their labels in a file and set data.area_list=FILE; else set data.columns.area "
    "to a column of areas, or to null."
)


class AreaLabelsError(InputError):
    """The labels of ``data.columns.area`` cannot be used as areas."""


@dataclass(frozen=True, eq=False)
class AreaList:
    """The labels of official areas, as the user declares them in a file."""

    name: str  # of the file
    labels: frozenset[str]  # without differences in case

    @classmethod
    def from_file(cls, path: str) -> Self:
        """Return the labels of a text file with one label a line, or of the first column of a table."""
        file = SourceFile(local_file(path, "data.area_list="), path)
        first = _first_column(file)
        values = read_records((file,), (first,), "auto", "auto").table[first]
        labels = clean_labels(values).dropna()
        found = personal_contents(labels)
        if found in ALWAYS_PERSONAL:
            msg = f"data.area_list={path} holds what looks like {found} and cannot be used; list the labels of areas."
            raise InputError(msg)
        return cls(file.path.name, frozenset(label.casefold() for label in (*labels, first)))

    def note(self) -> str:
        """Return the sentence of the intake report on the list."""
        return f"Area labels were declared as official by data.area_list={self.name} ({len(self.labels):,} labels)."

    def refuse_others(self, column: str, areas: CountedValues) -> None:
        """Raise if the records hold labels that are not in the list, also those that data.filters leave out."""
        labels = clean_labels(areas.values)
        unknown = (labels.notna() & ~labels.str.casefold().isin(self.labels)).to_numpy(dtype=bool)
        others = labels[unknown]
        if len(others):
            count = int(areas.rows[unknown].sum())
            msg = (
                f"Column {column!r} (data.columns.area): {others.nunique():,} labels of {count:,} records, such "
                f"as {mask_value(others.iloc[0])} (masked), are not in data.area_list={self.name}. Add them to the "
                "list if they are official areas, or set data.columns.area to another column."
            )
            raise AreaLabelsError(msg)


def refuse_personal_labels(records: RawRecords, columns: ColumnMapping, area_list: AreaList | None) -> None:
    """Raise if the patterns of crime types or areas are those of personal data, such as names or phone numbers."""
    for role in ("crime_type", "crime_type_detail", "area"):
        column = getattr(columns, role)
        if column is None:
            continue
        # Rows that data.filters leave out count too: whose labels are personal data is no file to read.
        labels = records.all_values(column)
        found = personal_contents(labels.values, labels.rows)
        if role == "area" and area_list is not None and found not in ALWAYS_PERSONAL:
            continue
        found = found or (_personal_types(labels.values, labels.rows) if role != "area" else None)
        if found:
            way_out = _WAY_OUT if role == "area" else f"Set data.columns.{role} to another column."
            msg = (
                f"Column {column!r} (data.columns.{role}) holds what looks like {found} and cannot be used. Only "
                f"places, times and crime types may be read. {way_out}"
            )
            raise (AreaLabelsError if role == "area" else InputError)(msg)


def refuse_personal_types(crime_types: Mapping[str, str | None]) -> None:
    """Raise if the declared crime types are names or groups of persons."""
    for setting, names in (("labels", list(crime_types)), ("types", [*filter(None, crime_types.values())])):
        found = personal_offences(pd.Series(names, dtype="str"))
        if found:
            msg = f"The {setting} of data.crime_types look like {found} and cannot be used; name offences instead."
            raise InputError(msg)


def personal_offences(labels: pd.Series) -> str | None:
    """Return the kind of personal data that labels of offences probably are, or None."""
    return personal_contents(labels) or _personal_types(labels)


def refuse_labels_of_persons(column: str, areas: pd.Series, x: Floats, y: Floats) -> None:
    """Raise if the area labels of located records do not divide the map into areas."""
    known = areas.notna().to_numpy()
    codes, _ = pd.factorize(areas[known])
    result = check_areas(x[known], y[known], codes)
    problem = result.problem
    if not problem:
        found = personal_labels(areas, areas=result.confirmed)
        problem = f"they look like {found}" if found else ""
    if problem:
        msg = (
            f"The labels in column {column!r} (data.columns.area) do not look like areas: {problem}. Labels of "
            f"persons, vehicles or addresses may not be read. {_WAY_OUT}"
        )
        raise AreaLabelsError(msg)


def refuse_personal_names(setting: str, names: pd.Series) -> None:
    """Raise if names of areas, which a polygon file gives to cells, look like names or addresses of persons."""
    found = personal_contents(names) or personal_labels(names, areas=True)
    if found:
        msg = (
            f"The names of areas ({setting}) look like {found} and cannot be used: a forecast for an owner or an "
            f"address is about persons. Set {setting} to a column with names or codes of public areas."
        )
        raise InputError(msg)


def refuse_personal_values(column: str, types: pd.Series, declared: tuple[str, ...]) -> None:
    """Raise if a crime type that the settings do not name looks like a name, an address or an identifier."""
    found = next((name for name in types.dropna().unique() if name not in declared and is_personal_value(name)), None)
    if found is not None:
        msg = (
            f"Column {column!r} (data.columns.crime_type): {int((types == found).sum()):,} records have a label that "
            f"looks like personal data, {mask_value(found)} (masked). Map the labels of the column in "
            "data.crime_types, with data.unmapped=set_aside; data.rejects=FILE then lists the other records."
        )
        raise InputError(msg)


def refuse_identifiers(column: str, types: int, events: int) -> None:
    """Raise if there are too many different crime types for the number of events."""
    if too_many_types(types, events):
        msg = (
            f"Column {column!r} (data.columns.crime_type) has {types:,} different labels in {events:,} records, as "
            "names and identifiers have. Set data.columns.crime_type to the column of offence labels, or map its "
            "labels in data.crime_types."
        )
        raise InputError(msg)


def _personal_types(values: pd.Series, rows: Counts | None = None) -> str | None:
    return personal_labels(values, rows) or numbers_of_persons(values)


def _first_column(file: SourceFile) -> str:
    if file.is_parquet:
        try:
            with open_parquet(file.path) as table:
                return str(table.schema_arrow.names[0])
        except (pa.ArrowException, OSError, IndexError) as error:
            msg = f"data.area_list={file.name} is not a Parquet file with a column; give a text file or a table."
            raise InputError(msg) from error
    return detect_format(file, "auto", "auto", ()).header[0]
