"""What is kept and told of an allocation: its marking, ``allocation.json``, its line in the register, and words."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ilp_models.audit.register.register import RegisterEntry
from ilp_models.domain.decision import Decision
from ilp_models.export.allocated import marked
from ilp_models.export.marking import Marking, mark
from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import plain_rows
from ilp_models.pipeline.run_folder import user


def marking_of(made: AllocationResult, config: Mapping[str, Any]) -> Marking:
    """Return the marking of an allocation's files, the decision asked once more."""
    marking = mark(made.left.forecast, made.left.provenance, made.decision, "allocation", now())
    cap = "none" if np.isinf(made.choice.cap) else f"{made.choice.cap:g}"
    seed = (config.get("allocation") or {}).get("seed", "none")
    more = {"chosen_by": made.choice.who, "chosen_why": made.choice.why, "exposure_cap": cap, "seed": seed}
    return marked(marking, made.allocation, more)


def plain(made: AllocationResult, marking: Marking, config: Mapping[str, Any], files: list[Path]) -> dict[str, Any]:
    """Return the content of ``allocation.json``."""
    allocation = made.allocation
    whole = float(made.expected.sum())
    return {
        "decision": made.decision.seal,
        "grounds": grounds(made.decision),
        "forecast": made.decision.forecast,
        "settings": {name: config.get(name) for name in ("allocation", "objective", "unit", "frontier", "groups")},
        "allocator": allocation.allocator,
        "objective": allocation.objective,
        "budget": {"amount": allocation.budget, "unit": allocation.unit},
        "periods": [str(period) for period in allocation.periods],
        "spent": allocation.spent.tolist(),
        "gap": made.gap.tolist(),
        "expected_events_covered": float((made.share * made.expected).sum()),
        "coverage": float((made.share * made.expected).sum()) / whole if whole else None,
        "chosen": {
            "who": made.choice.who,
            "why": made.choice.why,
            "exposure_cap": None if np.isinf(made.choice.cap) else made.choice.cap,
        },
        "overrides": [vars(one) for one in allocation.overrides],
        "groups": plain_rows(made.groups),
        "frontier": plain_rows(made.frontier),
        "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "facts": dict(marking.facts),
    }


def entry(made: AllocationResult, files: list[Path], staging: str) -> RegisterEntry:
    """Return the line of the register on an allocation."""
    given = made.allocation.effort.values.sum(axis=1) > 0
    content = {
        "forecast": made.decision.forecast,
        "allocator": made.allocation.allocator,
        "objective": made.allocation.objective,
        "budget": f"{made.allocation.budget:g} {made.allocation.unit}",
        "periods": [str(period) for period in made.allocation.periods],
        "cells": int(given.sum()),
        "areas": sorted(set(made.areas[given])),
        "chosen_by": made.choice.who,
        "chosen_why": made.choice.why,
        "overrides": [vars(one) for one in made.allocation.overrides],
        "files": [file.relative_to(staging).as_posix() for file in files],
    }
    return RegisterEntry("allocated", user(), made.decision.seal, now(), content)


def grounds(decision: Decision) -> list[str]:
    """Return what a decision rests on, and who approved it if anybody had to."""
    approval = decision.approval
    return [*decision.reasons, *([f"Approved by {approval.reviewer}: {approval.reason}"] if approval else [])]


def summary_lines(made: AllocationResult) -> list[str]:
    """Return what the terminal shows of an allocation."""
    allocation, whole = made.allocation, float(made.expected.sum())
    covered = float((made.share * made.expected).sum())
    given = allocation.effort.values > 0
    lines = [
        f"Allocated by {allocation.allocator}, {allocation.objective}, on decision {made.decision.short}:",
        f"  {allocation.spent.max():g} of {allocation.budget:g} {allocation.unit} in a period, "
        f"{int(given.any(axis=1).sum())} of {len(given)} cells, "
        f"{covered:.3g} of {whole:.3g} expected events covered ({covered / whole if whole else 0:.1%})",
        f"  chosen by {made.choice.who}: {made.choice.why}",
        *([f"  up to {made.gap.max():.2%} below the best allocation"] if made.gap.max() > 5e-5 else []),
    ]
    for row in made.groups.to_dict("records"):
        lines.append(
            f"  {row['dimension']}/{row['group']}: exposure ratio {row['exposure_ratio']:.2f}, need-adjusted ratio "
            f"{row['need_adjusted_ratio']:.2f}, coverage {row['coverage']:.1%}"
        )
    for row in made.frontier.drop_duplicates("cap").to_dict("records"):
        cap = "no cap" if np.isinf(row["cap"]) else f"cap {row['cap']:g}"
        left = f"{row['of_uncapped']:.1%} of what no cap covers"
        lines.append(f"  {cap}: {row['note'] or left}")
    lines += [f"  {ground}" for ground in grounds(made.decision)]
    if made.groups.empty:
        lines.append("  No group was audited: no frontier, and exposure and coverage of groups are not known.")
    return lines
