"""What one jurisdiction contributes to a pooled model: numbers of units without places, stored as Parquet."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet, read_columns

Floats = npt.NDArray[np.float32]

_HEAD: Final = b"ilp_models.training_sample"
_FORMAT: Final = 1
_FEATURE: Final = "feature:"  # before the names of features, which could be those of the other columns
_LEAD, _TYPE = "lead", "crime_type"
_NUMBERS: Final = ("log_offset", "target", "weight")
_UNREADABLE: Final = (OSError, KeyError, TypeError, ValueError, RecursionError, pa.ArrowException)


@dataclass(frozen=True)
class SampleHead:
    """The facts of a sample that are written as JSON into its file."""

    jurisdiction: str
    cutoff: str  # ISO date and time
    period_unit: str
    columns: tuple[str, ...]  # names of the features
    crime_types: tuple[str, ...]  # shared names, in the order of their codes
    rows: int
    digest: str

    def to_json(self) -> str:
        """Return the facts as JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the facts from the JSON of `to_json`; ValueError, TypeError or KeyError if they are others."""
        facts = json.loads(text)
        if facts.pop("format") != _FORMAT:
            msg = "another format"
            raise ValueError(msg)
        columns, crime_types = tuple(facts.pop("columns")), tuple(facts.pop("crime_types"))
        return cls(columns=columns, crime_types=crime_types, **facts)


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Units of one jurisdiction that a pooled model learns from, known at a cutoff: numbers without places.

    Parameters
    ----------
    jurisdiction : str
        Its label.
    cutoff : Timestamp
        When the counts were known.
    period_unit : str
        Length of the periods: day, week or month.
    columns : tuple of str
        Names of the features.
    crime_types : tuple of str
        Names of the crime types that jurisdictions share, in the order of their codes.
    values : array
        Features, float32, shape (rows, columns).
    log_offset, target, weight : array
        Logarithm of the local level times share, recorded count, and weight of each row.
    crime_type, lead : array
        Code of the crime type, and lead from 1 on, of each row.

    Raises
    ------
    InputError
        If an array has another length, a value is not finite, or a code or weight is out of range.
    """

    ending: ClassVar = "parquet"  # of the name of its file

    jurisdiction: str
    cutoff: pd.Timestamp
    period_unit: str
    columns: tuple[str, ...]
    crime_types: tuple[str, ...]
    values: Floats
    log_offset: Floats
    target: Floats
    weight: Floats
    crime_type: npt.NDArray[np.int16]
    lead: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        rows = len(self.values)
        parts = (self.log_offset, self.target, self.weight, self.crime_type, self.lead)
        fits = self.values.shape == (rows, len(self.columns)) and {part.shape for part in parts} == {(rows,)}
        sound = fits and rows > 0 and all(np.isfinite(part).all() for part in (self.values, *parts))
        if not (
            sound
            and (self.target >= 0).all()
            and (self.weight > 0).all()
            and (self.lead >= 1).all()
            and (self.crime_type >= 0).all()
            and (self.crime_type < len(self.crime_types)).all()
        ):
            msg = (
                f"The training sample of {self.jurisdiction!r} has rows of different lengths, missing values, or codes "
                "out of range. Make it with PooledLightGBM.training_sample."
            )
            raise InputError(msg)

    @property
    def head(self) -> SampleHead:
        """The facts of the sample, with the digest of its content."""
        arrays = (self.values, self.log_offset, self.target, self.weight, self.crime_type, self.lead)
        facts = (self.jurisdiction, self.cutoff.isoformat(), self.period_unit, self.columns, self.crime_types)
        return SampleHead(*facts, rows=len(self.values), digest=digest_of(*map(list, facts[3:]), *facts[:3], *arrays))

    def write(self, path: Path) -> SampleHead:
        """Write the sample as Parquet, and return its facts."""
        table = {f"{_FEATURE}{name}": self.values[:, place] for place, name in enumerate(self.columns)}
        table |= {name: getattr(self, name) for name in (*_NUMBERS, _TYPE, _LEAD)}
        rows, head = pa.table(table), self.head
        rows = rows.replace_schema_metadata({_HEAD: head.to_json().encode()})
        pq.write_table(rows, path, compression="zstd", write_page_checksum=True)
        return head

    @classmethod
    def read_head(cls, path: Path) -> SampleHead:
        """Return the facts in the file of a sample, whose rows are not read; InputError if it is another file."""
        try:
            with open_parquet(local_file(path, "")) as parquet:
                return SampleHead.from_json((parquet.schema_arrow.metadata or {})[_HEAD])
        except InputError:
            raise
        except _UNREADABLE as error:
            raise InputError(_not_a_sample(path, error)) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a sample that `write` wrote; InputError if the file is another one or was changed."""
        head = cls.read_head(path)
        try:
            with open_parquet(path) as parquet:
                rows = read_columns(parquet)
            numbers: dict[str, Any] = {name: rows[name].to_numpy() for name in (*_NUMBERS, _TYPE, _LEAD)}
            values = np.empty((rows.num_rows, len(head.columns)), dtype=np.float32)
            for place, name in enumerate(head.columns):
                values[:, place] = rows[f"{_FEATURE}{name}"].to_numpy()
            facts = (head.jurisdiction, pd.Timestamp(head.cutoff), head.period_unit, head.columns, head.crime_types)
            sample = cls(*facts, values=values, **numbers)
        except InputError:
            raise
        except _UNREADABLE as error:
            raise InputError(_not_a_sample(path, error)) from error
        if sample.head != head:
            msg = f"{path} was changed after it was written: its digest differs. Make it again with train_pooled."
            raise InputError(msg)
        return sample


def _not_a_sample(path: Path, error: Exception) -> str:
    return f"{path} is not a training sample ({error}). Make it again with train_pooled."
