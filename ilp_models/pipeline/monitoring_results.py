"""What monitoring found, as files, as a page and as lines for the terminal."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.monitoring.cusum import Monitoring, MonitoringOutcome
from ilp_models.audit.monitoring.drift import (
    composition_shifts,
    count_missing_coordinates,
    group_shares,
    missing_coordinates_shifts,
)
from ilp_models.audit.monitoring.series import MeasureSeries, SeriesOptions
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.monitoring_replay import MonitoringReplay, located_events
from ilp_models.pipeline.outputs import plain_rows, write_json
from ilp_models.pipeline.study import Study
from ilp_models.report.monitor_page import MonitorEvidence, write_monitor_page

_LOG = logging.getLogger(__name__)
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class MonitoringResults:
    """What monitoring found.

    Parameters
    ----------
    decision : Decision
        The decision watched.
    watch : MonitoringOutcome
        Series, cumulative sums, breaches.
    drift : DataFrame
        How far the records moved; as :func:`ilp_models.audit.monitoring.drift.composition_shifts`.
    unplaced : DataFrame
        ``period, crime_type, dimension, group, missing_coordinates, records, share``; empty where it is not known.
    notes : tuple of str
        What the reader must know.
    facts : dict
        Digests, periods and terms: plain JSON values.
    """

    decision: Decision
    watch: MonitoringOutcome
    drift: pd.DataFrame
    unplaced: pd.DataFrame
    notes: tuple[str, ...]
    facts: dict[str, Any]

    @classmethod
    def from_replay(
        cls, since: MonitoringReplay, decision: Decision, study: Study, audit: Audit, monitor: Monitoring
    ) -> Self:
        """Return what the periods since an audit show."""
        header, periods = decision.report.header, since.replay.periods
        terms = SeriesOptions(
            header["rank_by"],
            header["land_share"],
            since.audited,
            MinEvidence(**header["min_evidence"]),
            header["share_of"],
            header["harm"],
        )
        watch = monitor.evaluate(
            MeasureSeries.from_replay(since.replay, since.grid, since.residents, terms), study.calendar.per_year
        )
        events = located_events(study, since.grid, periods)
        ordinals = [period.ordinal for period in periods]
        drift = composition_shifts(events, ordinals, since.audited, study.resolution)
        unplaced, why = _unplaced(study, audit, periods)
        starts = [period.start_time.date().isoformat() for period in periods]
        if len(unplaced):
            drift = pd.concat([drift, missing_coordinates_shifts(unplaced, starts, since.audited)], ignore_index=True)
        facts = {
            "decision": decision.seal,
            "forecaster": decision.forecaster,
            "audited_recipe": decision.recipe,
            "recipe": since.replay.recipe,
            "data": study.events.digest(),
            "code": study.tags()["code"],
            "made": now().isoformat(),
            "audited_periods": [starts[0], starts[since.audited - 1]],
            "new_periods_span": [starts[since.audited], starts[-1]],
            **{name: header[name] for name in ("rank_by", "land_share", "grid", "group_table")},
        }
        notes = (*since.notes, *watch.warnings, *why, _chance(drift), *_expired(decision))
        return cls(decision, watch, drift, unplaced, notes, facts)

    def write(self, source: str, folder: Path) -> list[Path]:
        """Return the files written."""
        tables = {"monitor": self.watch.table, "drift": self.drift}
        if len(self.unplaced):
            tables["missing_coordinates"] = self.unplaced
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        files = [folder / f"{name}.csv" for name in tables]
        plain = {
            **self.facts,
            **self.watch.facts,
            "proposes_withdrawal": self.watch.proposes_withdrawal,
            "withdraw": self.command(source) if self.watch.proposes_withdrawal else None,
            "periods_with_breach": list(self.watch.breached_periods),
            "series": plain_rows(self.watch.series),
            "drift": plain_rows(self.drift),
            "notes": list(self.notes),
        }
        files.append(write_json(folder / "monitor.json", plain))
        evidence = MonitorEvidence(
            watch=self.watch.table,
            series=self.watch.series,
            drift=self.drift,
            facts=self.facts | self.watch.facts,
            verdict=self.verdict(),
            command=self.command(source) if self.watch.proposes_withdrawal else "",
            notes=self.notes,
        )
        return [*files, *write_monitor_page(folder, evidence)]

    def verdict(self) -> str:
        """Return in a sentence what follows."""
        count, limit = len(self.watch.breached_periods), self.watch.facts["settings"]["breaches"]
        if self.watch.proposes_withdrawal:
            return (
                f"WITHDRAWAL IS PROPOSED: {count} periods with a breach ({limit} are enough). "
                "Nothing was withdrawn; a person decides."
            )
        if count:
            return f"{count} of {limit} periods with a breach that withdrawal would be proposed after; look into them."
        return "No series left the range of the audited periods."

    def command(self, source: str) -> str:
        """Return the command that would take the decision back."""
        what = "; ".join(self._breached_words()[:3]).replace("'", "")
        count = len(self.watch.breached_periods)
        return f"ilp withdraw source={source} reason='monitoring: breaches in {count} periods ({what})'"

    def lines(self, source: str) -> list[str]:
        """Return what was found for the terminal."""
        facts, alarms = self.watch.facts, self.watch.facts["false_alarms_a_year"]
        new, audited = self.facts["new_periods_span"], self.facts["audited_periods"]
        told = [
            f"Decision {self.decision.short} on {self.decision.forecaster}: {self.verdict()}",
            f"  measured     {facts['new_periods']} new periods ({new[0]} to {new[1]}) against "
            f"{facts['reference_periods']} audited ones ({audited[0]} to {audited[1]})",
            f"  limits       {facts['series_watched']} series, allowance {facts['allowance']:g}, limit "
            f"{facts['limit']:.2f} spreads; chance alone sets off one in a year with "
            f"{alarms['any_series']:.1%} at most",
        ]
        told += [f"  breach       {words}" for words in self._breached_words()[:_SHOWN]]
        moved = self.drift[self.drift["exceeds_noise"]]
        told += [f"  drift        {words}" for words in _drift_words(moved)[:_SHOWN]]
        told += [f"  note         {note}" for note in self.notes]
        if self.watch.proposes_withdrawal:
            told += ["", "If you decide to withdraw:", f"  {self.command(source)}"]
        return told

    def _breached_words(self) -> list[str]:
        rows = self.watch.series[self.watch.series["breaches"] > 0].sort_values("first_breach", kind="stable")
        return [
            f"{_about(str(row['measure']).replace('_', ' '), row['crime_type'], row['group'] or row['dimension'])} "
            f"{row['towards']} since {row['first_breach']}"
            for row in rows.to_dict("records")
        ]


def _unplaced(study: Study, audit: Audit, periods: pd.PeriodIndex) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return records without coordinates by period, type, area and group, and what is unknown."""
    lost = None if study.events.intake is None else study.events.intake.missing_coordinates
    if lost is None:
        return pd.DataFrame(), ("This source keeps no account of records without coordinates.",)
    events = study.events.table
    area = events["area"].astype(object).fillna("").astype(str) if "area" in events else ""
    rows = pd.DataFrame({"day": events["occurred_at"], "crime_type": events["crime_type"].astype(str), "area": area})
    first, tables = periods[0].ordinal, []
    for table in (rows.assign(count=1), lost):
        ordinal = study.calendar.ordinals(table["day"])
        inside = (ordinal >= first) & (ordinal <= periods[-1].ordinal)
        starts = np.array([period.start_time.date().isoformat() for period in periods], dtype=object)
        named = table[inside].assign(period=starts[ordinal[inside] - first])
        keys = ["period", "crime_type", "area"]
        tables.append(named.groupby(keys, as_index=False, observed=True).agg({"count": "sum"}))
    labels = sorted(set(tables[0]["area"]) | set(tables[1]["area"]))
    weights: dict[str, pd.DataFrame] = {}
    why: tuple[str, ...] = ()
    try:
        weights = group_shares(audit.groups.read(), [label for label in labels if label])
    except IlpError as error:
        why = (f"Records without a place are not told by group: {error}",)
    found = count_missing_coordinates(tables[0], tables[1], weights)
    return found.assign(share=found["missing_coordinates"] / found["records"].where(found["records"] > 0)), why


def _chance(drift: pd.DataFrame) -> str:
    judged = int(np.isfinite(drift["noise_high"]).sum())
    return (
        f"{int(drift['exceeds_noise'].sum())} of {judged} distributions of the records moved further than 95 % of the "
        f"stretches of the audited periods differ; about {0.05 * judged:.1f} would by chance."
    )


def _expired(decision: Decision) -> tuple[str, ...]:
    if now() < decision.valid_until:
        return ()
    return (f"The decision expired on {decision.valid_until:%Y-%m-%d}: it lets nothing out, withdrawn or not.",)


def _drift_words(rows: pd.DataFrame) -> list[str]:
    found = []
    for row in rows.sort_values("distance", ascending=False, kind="stable").to_dict("records"):
        about = _about(row["part"], row["crime_type"], row["dimension"], row["group"])
        found.append(f"{about}: {row['distance']:.1%} moved, chance and season give up to {row['noise_high']:.1%}")
    return found


def _about(*words: object) -> str:
    return " ".join(str(word) for word in words if word)
