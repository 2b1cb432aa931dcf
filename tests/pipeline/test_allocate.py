"""What an admitted forecast may be spent on, what it leaves, and what is refused."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.data.dose_table import read_dose
from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.evaluation.compliance import Compliance
from ilp_models.pipeline.briefings import AUDIENCES
from ilp_models.pipeline.overrides import read_overrides
from ilp_models.pipeline.plan import allocate_effort
from ilp_models.pipeline.reaudit import repeat_audit
from ilp_models.report.audit.audit_record import AuditPage
from tests.evaluation.small_trial import DESIGN
from tests.pipeline.small_city import LENIENT, copy_run, run_apart, run_task, summary_of

HARM = "harm=[csi_2009,ons_css]"
CHOSEN = ("chosen_by=A. Planner", "reason=to see what it does")
# Parity of two groups is left out, as it takes a solver long to give up.
CAPS = ("frontier.caps=[2,1.5,1.25]",)


@pytest.fixture(scope="session")
def groups(residents):
    """Return its settings, and a dimension and a group."""
    table = pd.read_csv(residents)
    dimension = table["dimension"].iloc[0]
    return f"groups.path='{residents}'", dimension, table.loc[table["dimension"] == dimension, "group"].iloc[0]


def allocate(shelf, source, *words):
    """Return an allocation of a run; the register is the one that knows it."""
    return run_task("allocate", shelf, f"source='{source}'", "compute.jobs=1", *CAPS, *CHOSEN, *words)


def refused(shelf, tmp_path, source, *words, error=WithheldError):
    """Return the line of a refusal that left neither file nor line behind."""
    register = Path(shelf, "register.jsonl")
    before = register.read_text()
    with pytest.raises(error) as raised:
        run_task(
            "allocate",
            tmp_path,
            f"source='{source}'",
            f"register='{register}'",
            "compute.jobs=1",
            *CAPS,
            *CHOSEN,
            *words,
        )
    assert list((tmp_path / "allocate").rglob("*")) == [tmp_path / "allocate" / "0"]
    assert register.read_text() == before
    return str(raised.value)


@pytest.fixture(scope="session")
def plan(capped, two_groupings):
    """Return the plan of the small city with a cap on exposure, which was audited and approved."""
    folder, run = capped
    return allocate(folder, run.folder, f"groups.path='{two_groupings}'")


def cap_of(table, dimension, cap):
    """Return the settings of a rule with a cap on exposure, and of a group table."""
    share, groups = "audit.rule.budget.budget_share=0.1", ("audit.groups.source=null", f"audit.groups.path='{table}'")
    return "audit/rule=constrained", share, f"audit.rule.exposure={{{dimension}:{{cap:{cap}}}}}", *groups


@pytest.fixture(scope="session")
def capped(under_rule, groups, two_groupings):
    """Return the folder of the run with a cap on exposure, and that run."""
    return under_rule(*cap_of(two_groupings, groups[1], 1.2))


def test_a_plan_leaves_marked_files_for_every_level(plan, capped):
    admitted = capped[1]
    names = {path.name for path in plan.folder.iterdir()}
    assert {
        "allocation.parquet",
        "allocation.gpkg",
        "allocation.csv",
        "allocation.csv.json",
        "allocation.json",
    } <= names
    assert {"frontier.csv", "frontier.png", "groups.csv", "shift.xlsx"} <= names
    assert {f"{level}.{form}" for level in AUDIENCES for form in ("html", "csv", "csv.json")} <= names
    assert not [name for name in names if name.startswith(".")]
    seal = admitted.decision["seal"]
    for path in plan.folder.glob("*.csv"):
        rows = pd.read_csv(path, dtype={"decision": str})
        assert rows["caveat"].dropna().tolist() == [SCOPE]
        assert set(rows["decision"]) == {seal[:16]}
        facts = json.loads(path.with_name(f"{path.name}.json").read_text())
        assert (facts["caveat"], facts["scope"], facts["chosen_by"]) == (CAVEAT, SCOPE, "A. Planner")
    described = pyogrio.read_info(plan.folder / "allocation.gpkg", layer="allocation")["layer_metadata"]
    assert described["caveat"] == CAVEAT
    for level in AUDIENCES:
        text = (plan.folder / f"{level}.html").read_text()
        assert seal[:16] in text
        assert CAVEAT[:40] in text
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")  # the name of a format, not a request


def test_the_budget_is_kept_and_effort_is_where_the_grid_is(plan, capped):
    admitted = capped[1]
    table = gpd.read_parquet(plan.folder / "allocation.parquet")
    cells = gpd.read_parquet(admitted.folder / "forecast.parquet")["cell"].nunique()
    assert len(table) == cells
    assert table["effort"].sum() == round(0.1 * cells)
    assert (table["inclusion"] == (table["effort"] > 0)).all()
    assert table.crs is not None
    csv = pd.read_csv(plan.folder / "allocation.csv")
    np.testing.assert_allclose(csv["effort"], table["effort"])


def test_a_decimal_comma_is_in_every_table_and_is_read_back(shelf, admitted, tmp_path):
    done = allocate(shelf, admitted.folder, "decimal=comma")
    names = sorted(path.name for path in done.folder.glob("*.csv"))
    assert names == [
        "allocation.csv",
        "community.csv",
        "frontier.csv",
        "groups.csv",
        "management.csv",
        "middle.csv",
        "shift.csv",
    ]
    for name in names:
        header = (done.folder / name).read_text(encoding="utf-8-sig").splitlines()[0]
        assert header.count(";") > 3, name
        assert "," not in header, name
    table = pd.read_csv(done.folder / "allocation.csv", sep=";", decimal=",")
    np.testing.assert_allclose(table["effort"], gpd.read_parquet(done.folder / "allocation.parquet")["effort"])
    rows = table.head(2).assign(who="S. Ergeant", reason="asked, twice", effort=[0.5, 1.0])
    rows.to_csv(tmp_path / "o.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig")
    assert [(one.cell, one.effort, one.reason) for one in read_overrides(str(tmp_path / "o.csv"))] == [
        (cell, effort, "asked, twice") for cell, effort in zip(rows["cell"], (0.5, 1.0), strict=True)
    ]


def test_an_unknown_decimal_mark_is_refused_before_anything_is_written(shelf, admitted, tmp_path):
    assert "decimal='tab' is unknown" in refused(shelf, tmp_path, admitted.folder, "decimal=tab", error=InputError)


def test_the_cap_is_kept_and_its_price_told_with_who_chose_it(plan, groups):
    _, dimension, _ = groups
    stored = json.loads((plan.folder / "allocation.json").read_text())
    assert stored["chosen"] == {"who": "A. Planner", "why": "to see what it does", "exposure_cap": 1.2}
    ratios = [row["exposure_ratio"] for row in stored["groups"] if row["dimension"] == dimension]
    assert max(ratios) <= 1.2 * (1 + 1e-5)
    frontier = pd.read_csv(plan.folder / "frontier.csv")
    assert {1.2, 1.25, 1.5, 2.0, np.inf} == set(frontier["cap"])
    kept = frontier.drop_duplicates("cap").dropna(subset="capture")
    assert (kept["capture"].diff().dropna() <= 1e-6).all()
    assert summary_of(plan.text)[0].startswith("Allocated by ")
    assert "cap 1.2:" in plan.text
    assert "chosen by A. Planner: to see what it does" in plan.text


def test_every_plan_leaves_a_line_in_the_register(plan, capped):
    shelf, admitted = capped
    lines = [json.loads(line) for line in Path(shelf, "register.jsonl").read_text().splitlines()]
    ours = [line for line in lines if line["act"] == "allocated"]
    assert ours
    assert ours[0]["decision"] == admitted.decision["seal"]
    assert {"budget", "areas", "overrides", "audience", "chosen_by", "chosen_why"} <= set(ours[0]["content"])
    assert ours[0]["content"]["folder"] == str(plan.folder)


def test_management_sums_to_the_plan(plan):
    table = pd.read_csv(plan.folder / "management.csv")
    given = pd.read_csv(plan.folder / "allocation.csv")
    assert table["effort"].sum() == pytest.approx(given["effort"].sum())
    np.testing.assert_allclose(table.groupby("month")["share_of_effort"].sum(), 1, rtol=1e-5)
    by_area = given.groupby("area")["effort"].sum()
    np.testing.assert_allclose(table.set_index("district")["effort"].loc[by_area.index], by_area)


def test_shifts_read_uncertainty_and_reasons(plan):
    table = pd.read_csv(plan.folder / "shift.csv")
    assert (table["effort"] > 0).all()
    assert (table["q05"] <= table["q95"]).all()
    assert table["reasons"].notna().all()
    assert {"instead_effort", "instead_by", "instead_reason"} <= set(table.columns)
    page = (plan.folder / "shift.html").read_text()
    first = table.iloc[0]
    assert f"{first['q05']:.0f} to {first['q95']:.0f}" in page
    for words in (
        "expected, and range",
        "Recorded last week, all types",
        "When: ",
        "What to look for:",
        "Notes, or what",
    ):
        assert words in page
    assert page.count('<article class="place">') == min(10, len(table.drop_duplicates(["cell", "period"])))
    assert page.index('id="map-data"') < page.index('<article class="place">')  # the map comes first


@pytest.fixture
def returned(plan):
    """Return the sheet of the shift as a table to fill in."""
    return pd.read_excel(plan.folder / "shift.xlsx", sheet_name="hours", engine="calamine")


def written(table, path):
    """Write a sheet as a spreadsheet program would, with the sheet of caveats, and return its path."""
    with pd.ExcelWriter(path) as book:
        table.to_excel(book, sheet_name="hours", index=False)
        pd.DataFrame({"Fact": ["use"]}).to_excel(book, sheet_name="caveats", index=False)
    return path


def test_a_shift_fills_in_a_marked_sheet_that_is_the_dose_of_a_trial(plan, returned, tmp_path):
    path = plan.folder / "shift.xlsx"
    rows = pd.read_csv(plan.folder / "shift.csv").drop_duplicates(["cell", "period"])
    assert list(returned) == ["cell", "place", "period", "planned cells", "hours", "crews"]
    assert returned["cell"].tolist() == rows["cell"].tolist()
    assert returned["period"].tolist() == pd.to_datetime(rows["period"]).tolist()
    np.testing.assert_allclose(returned["planned cells"], rows["effort"])
    assert returned[["hours", "crews"]].isna().all(axis=None)
    facts = pd.read_excel(path, sheet_name="caveats", engine="calamine").set_index("Fact")["Value"]
    assert (facts["caveat"], facts["grade"], facts["chosen_by"]) == (CAVEAT, "allocation", "A. Planner")
    digests = json.loads((plan.folder / "allocation.json").read_text())["files"]
    assert digests["shift.xlsx"] == hashlib.sha256(path.read_bytes()).hexdigest()
    returned.loc[:2, "hours"] = [2.5, 0, 1]
    returned.loc[0, "crews"] = 2
    dose = read_dose(written(returned, tmp_path / "week1.xlsx"))
    assert (dose.hours, dose.not_reported, dose.dropped) == (3.5, len(returned) - 3, ())
    cells = tuple(returned["cell"].head(2))
    design = replace(DESIGN, cells=(cells[:1], cells[1:]), start=f"{returned['period'][0]:%Y-%m-%d}")
    found = Compliance(design, dose, 1, frozenset(returned["cell"]))
    np.testing.assert_array_equal(found.hours, [[2.5], [0]])
    checks = {one.check: dict(one.facts) for one in found.findings()}
    assert checks["dose not reported"] == {"rows": len(returned) - 3}
    assert checks["dose elsewhere"]["hours"] == 1
    assert "columns dropped" not in checks


def test_a_returned_sheet_with_officers_is_refused(returned, tmp_path):
    path = written(returned.assign(hours=1, officer="PC 4711"), tmp_path / "week1.xlsx")
    with pytest.raises(InputError, match="'officer' looks like it identifies") as error:
        read_dose(path)
    assert "4711" not in str(error.value)


def test_places_have_names_and_no_bare_codes(plan):
    page = (plan.folder / "shift.html").read_text()
    for title in re.findall(r'data-cell="\d+">([^<]*)</a>', page):
        assert re.fullmatch(r"District \d-\d(, [-a-z]+)?", title)


def test_middle_managers_read_the_week_by_district(plan):
    page = (plan.folder / "middle.html").read_text()
    assert "The week by district" in page
    assert "No plan of last week is in the register, so what was planned then is not known." in page
    assert "Expected minus recorded" in page


def test_community_sheets_name_both_sides(plan):
    table = pd.read_csv(plan.folder / "community.csv")
    assert {"residents", "coverage", "under_protected", "trend"} <= set(table.columns)
    assert table["residents"].sum() > 0
    assert table["recorded"].sum() > 0  # what the audit kept of the past
    page = (plan.folder / "community.html").read_text()
    for words in (
        "More crime, less cover",
        "Most often: ",
        "The plan covers ",
        "Questions, objections and complaints: ",
        "counts can differ from official ones",
    ):
        assert words in page
    assert page.count("<details class=") == len(table)
    assert "exposure" not in page.replace("exposure_", "")  # no jargon


def test_the_public_map_and_cards_hide_small_counts_too(shelf, admitted):
    done = allocate(shelf, admitted.folder, "audience=community", "min_count=1000000", "frontier.caps=[2]")
    page = (done.folder / "community.html").read_text()
    data = json.loads(page.split('id="map-data">', 1)[1].split("</script>", 1)[0])
    measures = {one["label"]: one["values"][0] for one in data["measures"]}
    for label in ("Recorded crimes", "Recorded crimes for each 1,000 residents"):
        assert set(measures[label]) == {None}
    assert "crimes were recorded here" not in page
    assert not (done.folder / "shift.xlsx").exists()
    assert "Most often: " not in page
    assert set(data["codes"]) == {""}


def test_one_level_may_be_asked_for_and_the_residents_audited_are_taken(shelf, admitted, groups):
    done = allocate(shelf, admitted.folder, "audience=shift")
    names = {path.name for path in done.folder.iterdir()}
    assert {"shift.html", "frontier.csv"} <= names
    assert "management.html" not in names
    given = allocate(shelf, admitted.folder, "audience=shift", groups[0])
    ours, theirs = (pd.read_csv(one.folder / "groups.csv") for one in (done, given))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)


def test_without_the_residents_that_were_audited_nothing_is_allocated(shelf, admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    shutil.rmtree(place / "audit")
    assert "audit/cells.parquet was changed, added or removed since the decision" in refused(
        shelf, tmp_path / "other", place
    )


def test_residents_kept_by_another_audit_are_refused(shelf, admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    kept = place / "audit" / "subject.json"
    plain = json.loads(kept.read_text())
    kept.write_text(json.dumps({**plain, "group_table": "another"}))
    assert "audit/subject.json was changed, added or removed since the decision" in refused(
        shelf, tmp_path / "other", place
    )


@pytest.mark.parametrize("rule", ["proportional", "capped"])
def test_other_rules_leave_plans_once_they_are_audited(rule, under_rule, groups):
    folder, run = under_rule(f"audit/rule={rule}", "audit.rule.budget.budget_share=0.1")
    done = allocate(folder, run.folder, "audience=management", groups[0])
    cells = len(gpd.read_parquet(done.folder / "allocation.parquet"))
    stored = json.loads((done.folder / "allocation.json").read_text())
    assert stored["spent"] == pytest.approx([round(0.1 * cells)])
    assert stored["chosen"]["exposure_cap"] is None


def test_hours_and_exploration_tell_the_chance_of_each_cell(under_rule):
    budget = ("budget_share=0.1", "budget_unit=hours", "per_cell=4")
    hours = (*(f"audit.rule.budget.{one}" for one in budget), "audit.rule.exploration=0.25")
    folder, run = under_rule("audit/rule=top_areas", *hours)
    done = allocate(folder, run.folder, "audience=middle")
    table = gpd.read_parquet(done.folder / "allocation.parquet")
    assert ((table["inclusion"] > 0) & (table["inclusion"] <= 1)).all()
    assert (table["inclusion"] < 1).sum() > len(table) / 2
    assert set(table["effort"].unique()) == {0.0, 4.0}


def test_changes_by_hand_are_made_recorded_and_kept_within_the_budget(shelf, admitted, tmp_path):
    first = gpd.read_parquet(allocate(shelf, admitted.folder, "audience=shift").folder / "allocation.parquet")
    taken, given = first.loc[first["effort"] > 0, "cell"].iloc[0], first.loc[first["effort"] == 0, "cell"].iloc[0]
    period = first["period"].iloc[0]
    rows = [[taken, period, 0, "S. Ergeant", "road works"], [given, period, 1, "S. Ergeant", "a fair in the park"]]
    path = tmp_path / "changes.csv"
    pd.DataFrame(rows, columns=["cell", "period", "effort", "who", "reason"]).to_csv(path, index=False)
    done = allocate(shelf, admitted.folder, "audience=shift", f"overrides='{path}'")
    table = gpd.read_parquet(done.folder / "allocation.parquet").set_index("cell")["effort"]
    assert (table[taken], table[given]) == (0, 1)
    line = json.loads(Path(shelf, "register.jsonl").read_text().splitlines()[-1])
    assert [one["reason"] for one in line["content"]["overrides"]] == ["road works", "a fair in the park"]
    pd.DataFrame(rows[1:], columns=["cell", "period", "effort", "who", "reason"]).to_csv(path, index=False)
    assert "spends" in refused(shelf, tmp_path, admitted.folder, f"overrides='{path}'", error=InputError)


def test_a_layer_that_cannot_be_written_leaves_its_line_and_no_file(shelf, admitted, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise pyogrio.errors.DataSourceError("disk I/O error")

    monkeypatch.setattr(pyogrio, "write_dataframe", fail)
    words = (f"source='{admitted.folder}'", "compute.jobs=1", *CAPS, *CHOSEN, "audience=shift")
    shutil.copy(shelf / "register.jsonl", tmp_path)
    with pytest.raises(StorageError, match=r"is in the register, and its files were not written \(disk I/O error\)"):
        run_task("allocate", tmp_path, f"register='{tmp_path}/register.jsonl'", *words)
    assert list((tmp_path / "allocate").rglob("*")) == [tmp_path / "allocate" / "0"]
    assert json.loads((tmp_path / "register.jsonl").read_text().splitlines()[-1])["act"] == "allocated"


def test_a_withheld_forecast_gets_nothing(shelf, withheld, tmp_path):
    assert "withheld" in refused(shelf, tmp_path, withheld.folder)


def test_without_a_decision_or_a_register_that_knows_it_nothing_is_given(shelf, admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    (place / "decision.json").unlink()
    assert "has no decision.json" in refused(shelf, tmp_path, place)
    with pytest.raises((WithheldError, StorageError)):
        run_task("allocate", tmp_path, f"source='{admitted.folder}'", "compute.jobs=1", *CAPS, *CHOSEN)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rank_by=per_km2"], "The audit used rank_by=count, not rank_by=per_km2"),
        (["allocation=top_areas"], "The audit used 0.1 of the land"),
        (["allocation=top_areas", "allocation.budget.amount=2"], "The audit used 0.1 of the land"),
        (["allocation=proportional"], "The audit was of the top areas, not of the rule 'proportional"),
        ([HARM, "objective.harm=csi_2009"], "planned with events, not with objective.harm=csi_2009"),
    ],
)
def test_other_terms_than_those_audited_are_refused(words, said, shelf, admitted, tmp_path):
    assert said in refused(shelf, tmp_path, admitted.folder, *words)


def test_another_group_table_is_refused(shelf, admitted, residents, tmp_path):
    table = pd.read_csv(residents)
    table.loc[0, "population"] += 1
    path = tmp_path / "other.csv"
    table.to_csv(path, index=False)
    words = f"groups.path='{path}'"
    assert "differs from the audited one" in refused(shelf, tmp_path, admitted.folder, words)


def test_impossible_constraints_leave_nothing_and_say_what_to_mend(groups, two_groupings, tmp_path, shelf):
    words = cap_of(two_groupings, groups[1], 0.01)
    with pytest.raises(
        InputError, match=rf"cannot plan every test period.*raise allocation\.exposure\.{groups[1]}\.cap"
    ):
        run_task("weekly", tmp_path, f"store='{shelf}/forecasts'", *LENIENT, "backtest.horizon=1", *words)
    assert not (tmp_path / "register.jsonl").exists()


def test_a_rule_on_groups_needs_a_grouping_that_it_leaves_out(groups, residents, tmp_path, shelf):
    words = (*LENIENT, f"audit.governance.reviewer_key={'a' * 64}", *cap_of(residents, groups[1], 1.2))
    decision = run_apart("audit", tmp_path, shelf, *words).decision
    (obstacle,) = [one for one in decision["obstacles"] if one["check"] == "group_rule"]
    assert obstacle["kind"] == "failure"
    assert "the group table has no grouping that the rule leaves out" in obstacle["text"]


def test_another_rule_is_refused_under_a_decision_on_one(capped, groups, tmp_path):
    folder, run = capped
    share = "allocation.budget.budget_share=0.1"
    looser = ("allocation=constrained", share, f"allocation.exposure={{{groups[1]}:{{cap:1.3}}}}")
    for at, words in enumerate((("allocation=top_areas", share), looser)):
        assert "The audit was of the rule" in refused(folder, tmp_path / str(at), run.folder, *words)
    same = ("allocation=constrained", share, f"allocation.exposure={{{groups[1]}:{{cap:1.2}}}}")
    assert "Files:" in allocate(folder, run.folder, "audience=shift", *same).text


def test_the_audit_of_a_rule_is_repeated_from_its_archive(capped):
    _, run = capped
    assert "are the same" in repeat_audit(
        str(run.folder), AuditPage(), LocalProcesses(1), "ilp audit rerun=x", run.folder
    )
    header = run.decision["audit"]["header"]
    assert header["rule"].startswith("constrained: exposure of")
    assert header["rule_settings"]["budget"]["budget_share"] == 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [(["audience=district"], "Use one of management"), (["chosen_by=' '"], "Set chosen_by and reason")],
)
def test_words_that_mean_nothing_are_refused(words, said, shelf, admitted, tmp_path):
    assert said in refused(shelf, tmp_path, admitted.folder, *words, error=InputError)


def test_an_allocation_shows_its_coverage_and_groups_in_notebooks(shelf, admitted):
    plan = allocate_effort(
        admitted.folder, chosen_by="A. Planner", reason="to compare", register=shelf / "register.jsonl"
    )
    assert plan._repr_html_().startswith(f"<p>{plan}</p><table")
    assert all(f"<td>{name}</td>" in plan._repr_html_() for name in plan.groups["group"])
