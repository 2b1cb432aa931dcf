"""Audit models that the gate must refuse: Toronto 2019 and Chicago 2017, with real records and residents.

python experiments/gate-cases/run.py PATH    writes results.csv, against.csv and the tables of README.md

PATH is a folder with records and residents of both cities; README.md names the files.
"""

import hashlib
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xarray as xr
from cities import FILES, YEAR, City, chicago, toronto
from stated import CASES, LATER, STATED, Case

import ilp_models as ilp
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.gate import decide
from ilp_models.audit.register.approvals import approve, record_decision
from ilp_models.audit.register.signatures import ReviewerSignature
from ilp_models.domain.audit import AuditReport, Finding, Limit, State
from ilp_models.domain.checks import required_keys
from ilp_models.domain.decision import Decision
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.replay import Replay
from ilp_models.domain.timing import Timing

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
GOVERNANCE = ilp.Governance(
    **dict.fromkeys(("purpose", "legal_basis", "owner", "complaints"), "an experiment"),
    **dict.fromkeys(("goal", "success_criterion", "harm_to_watch", "decided_by"), "an experiment"),
    **{"tier": "middle", "trainer": "T. Rainer", "reviewer": "R. Viewer"},
    **dict.fromkeys(("review_date", "retention_until", "use_until"), "2099-12-31"),
)
TESTED = 52
MEMORIES, SHORT, LAGS = (4, 13, 26, 52), (4, 13), (1, 2, 3, 4, 52)
TREES = {"n_estimators": 200, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 50}
HOLDS = Limit(fail_above=1, neutral=0)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of the audit of one case."""

    case: Case
    report: AuditReport
    forecast: RiskForecast
    numbers: dict[tuple[str, str], tuple[float, float, float]]

    def decision(self) -> Decision:
        """Return the decision of the gate."""
        return decide(self.report, self.forecast, moment_of(self.forecast))

    def alone(self, *checks: str) -> Decision:
        """Return the decision if every other required check passed."""
        kept = [one for one in self.report.findings if one.check in checks]
        keys = required_keys(self.report.crime_types, self.report.groups)
        others = [Finding(key[0], State.PASS, 0, 0, 0, HOLDS, *key[1:]) for name in keys for key in keys[name]]
        met = tuple(one for one in others if one.check not in checks)
        return decide(replace(self.report, findings=(*kept, *met)), self.forecast, moment_of(self.forecast))


def moment_of(forecast: RiskForecast) -> datetime:
    """Return the morning on which the forecast period begins, since the age of the records is not the question."""
    return (forecast.periods[0].start_time + pd.Timedelta(hours=8)).tz_localize(UTC).to_pydatetime()


def main(data: Path) -> None:
    """Write the tables."""
    outcomes = reproduce({"Toronto": toronto(data), "Chicago": chicago(data)})
    tables = {"results": results(outcomes), "against": failing_findings(outcomes)}
    for name, table in tables.items():
        table.to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f", lineterminator="\n")
    digest = hashlib.sha256(b"".join((data / name).read_bytes() for name in FILES)).hexdigest()[:16]
    end = f"Made with {ilp.describe_code()}, LightGBM {lightgbm.__version__}; digest of the seven files {digest}.\n\n"
    page = FOLDER / "README.md"
    tables_text = "\n".join(["", *stated_table(tables["results"]), "", *gate_table(outcomes), "", end])
    page.write_text(
        MARKED.sub(lambda found: found[1] + tables_text + found[2], page.read_text("utf-8")), encoding="utf-8"
    )


def reproduce(cities: dict[str, City]) -> dict[str, Outcome]:
    """Return the audit result of every case."""
    return {name: audit_case(cities[case.city], case) for name, case in CASES.items()}


def audit_case(city: City, case: Case) -> Outcome:
    """Return the audit result of one case over the last 52 weeks."""
    counts = city.counts[city.types.index(case.crime_type)]
    mean = np.stack(
        [counts[:, at - YEAR : at].mean(axis=1) for at in range(counts.shape[1] - TESTED, counts.shape[1])], 1
    )
    last_year = np.repeat(counts[:, :-TESTED].mean(axis=1, keepdims=True), TESTED, axis=1)
    expected = last_year if case.city == "Chicago" else forecast_lightgbm(city, case)
    replay, baseline = (
        make_replay(name, cube, counts[:, -TESTED:], city, case)
        for name, cube in (("ranking" if case.city == "Chicago" else "lightgbm", expected), ("moving_average", mean))
    )
    audit = ilp.Audit(
        groups=ilp.GroupTable(source=city, residents="residents"),
        land_share=case.flagged / len(city.grid),
        rank_by=case.unit,
        share_of="cells",
        governance=replace(GOVERNANCE, outcomes=[case.crime_type]),
    )
    trained = city.weeks[0].start_time, city.weeks[-TESTED].start_time
    subject = AuditInput(replay, baseline, city.grid, features=columns(case), trained=trained)
    forecast = RiskForecast.negative_binomial(
        replay.expected[..., -1:], replay.dispersion[:, 0], city.weeks[-1].start_time
    ).named(replay.forecaster, replay.recipe)
    week = forecast.periods[0]
    timing = Timing("UTC", week.start_time, week.start_time, (week + 1).start_time)
    subject = replace(subject, timing=timing)
    report = audit.run(subject, moment_of(forecast))
    return Outcome(case, report, forecast, numbers_of(audit, subject, report))


def forecast_lightgbm(city: City, case: Case) -> np.ndarray:
    """Return one-week-ahead LightGBM forecasts of the last 52 weeks, fitted on earlier weeks.

    With a short memory, no mean has more than 13 weeks, the neighbourhood number is a column, and LightGBM has its
    default settings.
    """
    counts, short = city.counts[city.types.index(case.crime_type)], case.model == "short memory"
    features, first = features_of(counts, short=short), counts.shape[1] - TESTED
    learned, tested = features[:, YEAR:first], features[:, first:]
    model = lightgbm.LGBMRegressor(objective="poisson", random_state=0, deterministic=True, verbosity=-1)
    model.set_params(force_row_wise=True, n_jobs=1, **({} if short else TREES))
    model.fit(learned.reshape(-1, features.shape[2]), counts[:, YEAR:first].ravel())
    return np.asarray(model.predict(tested.reshape(-1, features.shape[2]))).reshape(tested.shape[:2])


def features_of(counts: np.ndarray, *, short: bool = False) -> np.ndarray:
    """Return lags, means and season of each (area, week), from earlier weeks only; short as in forecast_lightgbm."""
    weeks = np.arange(counts.shape[1])
    sums = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    lags = [counts[:, np.maximum(weeks - lag, 0)] for lag in LAGS]
    means = [
        (sums[:, weeks] - sums[:, np.maximum(weeks - memory, 0)]) / memory for memory in (SHORT if short else MEMORIES)
    ]
    angle = 2 * np.pi * weeks / (365.25 / 7)
    others = (
        [np.round(weeks % (365.25 / 7)), np.arange(len(counts))[:, None]] if short else [np.sin(angle), np.cos(angle)]
    )
    return np.stack([*lags, *means, *(np.broadcast_to(one, counts.shape) for one in others)], axis=2)


def columns(case: Case) -> tuple[Column, ...]:
    """Return the columns of the trees; for the ranking of last year, its mean."""
    short = case.model == "short memory"
    means = [
        Column(f"mean_{memory}", "own_past", "{value:.2f} events a week") for memory in (SHORT if short else MEMORIES)
    ]
    if case.city == "Chicago":
        return (means[-1],)
    lags = [Column(f"lag_{lag}", "lags", "{value:.0f} events") for lag in LAGS]
    seen = (
        [("week", "calendar"), ("neighbourhood", "place")] if short else [("sine", "calendar"), ("cosine", "calendar")]
    )
    return (*lags, *means, *(Column(name, family, "{value:.2f}") for name, family in seen))


def make_replay(name: str, expected: np.ndarray, observed: np.ndarray, city: City, case: Case) -> Replay:
    """Return forecasts of one crime type with the recorded counts."""
    coords = {"crime_type": [case.crime_type], "cell": city.grid.cells, "period": city.weeks[-TESTED:]}
    cubes = (xr.DataArray(cube[None], coords, list(coords)) for cube in (expected, observed))
    cube, counts = cubes
    recipe = hashlib.sha256(f"{name} {case.model} {case.unit} {TREES}".encode()).hexdigest()[:16]
    spread = xr.zeros_like(cube[:, 0])
    return Replay(name, recipe, 1, cube, xr.concat([cube] * 5, "quantile"), spread, counts)


def numbers_of(
    audit: ilp.Audit, subject: AuditInput, report: AuditReport
) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return values and intervals by measure and group; measures without a finding have no interval."""
    numbers = {(one.check, one.group): (one.value, one.low, one.high) for one in report.findings}
    evidence, nan = audit.context(subject), float("nan")
    (people,) = evidence.residents
    for name, replay in (("deviance", subject.replay), ("deviance of the baseline", subject.baseline)):
        numbers[name, ""] = (float(evidence.deviance_of(replay).mean()), nan, nan)
    cubes = [np.asarray(cube)[0].sum(axis=1) for cube in (subject.replay.expected, evidence.observed)]
    for title, weights in (
        ("expected over recorded", people.shares),
        ("the same weighted by residents", people.by_group),
    ):
        ratios = (cubes[0] @ weights) / (cubes[1] @ weights)
        numbers[f"{title}, lowest group", ""] = (float(ratios.min()), nan, nan)
        numbers[f"{title}, highest group", ""] = (float(ratios.max()), nan, nan)
    if "white" in people.groups:
        black, white = (numbers["exposure", group][0] for group in ("Black", "white"))
        numbers["exposure over that of white residents", "Black"] = (black / white, nan, nan)
    else:
        black, rest = (numbers["coverage", group][0] for group in ("Black", "no visible minority"))
        numbers["coverage over that of no visible minority", "Black"] = (black / rest, nan, nan)
    return numbers


def results(outcomes: dict[str, Outcome]) -> pd.DataFrame:
    """Return stated numbers and ours."""
    rows = []
    asked = [*(("before", *one) for one in STATED), *(("after", *one) for one in LATER)]
    for when, name, measure, group, stated, tolerance in asked:
        value, low, high = outcomes[name].numbers[measure, group]
        about = {
            "case": name,
            "measure": measure,
            "group": group,
            "stated": stated,
            "tolerance": tolerance,
            "asked": when,
        }
        rows.append({**about, "ours": value, "low": low, "high": high, "met": abs(value - stated) <= tolerance})
    return pd.DataFrame(rows)


def failing_findings(outcomes: dict[str, Outcome]) -> pd.DataFrame:
    """Return every measured finding of a required check that does not pass."""
    rows = [
        {"case": name, "check": one.check, "group": one.group, "estimate": one.value, "low": one.low, "high": one.high}
        | {"state": one.state.value, "limit": one.limit.as_text()}
        for name, outcome in outcomes.items()
        for one in outcome.report.findings
        if one.required and one.limit is not None and np.isfinite(one.value) and not one.holds
    ]
    return pd.DataFrame(rows)


def refusal(decision: Decision) -> str:
    """Return the message that refuses an approval of a decision; empty if it is approved."""
    with tempfile.TemporaryDirectory() as folder:
        register = ilp.Register(Path(folder) / "register.jsonl")
        record_decision(register, decision, "t.rainer")
        try:
            approve(
                register,
                decision,
                ReviewerSignature("R. Viewer", "to see whether it is refused", "rv", decision.issued),
                {},
            )
        except ilp.WithheldError as error:
            return str(error)
    return ""


def stated_table(table: pd.DataFrame) -> list[str]:
    """Return the stated numbers as Markdown."""
    lines = ["| case | measure | group | stated | tolerance | asked | ours | weeks | met |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in table.to_dict("records"):
        span = f"{row['low']:.3f} to {row['high']:.3f}" if np.isfinite(row["low"]) else "-"
        cells = [row["case"], row["measure"], row["group"] or "-", f"{row['stated']:.3g}", f"{row['tolerance']:g}"]
        cells += [row["asked"], f"{row['ours']:.3f}", span, "yes" if row["met"] else "no"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def gate_table(outcomes: dict[str, Outcome]) -> list[str]:
    """Return the findings and decision of each case as Markdown."""
    lines = ["| case | decision | check | stated | found | furthest off | approval, were all else well |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, outcome in outcomes.items():
        verdict = "admitted" if outcome.decision().admitted else "withheld"
        for check in dict.fromkeys((*outcome.case.must_fail, *failing_checks(outcome.report.findings))):
            found = [one for one in outcome.report.findings if one.check == check]
            tally = Counter(one.state.value for one in found)
            counts = ", ".join(f"{count} {state}" for state, count in sorted(tally.items()))
            one = max(found, key=lambda one: (one.state is State.FAIL, abs(one.value - one.limit.neutral)))
            number = f"{one.group + ' ' if one.group else ''}{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
            lone = outcome.alone(check)
            allowed = "not needed" if lone.admitted else "refused" if refusal(lone) else "a reviewer may sign"
            stated = "fail" if check in outcome.case.must_fail else "-"
            lines.append(f"| {' | '.join([name, verdict, f'`{check}`', stated, counts, number, allowed])} |")
    return lines


def failing_checks(findings: Sequence[Finding]) -> list[str]:
    """Return the required checks that were measured and do not pass, in order."""
    bad = (one for one in findings if one.required and one.limit and np.isfinite(one.value) and not one.holds)
    return list(dict.fromkeys(one.check for one in bad))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
