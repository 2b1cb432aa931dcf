"""The crime types of a run: what nobody had recorded when its replay began could not be forecast then."""

from dataclasses import replace
from typing import Final

import pandas as pd

from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeFinding, IntakeReport

_EXAMPLES: Final = 5


def of_known_types(events: Events, intake: IntakeReport, cutoff: pd.Timestamp) -> Events:
    """Return the events of the crime types that are declared or were recorded by a cutoff; their intake names the rest.

    Where the settings name no types, types are whatever the records hold. One first recorded after a replay began
    would tell earlier forecasts of the future, be scored before it existed, and be offered untested as the next
    forecast.
    """
    known = events.types_at(cutoff)
    later = [name for name in events.crime_types if name not in known]
    if not later or not known:
        return events
    kept, sizes = events.of_types(known), events.table["crime_type"].value_counts()
    told = [f"{name} ({sizes[name]:,} records)" for name in later]
    note = (
        f"Not recorded by the first cutoff, {cutoff:%Y-%m-%d}, and left out: {', '.join(told)}. "
        f"To keep them, name them in data.crime_types, such as {{{later[0]}: {later[0]}}}, with data.unmapped=keep."
    )
    rule, count, lost = "crime types not recorded by the first cutoff", len(events) - len(kept), intake.unplaced
    found = [IntakeFinding(rule, "left out", count, count / intake.rows_read, tuple(told[:_EXAMPLES]))] if count else []
    report = replace(
        intake,
        rows_kept=intake.rows_kept - count,
        findings=(*intake.findings, *found),
        crime_types={name: size for name, size in intake.crime_types.items() if name not in later},
        notes=(*intake.notes, note),
        digest=kept.digest(),
        unplaced=None if lost is None else lost[~lost["crime_type"].isin(later)].reset_index(drop=True),
    )
    return replace(kept, intake=report)
