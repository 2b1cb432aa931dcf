"""Archive the plans of an audited rule, and read them back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.audit.audit_input import AuditInput
from ilp_models.domain.allocation import PlannedPeriods
from ilp_models.domain.replay import Replay

PLAN, BASELINE_PLAN = "plan", "baseline_plan"


def plans_of(subject: AuditInput) -> dict[str, PlannedPeriods]:
    """Return the plans of an audit by the name of their file."""
    plans = {PLAN: subject.plan, BASELINE_PLAN: subject.baseline_plan}
    return {name: plan for name, plan in plans.items() if plan is not None}


def plan_rows(plan: PlannedPeriods, replay: Replay) -> pd.DataFrame:
    """Return a plan as a table, one row per cell and period."""
    labels = [replay.expected.indexes["cell"].astype(str), replay.periods.start_time]
    index = pd.MultiIndex.from_product(labels, names=["cell", "period"])
    return pd.DataFrame({"share": plan.share.ravel()}, index=index).reset_index()


def plan_facts(plan: PlannedPeriods) -> dict[str, Any]:
    """Return what the rows of a plan do not contain."""
    return {
        **{name: getattr(plan, name) for name in ("rule", "name", "budget_share", "group_dimensions")},
        "gap": plan.gap.tolist(),
    }


def read_plan(table: pd.DataFrame, facts: Mapping[str, Any], replay: Replay) -> PlannedPeriods:
    """Return the plan from its rows and facts."""
    cells, periods = (replay.expected.sizes[name] for name in ("cell", "period"))
    share = table["share"].to_numpy(dtype=float).reshape(cells, periods)
    return PlannedPeriods(
        dict(facts["rule"]),
        str(facts["name"]),
        share,
        float(facts["budget_share"]),
        np.array(facts["gap"], dtype=float),
        tuple(map(str, facts["group_dimensions"])),
    )
