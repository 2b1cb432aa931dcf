"""The results of monitoring as files, as an HTML page and as lines for the terminal."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.monitoring.cusum import Monitoring, MonitoringOutcome
from ilp_models.audit.monitoring.drift import (
    composition_shifts,
    count_missing_coordinates,
    group_shares,
    located_events,
    missing_coordinates_shifts,
)
from ilp_models.audit.monitoring.series import MeasureSeries, SeriesOptions
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.audit.register.standing_checks import MONITORED, QUIET, SETTINGS
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError
from ilp_models.domain.text_output import write_table
from ilp_models.pipeline.audited_rule import audited_rule, plan_replay
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.monitoring_replay import MonitoringReplay
from ilp_models.pipeline.outputs import plain_rows, write_json
from ilp_models.pipeline.registration import user
from ilp_models.pipeline.study import Study
from ilp_models.report.monitor_page import MonitorEvidence, write_monitor_page

_LOG = logging.getLogger(__name__)
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class MonitoringResults:
    """The results of monitoring a decision: CUSUM charts, breaches, and drift of the records."""

    decision: Decision
    outcome: MonitoringOutcome  # series, cumulative sums, breaches
    drift: pd.DataFrame  # columns of composition_shifts in audit/monitoring/drift.py
    # period, crime_type, dimension, group, missing_coordinates, records, share; empty if not available
    missing_coordinates: pd.DataFrame
    notes: tuple[str, ...]
    facts: dict[str, Any]  # digests, periods and settings as plain JSON values

    @classmethod
    def from_replay(
        cls, replayed: MonitoringReplay, decision: Decision, study: Study, audit: Audit, monitor: Monitoring
    ) -> Self:
        """Return the results for all periods since an audit."""
        header, periods = decision.report.header, replayed.replay.periods
        terms = SeriesOptions(
            header["rank_by"],
            header["land_share"],
            replayed.audited,
            MinEvidence(**header["min_evidence"]),
            header["share_of"],
            header["harm"],
            _planned(replayed, header),
        )
        outcome = monitor.evaluate(
            MeasureSeries.from_replay(replayed.replay, replayed.grid, replayed.residents, terms),
            study.calendar.per_year,
        )
        events = located_events(study.events, replayed.grid, study.calendar, periods)
        ordinals = [period.ordinal for period in periods]
        drift = composition_shifts(events, ordinals, replayed.audited, study.resolution)
        missing, why = _missing_coordinates(study, audit, periods)
        starts = [period.start_time.date().isoformat() for period in periods]
        if len(missing):
            drift = pd.concat([drift, missing_coordinates_shifts(missing, starts, replayed.audited)], ignore_index=True)
        facts = {
            "decision": decision.seal,
            "forecaster": decision.forecaster,
            "audited_recipe": decision.recipe,
            "recipe": replayed.replay.recipe,
            "data": study.events.digest(),
            "last_period": periods[-1].start_time.isoformat(),
            "code": study.tags()["code"],
            "made": now().isoformat(),
            "audited_periods": [starts[0], starts[replayed.audited - 1]],
            "new_periods_span": [starts[replayed.audited], starts[-1]],
            **{name: header[name] for name in ("rank_by", "land_share", "grid", "group_table")},
        }
        notes = (*replayed.notes, *outcome.warnings, *why, _chance(drift), *_expired(decision))
        return cls(decision, outcome, drift, missing, notes, facts)

    def write(self, source: str, folder: Path) -> list[Path]:
        """Write tables, JSON and the HTML page, and return the files."""
        tables = {"monitor": self.outcome.table, "drift": self.drift}
        if len(self.missing_coordinates):
            tables["missing_coordinates"] = self.missing_coordinates
        for name, table in tables.items():
            write_table(table, folder / f"{name}.csv")
        files = [folder / f"{name}.csv" for name in tables]
        plain = {
            **self.facts,
            **self.outcome.facts,
            "verdict": self.verdict(),
            "proposes_withdrawal": self.outcome.proposes_withdrawal,
            "withdraw": self.command(source) if self.outcome.proposes_withdrawal else None,
            "periods_with_breach": list(self.outcome.breached_periods),
            "series": plain_rows(self.outcome.series),
            "drift": plain_rows(self.drift),
            "notes": list(self.notes),
        }
        files.append(write_json(folder / "monitor.json", plain))
        evidence = MonitorEvidence(
            watch=self.outcome.table,
            series=self.outcome.series,
            drift=self.drift,
            facts=self.facts | self.outcome.facts,
            verdict=self.verdict(),
            command=self.command(source) if self.outcome.proposes_withdrawal else "",
            notes=self.notes,
        )
        return [*files, *write_monitor_page(folder, evidence)]

    def line(self) -> RegisterEntry:
        """Return the line of the register: a standing approval ends with a breach, and needs the latest records."""
        content = {
            **{name: self.facts[name] for name in ("data", "last_period")},
            SETTINGS: self.outcome.facts["settings"],
            QUIET: not self.outcome.breached_periods,
            "periods_with_breach": len(self.outcome.breached_periods),
            "proposes_withdrawal": bool(self.outcome.proposes_withdrawal),
        }
        return RegisterEntry(MONITORED, user(), self.decision.seal, now(), content)

    def verdict(self) -> str:
        """Return the conclusion in one or two sentences."""
        count, limit = len(self.outcome.breached_periods), self.outcome.facts["settings"]["breaches"]
        if self.outcome.proposes_withdrawal:
            return (
                f"WITHDRAWAL IS PROPOSED: {count} periods with a breach ({limit} are enough). "
                "Nothing was withdrawn. A person decides."
            )
        if count:
            return f"{count} periods with a breach. Withdrawal is proposed after {limit}. Check the breaches."
        return "No series left the range of the audited periods."

    def command(self, source: str) -> str:
        """Return the command that withdraws the decision."""
        what = "; ".join(self._breached_words()[:3]).replace("'", "")
        count = len(self.outcome.breached_periods)
        return f"ilp withdraw source={source} reason='monitoring: breaches in {count} periods ({what})'"

    def lines(self, source: str) -> list[str]:
        """Return the results as lines for the terminal."""
        facts, alarms = self.outcome.facts, self.outcome.facts["false_alarms_a_year"]
        new, audited = self.facts["new_periods_span"], self.facts["audited_periods"]
        lines = [
            f"Decision {self.decision.short} on {self.decision.forecaster}: {self.verdict()}",
            f"  measured     {facts['new_periods']} new periods ({new[0]} to {new[1]}) against "
            f"{facts['reference_periods']} audited ones ({audited[0]} to {audited[1]})",
            f"  limits       {facts['series_watched']} series, allowance {facts['allowance']:g}, limit "
            f"{facts['limit']:.2f} standard deviations; false alarm within a year: at most "
            f"{alarms['any_series']:.1%}",
        ]
        lines += [f"  breach       {words}" for words in self._breached_words()[:_SHOWN]]
        moved = self.drift[self.drift["exceeds_noise"]]
        lines += [f"  drift        {words}" for words in _drift_words(moved)[:_SHOWN]]
        lines += [f"  note         {note}" for note in self.notes]
        if self.outcome.proposes_withdrawal:
            lines += ["", "If you decide to withdraw:", f"  {self.command(source)}"]
        return lines

    def _breached_words(self) -> list[str]:
        rows = self.outcome.series[self.outcome.series["breaches"] > 0].sort_values("first_breach", kind="stable")
        return [
            f"{_about(str(row['measure']).replace('_', ' '), row['crime_type'], row['group'] or row['dimension'])} "
            f"{row['towards']} since {row['first_breach']}"
            for row in rows.to_dict("records")
        ]


def _planned(replayed: MonitoringReplay, header: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
    """Return the plans of the audited rule in every monitored period; None for the top areas."""
    if header["rule_settings"] is None:
        return None
    ranking = header["rank_by"], header["harm"]
    rule = audited_rule(header)
    return plan_replay(rule, replayed.replay, replayed.grid, replayed.residents, ranking).share


def _missing_coordinates(study: Study, audit: Audit, periods: pd.PeriodIndex) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return records without coordinates by period, type, area and group, and what is unknown."""
    lost = None if study.events.intake is None else study.events.intake.missing_coordinates
    if lost is None:
        return pd.DataFrame(), ("The number of records with missing coordinates is not available for this source.",)
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
        why = (f"Records with missing coordinates are not reported by group: {error}",)
    found = count_missing_coordinates(tables[0], tables[1], weights)
    return found.assign(share=found["missing_coordinates"] / found["records"].where(found["records"] > 0)), why


def _chance(drift: pd.DataFrame) -> str:
    compared = int(np.isfinite(drift["noise_high"]).sum())
    return (
        f"Drift: {int(drift['exceeds_noise'].sum())} of {compared} distributions of the records changed by more than "
        f"95 % of the spans of audited periods. By chance, about {0.05 * compared:.1f} would."
    )


def _expired(decision: Decision) -> tuple[str, ...]:
    if now() < decision.valid_until:
        return ()
    return (f"The decision expired on {decision.valid_until:%Y-%m-%d}. It permits no export.",)


def _drift_words(rows: pd.DataFrame) -> list[str]:
    lines = []
    for row in rows.sort_values("distance", ascending=False, kind="stable").to_dict("records"):
        about = _about(row["part"], row["crime_type"], row["dimension"], row["group"])
        lines.append(
            f"{about}: changed by {row['distance']:.1%}; chance and season explain up to {row['noise_high']:.1%}"
        )
    return lines


def _about(*words: object) -> str:
    return " ".join(str(word) for word in words if word)
