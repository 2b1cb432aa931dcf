"""The share of crime and of harm captured on flagged areas, under every harm set side by side."""

from dataclasses import dataclass
from typing import Final

from ilp_models.domain.harm_weights import HIGH, LOW, WEIGHT
from ilp_models.domain.scores import ScoreTable
from ilp_models.report.formatting import percent_range
from ilp_models.stats.pooling import HARM_PREFIX

_SHARE: Final = "_hit_rate_05"
_CRIMES: Final = "hit_rate_05"


@dataclass(frozen=True)
class HarmTable:
    """Shares captured on 5 % of the area: one row for each forecaster, one column for crimes and for each harm set."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def harm_table(scores: ScoreTable) -> HarmTable | None:
    """Return the share of crime and the range of the share of harm captured, at the first lead; None without sets."""
    table = scores.table
    lead = int(table["lead"].min())
    names = table.loc[table["lead"] == lead, "score"].unique()
    sets: dict[str, dict[str, str]] = {}  # name of the set: name of the score by reading
    for name in (one for one in names if one.startswith(HARM_PREFIX) and one.endswith(_SHARE)):
        stem = name.removeprefix(HARM_PREFIX).removesuffix(_SHARE)
        start, _, end = stem.rpartition("_")
        reading = end if end in (LOW, HIGH) else WEIGHT
        sets.setdefault(stem if reading == WEIGHT else start, {})[reading] = name
    if not sets:
        return None
    wanted = {_CRIMES, *(name for readings in sets.values() for name in readings.values())}
    values = {name: _pooled(scores, name, lead) for name in wanted if name in names}
    rows = [
        (
            forecaster,
            tuple(
                percent_range(*(values[name][forecaster] for name in readings.values()))
                for readings in ({"": _CRIMES}, *sets.values())
            ),
        )
        for forecaster in scores.forecasters
    ]
    return HarmTable(("Crimes", *sets), tuple(rows))


def _pooled(scores: ScoreTable, name: str, lead: int) -> dict[str, float]:
    captured, whole = scores.by_period(name, lead)
    return {str(forecaster): float(total) for forecaster, total in (captured.sum() / whole.sum()).items()}
