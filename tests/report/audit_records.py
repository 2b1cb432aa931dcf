"""Make audit records of the small city of tests/audit, with every part or with none."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.explanation.checks import attribution_gaps
from ilp_models.audit.flagging import FlaggingRule, with_total
from ilp_models.audit.gate import decide
from ilp_models.audit.measures.metric_frame import group_gaps
from ilp_models.audit.measures.table import measure_groups
from ilp_models.audit.sensitivity.variants import vary_areal_units, vary_ranking_unit
from ilp_models.domain.checks import required_keys
from ilp_models.domain.decision import Approval
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.finding import Finding, Limit, State
from ilp_models.report.audit.audit_record import AuditRecord
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.report.weekly_evidence import intake_of

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def decision_of(groups=None, slant=0.0, **settings):
    """Return the decision on the next forecast of the small city; without groups it is withheld."""
    table = inputs.group_table(slant) if groups is None else groups
    subject = AuditInput(*inputs.city(), inputs.grid(), inputs.explanation(), data="d" * 64, timing=inputs.TIMING)
    report = inputs.audit(table if len(table) else None, **settings).run(subject, NOW)
    return decide(report, inputs.forecast(), NOW, 8)


@cache
def withheld():
    """Return a decision withheld by group checks."""
    return decision_of(slant=0.7, land_share=0.05)


@cache
def admitted(review=()):
    """Return a decision on findings that all pass, except reviews of some checks."""
    report = withheld().report
    limit = Limit(fail_below=0.5, warn_above=1.5)
    keys = [key for keys in required_keys(inputs.TYPES, report.groups).values() for key in keys]
    findings = []
    for check, kind, dimension, group in keys:
        odd = check in review
        state, value = (State.REVIEW, 1.6) if odd else (State.PASS, 1.0)
        numbers = (value, value - 0.1, value + 0.1)
        where = {"crime_type": kind, "dimension": dimension, "group": group}
        findings.append(Finding(check, state, *numbers, limit, **where))
    return decide(replace(report, findings=tuple(findings)), inputs.forecast(), NOW, 8)


def reviewed():
    """Return a decision that only a review withholds."""
    return admitted(("need_adjusted_ratio",))


def with_changed_settings(decision):
    """Return the same decision on an audit with a setting that differs from its default."""
    changed = ("audit.land_share=0.1 (default 0.05)",)
    return replace(decision, report=replace(decision.report, changed=changed))


def approved(decision):
    """Return a decision that its reviewer accepted."""
    signature = Approval(decision.seal, "R. Viewer", "discussed with the panel", decision.reviews, NOW)
    return replace(decision, approval=signature)


def measures_of(decision, groups=("Upland", "Lowland"), dimension="origin"):
    """Return a table of measures with all shares and units, made of plain arithmetic."""
    rng = np.random.default_rng(3)
    rows = []
    spans = product(("Assault", "Robbery", "all"), (0.01, 0.05, 0.1, 0.2), ("count", "per_km2", "per_resident"), groups)
    for kind, share, unit, group in spans:
        tilt = 1.35 if group == groups[0] else 0.8
        numbers = {
            "exposure": share * tilt,
            "exposure_ratio": tilt / 0.9,
            "need_adjusted_ratio": 1 + 0.3 * (tilt - 1),
            "baseline_exposure_ratio": 1.06,
            "sum_ratio": 0.97,
            "coverage": min(1.0, 3 * share**0.8 * (0.9 + 0.1 * tilt)),
        }
        for measure, value in numbers.items():
            value *= rng.uniform(0.95, 1.05)
            baseline = value * 0.94
            if measure == "coverage" and share == 0.01:
                value = baseline = np.nan
            near = {f"week_{end}": value * factor for end, factor in (("low", 0.95), ("high", 1.05))}
            far = {f"area_{end}": value * factor for end, factor in (("low", 0.8), ("high", 1.25))}
            chance = {"chance_low": 0.75, "chance_high": 1.3} if "ratio" in measure else {}
            key = (kind, share, unit, dimension, group, measure)
            rows.append(
                dict(zip(("crime_type", "share", "unit", "dimension", "group", "measure"), key, strict=True))
                | {"value": value, "baseline": baseline, **near, **far, **chance, "p_chance": 0.04, "p_adjusted": 0.2}
            )
    return pd.DataFrame(rows)


def robustness_of():
    """Return the robustness of an explanation."""
    names = pd.DataFrame({"feature": ["mean_8", "lag_1", "lag_2"], "family": ["own_past", "lags", "lags"]})
    pairs = [("mean_8", "lag_1", "own_past", "lags", 0.2), ("mean_8", "mean_8", "own_past", "own_past", 0.9)]
    return Robustness(
        perturbations=names.assign(path=[0.5, 0.2, 0.1], interventional=[0.45, 0.25, 0.05]),
        interventional_error=0.001,
        refits=names.assign(half_1=[0.5, 0.2, 0.1], half_2=[0.4, 0.3, 0.1]),
        interactions=pd.DataFrame(pairs, columns=["first", "second", "first_family", "second_family", "strength"]),
        rows=500,
    )


def gaps_of(groups=("Upland", "Lowland"), dimension="origin"):
    """Return attribution gaps by family."""
    families = ("own_past", "lags", "surroundings", "calendar", "city_level", "same_season", "all_types", "offset")
    rows = [
        (kind, dimension, group, family, 0.2 * (-1) ** place / (1 + at))
        for kind in ("Assault", "all")
        for place, group in enumerate(groups)
        for at, family in enumerate(families)
    ]
    table = pd.DataFrame(rows, columns=["crime_type", "dimension", "group", "family", "gap"])
    return table.assign(multiplier=np.exp(table["gap"]))


def feedback_of():
    """Return the paths of a feedback simulation."""
    rows = [
        (replicate, records, period, kind, start + slope * period + 0.005 * replicate, 0.9)
        for replicate in range(3)
        for records, start, slope in (("complete", 0.1, 0.0), ("followed", 0.1, 0.004), ("weighted", 0.1, 0.001))
        for period in range(0, 26, 4)
        for kind in ("Assault", "Robbery", "all")
    ]
    return pd.DataFrame(rows, columns=["replicate", "records", "period", "crime_type", "distance", "rank_correlation"])


def frontier_of(groups=("Upland", "Lowland"), dimension="origin"):
    """Return a frontier of exposure caps."""
    rows = [
        (dimension, group, cap, 0.31 - 0.004 * place**2, 1 - 0.012 * place**2, min(cap, 1.8 - 0.4 * at), 0.3, "")
        for place, cap in enumerate((np.inf, 2.0, 1.5, 1.25, 1.1, 1.0))
        for at, group in enumerate(groups)
    ]
    columns = ["dimension", "group", "cap", "capture", "of_uncapped", "exposure_ratio", "coverage", "note"]
    return pd.DataFrame(rows, columns=columns)


def explanation_of():
    """Return attributions that differ from cell to cell."""
    made = inputs.explanation()
    phi = made.attributions.copy(data=np.random.default_rng(0).normal(0, 0.4, made.attributions.shape))
    log_expected = phi.sum("feature")
    values = made.values.copy(data=np.abs(phi.values) * 3)
    parts = (phi, values, made.base, log_expected, made.columns, made.forecaster, made.cutoff)
    return Explanation(*parts, robustness=robustness_of())


def flags_of(share=0.05):
    """Return the flagged areas of the small city."""
    replay = inputs.city()[0]
    return FlaggingRule(inputs.grid().area_m2).flagged(with_total(replay.expected.values), share)[0]


def ranking_units():
    """Return the sensitivity to the ranking unit."""
    rows = [
        ("ranking_unit", unit, kind, dimension, group, measure, value, against)
        for unit, tilt in (("per_km2", 0.6), ("per_resident", 0.9))
        for kind in ("Assault", "all")
        for dimension, group, measure, value, against in (
            ("", "", "jaccard", tilt, 1.0),
            ("origin", "Upland", "exposure_ratio", 1.4 * tilt, 1.4),
            ("origin", "Lowland", "exposure_ratio", np.nan, 0.9),
            ("origin", "Upland", "need_adjusted_ratio", 1.1 * tilt, 1.1),
            ("origin", "", "coverage_ratio", 0.9 * tilt, 0.9),
        )
    ]
    columns = ["varied", "setting", "crime_type", "dimension", "group", "measure", "value", "against"]
    return pd.DataFrame(rows, columns=columns)


def full(decision=None, **change):
    """Return an audit record with every part."""
    decision = decision or withheld()
    table = pd.DataFrame({"unit": ["count", "per_km2"], "group": ["Upland", "Upland"], "exposure_ratio": [1.4, np.nan]})
    parts = {
        "decision": decision,
        "city": "Smallville",
        "grid": inputs.grid(),
        "flags": flags_of(),
        "measures": measures_of(decision),
        "sensitivity": {"ranking_unit": ranking_units(), "areal_unit": table.assign(sign_changes=True), "harm": table},
        "feedback": feedback_of(),
        "explanation": explanation_of(),
        "gaps": gaps_of(),
        "proxies": pd.DataFrame({"group": ["Upland"], "feature": ["mean_8"], "correlation": [0.4], "low": [np.nan]}),
        "frontier": frontier_of(),
        "intake": intake_of(),
        "provenance": {"Data": "d" * 64, "Code": "ilp_models 0.1.0", "numpy": "2.1", "Seed of the audit": "0"},
        "settings": {"share": 0.05, "limits": {"coverage_ratio": {"fail_below": 0.8}}},
        "command": "ilp audit data=toronto",
    }
    return AuditRecord(**(parts | change))


def computed():
    """Return an audit record whose measures, sensitivity and gaps the audit computed on the small city."""
    audit = inputs.audit(inputs.group_table())
    own, baseline = inputs.city()
    explanation = explanation_of()
    evidence = CheckContext(
        replay=own,
        baseline=baseline,
        grid=inputs.grid(),
        explanation=explanation,
        features=explanation.columns,
        limits={name: Limit(**bounds) for name, bounds in audit.limits.items()},
        min_evidence=MinEvidence(**audit.min_evidence),
        bootstrap=Bootstrap(audit.bootstrap.block, 100, audit.bootstrap.confidence, audit.bootstrap.seed),
        land_share=audit.land_share,
        rank_by=audit.rank_by,
        floor=audit.floor,
        residents=audit.groups.to_cells(inputs.grid()),
    )
    return AuditRecord(
        decision_of(),
        grid=evidence.grid,
        flags=evidence.flags,
        measures=measure_groups(evidence),
        group_gaps=group_gaps(evidence),
        sensitivity={"ranking_unit": vary_ranking_unit(evidence), "areal_unit": vary_areal_units(evidence)},
        explanation=explanation,
        gaps=attribution_gaps(explanation, evidence.grid, evidence.residents[0], by="family"),
    )


def bare(decision=None):
    """Return an audit record with a decision only; its audit had no group table."""
    return AuditRecord(decision or decision_of(groups=pd.DataFrame()))


def hostile():
    """Return an audit record with markup in every label."""
    groups = inputs.group_table(0.7).assign(dimension=HOSTILE)
    groups["group"] = groups["group"].map({"Upland": '" onmouseover="x', "Lowland": "a|b [c](d) `e` *f* $g$ {{ 7*7 }}"})
    decision = decision_of(groups=groups)
    names = ('" onmouseover="x', "a|b [c](d) `e` *f* $g$ {{ 7*7 }}")
    return full(
        decision,
        city=HOSTILE,
        measures=measures_of(decision, names, HOSTILE),
        gaps=gaps_of(names, HOSTILE),
        frontier=frontier_of(names, HOSTILE),
        sensitivity={HOSTILE: pd.DataFrame({HOSTILE: [HOSTILE]})},
        intake=intake_of(HOSTILE),
        provenance={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
        command=HOSTILE,
        absent={"tainted_periods": HOSTILE},
    )
