"""Attacks: invent a group table in which no forecast could fail."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.gate import decide
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.approvals import record_decision
from ilp_models.audit.register.register import Register
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.finding import State
from ilp_models.pipeline.terminal_text import decision_lines
from ilp_models.report.tables import audit_protocol
from tests.audit import audit_inputs as inputs

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
AREAS = sorted(set(inputs.grid().parents["district"]))


def table_of(shares):
    """Return a group table from the shares of each group, by area."""
    rows = [
        {"area": area, "dimension": "origin", "group": group, "population": 1000 * float(share)}
        for group, column in shares.items()
        for area, share in zip(AREAS, column, strict=True)
    ]
    return pd.DataFrame(rows)


def two(share):
    return table_of({"Upland": share, "Lowland": 1 - share})


def noise(seed, width, count=25):
    return np.random.default_rng(seed).uniform(-width, width, count)


def of_the_issue(seed=0):
    return two(0.5 + noise(seed, 0.04))


def three_groups(seed):
    first, second = 1 / 3 + noise(seed, 0.02), 1 / 3 + noise(seed + 50, 0.02)
    return table_of({"a": first, "b": second, "c": 1 - first - second})


def decision_on(table, grid=None, **changed):
    subject = inputs.audit_input(*inputs.city(), grid or inputs.grid(), inputs.explanation())
    report = inputs.audit(table, **changed).run(subject, NOW)
    return decide(report, inputs.forecast(), NOW)


def power_of(decision):
    (finding,) = (one for one in decision.findings if one.check == "group_table_power")
    return finding


@pytest.mark.parametrize(
    "table",
    [
        *(of_the_issue(seed) for seed in range(4)),
        *(three_groups(seed) for seed in range(3)),
        two(0.5 + np.where(np.arange(25) % 2 == 0, 0.04, -0.04)),
    ],
)
def test_a_table_that_could_not_fail_is_reviewed(table):
    decision = decision_on(table)
    finding = power_of(decision)
    assert finding.state is State.REVIEW
    assert finding.value < 1
    assert "could not fail" in finding.detail
    assert not decision.admitted
    assert decision.reviews == ("group_table_power",)  # a reviewer may sign it
    assert "Power of the group table" in decision.reasons[0]


@pytest.mark.parametrize("rank", [0, 50, 80], ids=["quiet", "middling", "busy"])
def test_a_group_that_lives_alone_in_one_cell_gives_no_power(rank):
    """Groups are even on 99 % of the land. A map of that cell and of cells without events would be extreme."""
    events = inputs.city()[0].observed.values.sum(axis=(0, 2))
    cells = inputs.grid().cells.astype(str)
    alone = np.argsort(events)[rank]
    share = np.where(np.arange(100) == alone, 1.0, 0.5)
    rows = [
        {"area": cell, "dimension": "origin", "group": group, "population": 1000 * part}
        for cell, one in zip(cells, share, strict=True)
        for group, part in (("Upland", one), ("Lowland", 1 - one))
    ]
    grid = replace(inputs.grid(), parents=pd.DataFrame({"cell": cells}))
    decision = decision_on(pd.DataFrame(rows), grid, land_share=0.1)
    assert power_of(decision).state is State.REVIEW
    assert not decision.admitted


def test_the_reviewer_reads_the_value_at_once():
    text = power_of(decision_on(of_the_issue())).detail
    assert text.startswith("Even the most one-sided useful map of 5 % of the land has a coverage ratio of 0.8")
    assert text.endswith("The limit is 0.8, so the check could not fail.")


def test_an_honest_table_of_the_same_city_is_admitted():
    assert decision_on(inputs.group_table()).admitted


@pytest.mark.parametrize("build", [of_the_issue, three_groups])
def test_names_and_order_of_groups_change_nothing(build):
    table = build(1)
    names = sorted(set(table["group"]))
    moved = table.assign(group=table["group"].map(dict(zip(names, names[::-1], strict=True))))
    values = [power_of(decision_on(one)).value for one in (table, table[::-1], moved)]
    assert values[1:] == pytest.approx(values[:1] * 2)


def test_a_tiny_group_brings_no_power():
    """It lives in one area only, and its extreme coverage would cross every limit."""
    even = 0.5 + noise(3, 0.04)
    tiny = np.where(np.arange(25) == 0, 0.02, 0.0)
    decision = decision_on(table_of({"a": even, "b": 1 - even - tiny, "tiny": tiny}))
    assert power_of(decision).state is State.INSUFFICIENT
    assert not decision.admitted
    assert not decision.reviews


def test_a_second_dimension_with_power_does_not_help():
    both = pd.concat([of_the_issue(), inputs.group_table().assign(dimension="income")])
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())
    findings = [one for one in inputs.audit(both).run(subject, NOW).findings if one.check == "group_table_power"]
    assert {one.dimension: one.state for one in findings} == {"origin": State.REVIEW, "income": State.PASS}


@pytest.mark.parametrize("share_of", ["land", "cells"])
@pytest.mark.parametrize("land_share", [0.03, 0.1, 0.25])
def test_no_share_of_land_gives_an_even_table_power(share_of, land_share):
    decision = decision_on(two(np.full(25, 0.5)), share_of=share_of, land_share=land_share)
    assert power_of(decision).value == pytest.approx(0.0, abs=1e-6)


# --- where the table comes from ------------------------------------------------------------------------------------


class Census:
    publisher = "Office of Statistics"
    path = ("/data/of/a/person/one.csv", "two.csv")

    def groups(self):
        return inputs.group_table()


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (GroupTable(), ""),
        (GroupTable(source=Census()), "Office of Statistics (one.csv, two.csv)"),
        (GroupTable(source=inputs.KnownGroups(None)), "KnownGroups"),
        (GroupTable(source=SimulatedCity()), "simulated city"),
    ],
)
def test_a_table_says_where_it_comes_from(table, text):
    assert table.origin() == text


def test_source_and_digest_are_bound_and_shown(tmp_path):
    path = tmp_path / "residents.csv"
    inputs.group_table().to_csv(path, index=False)
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())
    decisions = []
    for table in (GroupTable(path=str(path)), GroupTable(source=Census())):
        report = replace(inputs.audit(), groups=table).run(subject, NOW)
        decisions.append(decide(report, inputs.forecast(), NOW))
    first, second = decisions
    header = first.report.header
    shown = f"residents.csv, SHA-256 {header['group_table'][:16]}"
    assert header["group_source"] == "residents.csv"
    assert decision_lines(first)[-1] == f"Group table: {shown}"
    assert f"Group table {shown}." in audit_protocol(first.report)
    assert "Office of Statistics (one.csv, two.csv), SHA-256" in audit_protocol(second.report)
    # the same residents from another source: another decision
    assert header["group_table"] == second.report.header["group_table"]
    assert first.seal != second.seal
    register = Register(tmp_path / "register.jsonl")
    record_decision(register, first, "t.rainer")
    content = register.verify().lines[0].content
    assert (content["group_source"], content["group_table"]) == ("residents.csv", header["group_table"])
