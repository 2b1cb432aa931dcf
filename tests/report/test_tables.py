import numpy as np
import pandas as pd
import pyproj
import pytest

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.finding import Finding, Limit, State
from ilp_models.report import tables
from tests.audit import audit_inputs as inputs
from tests.builders import forecast_on, square_grid
from tests.report.comparison_evidence import skills_of
from tests.report.weekly_evidence import intake_of, scores_of

GRID = square_grid(2, 2)


def test_top_cells_by_hand():
    forecast = forecast_on(GRID, types=("Assault",), expected=[0.1, 0.4, 0.3, 0.2])
    reasons = pd.DataFrame(
        [
            ("Assault", "r0c1", "2022-01-10", "another week"),
            ("Assault", "r0c1", "2022-01-03", "this week"),
            ("Robbery", "r0c1", "2022-01-03", "another type"),
        ],
        columns=["crime_type", "cell", "period", "words"],
    )
    table = tables.top_cells(forecast, GRID, "Assault", 3, reasons)
    assert table["cell"].tolist() == ["r0c1", "r1c0", "r1c1"]
    assert table["position"].tolist() == [1, 2, 3]
    assert table["area"].tolist() == ["East", "West", "East"]
    assert table["reasons"].tolist() == ["this week", "", ""]
    assert table.loc[0, "share"] == pytest.approx(0.4)
    assert (table.loc[0, "q05"], table.loc[0, "q95"]) == (0, 2)
    lon, lat = pyproj.Transformer.from_crs("EPSG:32617", 4326, always_xy=True).transform(630_750.0, 4_834_250.0)
    assert (table.loc[0, "lon"], table.loc[0, "lat"]) == pytest.approx((lon, lat))


def test_top_cells_without_events_or_reasons():
    none = pd.DataFrame(columns=["crime_type", "cell", "period", "words"])
    table = tables.top_cells(forecast_on(GRID, types=("Assault",), expected=np.zeros(4)), GRID, "Assault", 9, none)
    assert len(table) == 4
    assert table["share"].tolist() == [0.0] * 4
    assert table["reasons"].tolist() == [""] * 4


def test_comparison_is_sorted_by_deviance_with_bounds_last():
    scores = scores_of()
    table = tables.comparison_table(scores, skills_of(scores, "moving_average"), "moving_average")
    assert table["forecaster"].tolist() == ["ewma", "moving_average", "ceiling (ewma)", "oracle"]
    assert table["bound"].tolist() == [False, False, True, True]
    assert table["deviance"].tolist() == pytest.approx([0.20, 0.25, 0.19, 0.01])
    assert table["skill"].tolist() == pytest.approx([0.2, 0.0, 0.24, 0.96])
    assert table["hit_rate"].tolist() == pytest.approx([0.30, 0.28, np.nan, 0.8], nan_ok=True)
    assert table.loc[0, ["hit_rate_low", "hit_rate_high"]].tolist() == pytest.approx([0.30, 0.30])
    assert table.loc[0, "sum_ratio"] == pytest.approx(0.9)
    assert table["verdict"].tolist()[1:] == ["", "", ""]
    assert table["coverage"].isna().tolist() == [False, False, True, True]


def test_comparison_shows_the_skill_over_a_second_baseline():
    scores = scores_of()
    table = tables.comparison_table(scores, skills_of(scores, "moving_average", "ewma"), "moving_average")
    assert table["second_skill"].tolist() == pytest.approx([0.0, -0.25, 0.05, 0.95])
    assert table["second_verdict"].tolist() == ["", "worse", "", ""]
    assert table["second_low"].isna().tolist() == [True, False, False, False]


def test_findings_have_their_scope_state_and_limit():
    limit = Limit(fail_below=0.5)
    findings = (
        Finding("sum_ratio", State.PASS, 1.0, 0.9, 1.1, limit, "all"),
        Finding("need_adjusted_ratio", State.FAIL, 0.2, 0.1, 0.3, limit, "Assault", "income", "low"),
        Finding("shap_additivity", State.INSUFFICIENT),
        Finding("exposure", State.PASS, 0.05, 0.04, 0.06, Limit(), "Assault", "income", "low"),
        Finding("exposure_ratio", State.PASS, 1.0, 0.9, 1.1, limit, "Assault", "income", "low"),
    )
    table = tables.finding_rows(AuditReport(findings, "ewma", "r", ("Assault",)))
    assert table["about"].tolist() == [
        "all types",
        "Assault, income: low",
        "the model",
        *["Assault, income: low"] * 2,
    ]
    assert table["state"].tolist() == ["pass", "fail", "insufficient", "reported", "pass"]
    assert table["limit"].tolist() == ["fail below 0.5", "fail below 0.5", "", "none", "fail below 0.5"]


def test_the_audit_protocol():
    audit = inputs.audit(inputs.group_table(), land_share=0.1)
    protocol = tables.audit_protocol(audit.run(inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())))
    for words in ("10.0% of the active area", "by count", "moving_average", "52 periods from 2021-01-04", "95%"):
        assert words in protocol
    assert "blocks of 4 periods, 2,000 draws" in protocol
    assert "Group table " in protocol
    assert tables.audit_protocol(AuditReport((), "ewma", "r", ())) == ""


def test_intake_joins_its_examples():
    row = tables.intake_table(intake_of()).iloc[0]
    assert (row["rule"], row["action"], row["count"], row["examples"]) == (
        "coordinates are zero",
        "set aside",
        3,
        "row 7",
    )
