"""A draft control strategy: empty fields for the people who decide, and what they have filled in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from ilp_models.domain.errors import InputError

PILLARS: Final = ("prevention", "intelligence", "enforcement")
FIELDS: Final = ("objective", "lead_unit", "resources", "due", "measure_of_success")
KEYS: Final = ("threat", "pillar")


def draft_control_strategy(threats: Sequence[str]) -> pd.DataFrame:
    """Return one row for each threat and pillar, with empty fields."""
    rows = [(threat, pillar) for threat in threats for pillar in PILLARS]
    table = pd.DataFrame(rows, columns=list(KEYS))
    return table.assign(**dict.fromkeys(FIELDS, ""))


@dataclass(frozen=True, eq=False)
class ControlStrategy:
    """A control strategy as people filled it in.

    Parameters
    ----------
    table : DataFrame
        Threat, pillar and the fields as text; empty where no one decided.
    """

    table: pd.DataFrame

    @classmethod
    def from_table(cls, table: pd.DataFrame, threats: Sequence[str], source: str) -> "ControlStrategy":
        """Return the strategy in a table of text; InputError names the column or row that cannot be used."""
        wanted = [*KEYS, *FIELDS]
        missing = [name for name in wanted if name not in table]
        if missing:
            msg = f"{source} has no column {missing[0]}. Fill in control_strategy.xlsx of a run, and keep its columns."
            raise InputError(msg)
        for number, (threat, pillar) in enumerate(table[list(KEYS)].itertuples(index=False), 2):
            if pillar not in PILLARS or threat not in threats:
                msg = (
                    f"{source}, row {number}: {threat!r}, {pillar!r} is not in this assessment. Use its threats, and "
                    f"{', '.join(PILLARS)}."
                )
                raise InputError(msg)
        twice = table.duplicated(list(KEYS))
        if twice.any():
            row = table[twice].iloc[0]
            msg = f"{source} has two rows for {row['threat']}, {row['pillar']}. Keep one."
            raise InputError(msg)
        draft = draft_control_strategy(threats)
        filled = table[wanted].map(lambda cell: cell.strip().removesuffix(" 00:00:00"))  # dates of a spreadsheet
        return cls(draft[list(KEYS)].merge(filled, on=list(KEYS), how="left").fillna(""))

    @property
    def open_fields(self) -> int:
        """How many fields are empty."""
        return int((self.table[list(FIELDS)] == "").to_numpy().sum())

    @property
    def fields(self) -> int:
        """How many fields there are."""
        return len(self.table) * len(FIELDS)
