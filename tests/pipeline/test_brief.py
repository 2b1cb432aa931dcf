"""The report of findings: what it repeats of the runs, what it refuses, and what it never claims."""

import json
import shutil
import stat
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from docx import Document

import ilp_models as ilp
from ilp_models.audit.register.approvals import withdraw
from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.checks import label_of
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.pipeline.assess import run as assess
from ilp_models.pipeline.brief_parts.sources import KINDS, latest_run
from ilp_models.pipeline.clock import now
from ilp_models.report.description_page import headlines
from ilp_models.strategy.threats.control_strategy import draft_control_strategy
from tests.model.long_city import city_events
from tests.pipeline.small_city import build_task, run_task
from tests.pipeline.test_threats import SETS, SETTINGS

CITY = "simulated city, seed 1"
CHOSEN = ("chosen_by=A. Planner", "reason=to see what it does")


@pytest.fixture(scope="module")
def totals_of_city():
    """Return events with the name of the small city, harm sets, and the forecast of totals."""
    events = replace(city_events(), city=CITY)
    totals = ilp.forecast_totals(events, ilp.LinearTrend(), long_horizons=SETTINGS, compute=LocalProcesses(1))
    return events, SETS, totals


@pytest.fixture(scope="module")
def strategic(tmp_path_factory, totals_of_city):
    """Return a folder with an assessment and a forecast of totals."""
    folder = tmp_path_factory.mktemp("strategic")
    events, _, totals = totals_of_city
    totals.write(folder / "forecast" / "2026-01-05-run")
    found = ilp.assess_threats(events, SETS, totals=totals, ranking=ilp.RankDraws(2000))
    ilp.write_threat_assessment(found, folder / "assess" / "2026-01-05-run")
    return folder


@pytest.fixture(scope="module")
def allocated(shelf, admitted):
    words = (f"source='{admitted.folder}'", "compute.jobs=1", "frontier.caps=[2,1.5]", *CHOSEN)
    return run_task("allocate", shelf, *words)


@pytest.fixture
def compiled(strategic, admitted, allocated, shelf):
    def compile_with(**changes):
        named = {"weekly": admitted.folder, "allocate": allocated.folder, "register": shelf / "register.jsonl"}
        return ilp.compile_brief(strategic, **(named | changes))

    return compile_with


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    assess(**build_task("assess", "matrix=example", "ranking.draws=2000")[1], folder=folder)
    return folder


def titles(brief):
    return [one.title for one in brief.evidence]


def table(brief, caption):
    (found,) = [one for section in brief.evidence for one in section.tables if one.caption == caption]
    return pd.DataFrame(found.rows, columns=found.labels).set_index(found.labels[0])


def test_the_report_repeats_the_numbers_of_the_runs(compiled, strategic, admitted, allocated):
    brief = compiled()
    assert titles(brief) == [
        "Threats",
        "The next 12 months",
        "The weekly forecast and its audit",
        "The plan and its price",
    ]
    assessment = json.loads((strategic / "assess" / "2026-01-05-run" / "assessment.json").read_text())
    threats = {row["threat"]: row for row in assessment["threats"]}
    shown = table(brief, "Crime types by harm")
    assert set(shown.index) == set(threats)
    assert shown.loc["A", "Recorded, 12 months"] == f"{threats['A']['recorded']:,.0f}"
    assert shown["Confidence"].to_dict() == {name: row["confidence"] for name, row in threats.items()}
    ranks = {(row["harm_set"], row["threat"]): row for row in assessment["ranks"]}
    assert ranks["two", "A"]["rank_from"] < ranks["two", "A"]["rank_to"]  # a tie, which the report must not hide
    assert shown.loc["A", "Rank, two"] == "1 to 2"
    findings = {(one["check"], one["crime_type"]): one for one in admitted.decision["findings"]}
    performance = table(brief, "How good past forecasts were, with 95 % intervals")
    assert list(performance.index) == ["assault", "burglary"]
    value = findings["events_covered", "burglary"]["value"]
    assert performance.loc["burglary", "Crime in the flagged areas"].startswith(f"{100 * value:.1f}\xa0%")
    plan = json.loads((allocated.folder / "allocation.json").read_text())
    assert f"covers {100 * plan['coverage']:.1f}\xa0% of the expected crimes" in brief.evidence[3].sentences[0]
    assert brief.evidence[3].sentences[1] == "A. Planner chose it: to see what it does"


def test_each_judgement_has_the_lowest_confidence_of_its_threats(compiled, strategic):
    brief = compiled()
    assessment = json.loads((strategic / "assess" / "2026-01-05-run" / "assessment.json").read_text())
    levels = {row["threat"]: ["low", "moderate", "high"].index(row["confidence"]) for row in assessment["threats"]}
    shown = {one.text: one.confidence for one in brief.judgements}
    for one in assessment["conclusions"]:
        least = min(levels[threat] for threat in one["threats"])
        assert shown[one["text"]] == ["low", "moderate", "high"][least]


def test_the_control_strategy_is_there_as_people_filled_it_in(tmp_path, totals_of_city):
    first = ilp.assess_threats(*totals_of_city[:2], totals=totals_of_city[2], ranking=ilp.RankDraws(2000))
    folder = tmp_path / "assess" / "2026-01-05-run"
    ilp.write_threat_assessment(first, folder)
    register = tmp_path / "register.jsonl"
    brief = ilp.compile_brief(tmp_path, register=register)
    assert not [one for section in brief.evidence for one in section.tables if one.caption.startswith("Control")]
    table_of = draft_control_strategy(first.threats)
    table_of.loc[0, "objective"] = "fewer burglaries of homes"
    table_of.to_csv(tmp_path / "strategy.csv", index=False)
    inputs = ilp.ThreatInputs(control_strategy=str(tmp_path / "strategy.csv"))
    events, sets, totals = totals_of_city
    again = ilp.assess_threats(events, sets, totals=totals, inputs=inputs, ranking=ilp.RankDraws(2000))
    ilp.write_threat_assessment(again, folder)
    brief = ilp.compile_brief(tmp_path, register=register)
    shown = table(brief, "Control strategy, as people filled it in")
    assert len(shown) == 1
    assert shown.iloc[0]["Objective"] == "fewer burglaries of homes"
    assert shown.iloc[0]["Due"] == "open"
    fields = len(table_of) * 5
    assert brief.evidence[0].sentences[1] == f"People filled in 1 of {fields} fields of the control strategy."


def test_decisions_name_people_and_the_gate(compiled, admitted):
    rows = pd.DataFrame(compiled().decisions.rows, columns=compiled().decisions.labels)
    allocated = rows[rows["Decision"] == "Allocated"].iloc[0]
    assert allocated["By whom"] == "A. Planner"
    own = rows["About"].str.contains(admitted.decision["seal"][:16])
    decided = rows[own & (rows["Decision"] == "Forecast admitted")]
    assert decided["By whom"].tolist() == ["the gate"]


def test_no_cell_is_named_and_the_report_permits_nothing(compiled, admitted, tmp_path):
    cells = pd.read_parquet(admitted.folder / "forecast.parquet")["cell"].unique()
    ilp.write_brief(compiled(), tmp_path)
    for path in tmp_path.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not [cell for cell in cells if cell in text]
        assert "Simulated records: no incident took place" in text
    assert compiled().marks[-1] == "This report gives no permission: a plan needs the decision that it names."


def test_files_of_all_lengths_hold_the_same_judgements(compiled, tmp_path):
    brief = compiled()
    names = [path.name for path in ilp.write_brief(brief, tmp_path)]
    assert names == [
        *("policy.html", "policy.docx", "management.html", "management.docx", "full.html", "full.docx"),
        *("readiness.html", "readiness.csv", "brief.json"),
    ]
    first = brief.judgements[0].text
    for length in ("policy", "management", "full"):
        assert first in (tmp_path / f"{length}.html").read_text(encoding="utf-8")
        assert any(first in one.text for one in Document(tmp_path / f"{length}.docx").paragraphs)
    assert json.loads((tmp_path / "brief.json").read_text(encoding="utf-8"))["judgements"][0]["text"] == first
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_withheld_forecast_is_reported_as_withheld(strategic, withheld):
    brief = ilp.compile_brief(strategic, weekly=withheld.folder, register=withheld.folder.parents[1] / "register.jsonl")
    (section,) = [one for one in brief.evidence if one.title.startswith("The weekly forecast")]
    assert "is withheld from resource allocation" in section.sentences[0]
    assert any(
        one.text.startswith("The forecast of ") and one.text.endswith(" may not be used to allocate resources now.")
        for one in brief.judgements
    )
    assert brief.marks[-1] == "Research only - not for resource allocation."
    missing = [one for one in withheld.decision["obstacles"] if one["kind"] == "missing"]
    labels = {label_of(one["check"]) for one in missing}
    assert {text.partition(":")[0] for text in brief.unknown} >= labels > set()
    assert brief.unknown.index(
        "This report has no allocation of patrols, because there is no such run. Run `ilp allocate`."
    ) < len([*brief.evidence, "missing"])  # among the first, so that a short report shows it


def test_a_decision_of_another_register_is_not_a_permission(compiled, tmp_path):
    brief = compiled(register=tmp_path / "other.jsonl")
    assert "may not be used for resource allocation now" in brief.evidence[2].sentences[0]
    assert brief.readiness.answers["register"].answer == "no"


def plan_of(brief):
    return next(one for one in brief.evidence if one.title == "The plan and its price").sentences


def copied_plan(allocated, folder, **changes):
    """Return a copy of a plan with some fields of its record changed."""
    copy = shutil.copytree(allocated.folder, folder)
    content = json.loads((copy / "allocation.json").read_text(encoding="utf-8"))
    (copy / "allocation.json").write_text(json.dumps(content | changes), encoding="utf-8")
    return copy


NOT_NOW = "The plan of patrols may not be used now."


def test_a_plan_whose_decision_was_withdrawn_may_not_be_used(compiled, admitted, shelf, tmp_path):
    assert NOT_NOW not in [one.text for one in compiled().judgements]
    register = shutil.copy(shelf / "register.jsonl", tmp_path / "register.jsonl")
    withdraw(Register(register), admitted.decision["seal"], "records were wrong", "A. Reviewer", now())
    brief = compiled(register=register)
    judgement = next(one for one in brief.judgements if one.text == NOT_NOW)
    assert judgement.basis.endswith("by A. Reviewer: records were wrong")
    assert plan_of(brief.shorten("policy"))[0].startswith("The plan may not be used now. Its decision was withdrawn")
    assert NOT_NOW in [one.text for one in brief.shorten("policy").judgements]
    without = compiled(register=register, weekly=None, leave_out=["weekly"])
    assert NOT_NOW in [one.text for one in without.judgements]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": "0" * 64}, "does not know its decision 0000000000000000"),
        ({"forecast": "0" * 64}, "no line of such a plan"),
        ({"budget": {"amount": 999.0, "unit": "cells"}}, "no line of such a plan"),
        ({"chosen": {"who": "Another Planner", "why": "to see what it does"}}, "no line of such a plan"),
    ],
)
def test_a_plan_that_the_register_does_not_know_may_not_be_used(compiled, allocated, tmp_path, changes, message):
    brief = compiled(allocate=copied_plan(allocated, tmp_path / "plan", **changes))
    assert message in plan_of(brief)[0]
    assert NOT_NOW in [one.text for one in brief.judgements]


def test_a_plan_whose_decision_was_not_checked_is_a_gap_and_no_permission(compiled):
    brief = compiled(weekly=None, leave_out=["weekly"])
    assert plan_of(brief)[0].startswith("This report does not say whether the plan may be used now.")
    assert any(text.startswith("Whether the plan may be used now.") for text in brief.unknown)
    assert NOT_NOW not in [one.text for one in brief.judgements]


def test_an_expired_decision_permits_neither_forecast_nor_plan(compiled, monkeypatch):
    later = now() + timedelta(days=400)
    monkeypatch.setattr("ilp_models.pipeline.brief_parts.sources.now", lambda: later)
    brief = compiled()
    assert "The decision is valid from" in plan_of(brief)[0]
    assert NOT_NOW in [one.text for one in brief.judgements]
    assert brief.marks[-1] == "Research only - not for resource allocation."


def test_a_decision_that_was_copied_into_another_run_is_refused(compiled, admitted, withheld, tmp_path):
    copy = shutil.copytree(withheld.folder, tmp_path / "run")
    shutil.copy(admitted.folder / "decision.json", copy / "decision.json")
    with pytest.raises(WithheldError):
        compiled(weekly=copy)


def test_monitoring_that_proposes_to_withdraw_is_a_key_judgement(compiled, admitted, tmp_path):
    content = {
        "decision": admitted.decision["seal"],
        "new_periods": 6,
        "new_periods_span": ["2022-01-03", "2022-02-07"],
        "audited_periods": ["2021-01-04", "2021-12-27"],
        "periods_with_breach": ["2022-01-31", "2022-02-07"],
        "notes": [],
        "verdict": "WITHDRAWAL IS PROPOSED: 2 periods with a breach.",
        "proposes_withdrawal": True,
    }
    (tmp_path / "monitor.json").write_text(json.dumps(content), encoding="utf-8")
    brief = compiled(monitoring=tmp_path).shorten("policy")
    assert "Monitoring proposes to withdraw the forecast." in [one.text for one in brief.judgements]
    (tmp_path / "monitor.json").write_text(json.dumps(content | {"decision": "0" * 64}), encoding="utf-8")
    brief = compiled(monitoring=tmp_path)
    assert "Monitoring is about another decision than that of this report." in brief.evidence[-1].sentences
    assert not [one for one in brief.judgements if one.text.startswith("Monitoring")]


@pytest.mark.parametrize(
    ("field", "value"),
    [("coverage", "all of it"), ("groups", {"a": 1}), ("chosen", ["who"]), ("budget", {"unit": "cells"})],
)
def test_a_plan_with_damaged_fields_is_refused_by_name(compiled, allocated, tmp_path, field, value):
    with pytest.raises(InputError, match=r"allocation\.json is damaged"):
        compiled(allocate=copied_plan(allocated, tmp_path / "plan", **{field: value}))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_never_shown(compiled, strategic, tmp_path, value):
    copy = shutil.copytree(strategic / "assess" / "2026-01-05-run", tmp_path / "run")
    content = json.loads((copy / "assessment.json").read_text(encoding="utf-8"))
    content["threats"][0]["expected"] = "HERE"
    (copy / "assessment.json").write_text(json.dumps(content).replace('"HERE"', value), encoding="utf-8")
    with pytest.raises(InputError, match=r"assessment\.json is damaged"):
        compiled(assessment=copy)


def test_a_record_that_is_a_link_out_of_its_folder_is_refused(compiled, strategic, tmp_path):
    copy = shutil.copytree(strategic / "assess" / "2026-01-05-run", tmp_path / "run")
    (copy / "assessment.json").rename(tmp_path / "elsewhere.json")
    (copy / "assessment.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(InputError, match="outside the folder"):
        compiled(assessment=copy)


def test_threats_with_the_same_gap_share_a_sentence(compiled, strategic):
    gaps = json.loads((strategic / "assess" / "2026-01-05-run" / "assessment.json").read_text())["gaps"]
    unknown = compiled().unknown
    assert "A, B: How high is the capability? It is not scored." in unknown or (
        "B, A: How high is the capability? It is not scored." in unknown
    )
    assert len(unknown) < len(gaps)
    assert all(any(gap["question"] in text for text in unknown) for gap in gaps)


def test_a_changed_forecast_or_register_is_refused(compiled, admitted, shelf, tmp_path):
    copy = shutil.copytree(admitted.folder, tmp_path / "run")
    table = pd.read_parquet(copy / "reasons.parquet")
    table.iloc[1:].to_parquet(copy / "reasons.parquet", index=False)
    with pytest.raises(WithheldError, match=r"reasons\.parquet was changed"):
        compiled(weekly=copy)
    lines = (shelf / "register.jsonl").read_text().splitlines()
    (tmp_path / "register.jsonl").write_text("\n".join([lines[0].replace("declared", "decided"), *lines[1:]]) + "\n")
    with pytest.raises(StorageError):
        compiled(register=tmp_path / "register.jsonl")


def test_runs_of_different_cities_are_refused(compiled, strategic, tmp_path):
    copy = shutil.copytree(strategic / "forecast" / "2026-01-05-run", tmp_path / "run")
    content = json.loads((copy / "totals.json").read_text())
    (copy / "totals.json").write_text(json.dumps(content | {"city": "Elsewhere"}))
    with pytest.raises(InputError, match=r"different cities: .*'Elsewhere'"):
        compiled(totals=copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leave_out": ["maps"]}, "leave_out names 'maps'"),
        ({"leave_out": ["weekly"]}, "weekly=.* is named, and left out"),
        ({"totals": "nowhere"}, r"totals=nowhere has no totals\.json"),
        ({"describe": "nowhere"}, r"describe=nowhere has no description\.json"),
        ({"allocate": "nowhere"}, r"allocate=nowhere has no allocation\.json"),
        ({"groups": "nowhere"}, r"groups=nowhere has no groups\.json"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(compiled, changes, message):
    with pytest.raises(InputError, match=message):
        compiled(**changes)


def test_the_latest_finished_run_of_a_kind_is_used(strategic, tmp_path):
    runs = tmp_path / "forecast"
    for name in ("2026-01-05-run", "2026-02-05-run", "2026-03-05-run"):
        shutil.copytree(strategic / "forecast" / "2026-01-05-run", runs / name)
    (runs / "2026-03-05-run" / "UNFINISHED").touch()
    (runs / "2026-04-05-grid").mkdir()  # a forecast of a grid has no totals
    (runs / "latest").symlink_to("2026-04-05-grid")
    assert latest_run(tmp_path, KINDS["totals"]).name == "2026-02-05-run"
    with pytest.raises(InputError, match="has not finished"):
        ilp.compile_brief(tmp_path, totals=runs / "2026-03-05-run", register=tmp_path / "register.jsonl")


def test_groups_are_only_there_on_request_for_recipients_that_are_allowed(compiled, groups, tmp_path):
    assert "Criminal groups" not in titles(compiled())
    assert "G01" not in json.dumps(compiled().to_dict())
    with pytest.raises(InputError, match="needs recipients"):
        compiled(groups=groups)
    with pytest.raises(InputError, match="'Shift leaders', whom the authorisation"):
        compiled(groups=groups, recipients=["Shift leaders"])
    brief = compiled(groups=groups, recipients=["Readers of the documentation"])
    assert brief.restricted
    assert "Judgements about groups. Not to be used against a person." in brief.marks
    assert "For Readers of the documentation only. Not to be used from 2099-12-31 on." in brief.marks
    assert table(brief, "Ranks of groups; a range is a tie").loc["G01", "Rank"] == "1"
    for path in ilp.write_brief(brief, tmp_path, length="policy"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_expired_authorisation_of_groups_is_refused(compiled, groups, tmp_path):
    copy = shutil.copytree(groups, tmp_path / "groups")
    record = json.loads((copy / "groups.json").read_text())
    record["authorisation"]["review_date"] = "2020-01-01"
    (copy / "groups.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="review_date 2020-01-01 is past"):
        compiled(groups=copy, recipients=["Readers of the documentation"])


def test_an_authorisation_that_was_extended_in_one_place_is_refused(compiled, groups, tmp_path):
    copy = shutil.copytree(groups, tmp_path / "groups")
    record = json.loads((copy / "groups.json").read_text())
    record["authorisation"] |= {"review_date": "2098-12-31"}
    (copy / "groups.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="its authorisation ends on another day than the record"):
        compiled(groups=copy, recipients=["Readers of the documentation"])


def test_groups_that_are_unfinished_or_damaged_reach_no_message(compiled, groups, tmp_path):
    copy = shutil.copytree(groups, tmp_path / "groups")
    record = json.loads((copy / "groups.json").read_text())
    record["groups"][0]["rank_from"] = "a secret about G01"
    (copy / "groups.json").write_text(json.dumps(record))
    with pytest.raises(InputError) as caught:
        compiled(groups=copy, recipients=["Readers of the documentation"])
    assert "secret" not in str(caught.value)
    (copy / "UNFINISHED").touch()
    with pytest.raises(InputError, match="has not finished"):
        compiled(groups=copy, recipients=["Readers of the documentation"])


def test_recipients_without_groups_are_refused(compiled):
    with pytest.raises(InputError, match=r"recipients .* without groups"):
        compiled(recipients=["Head of analysis"])


def test_the_checklist_comes_back_and_runs_answer_the_rest(compiled, tmp_path):
    brief = compiled()
    ilp.write_brief(brief, tmp_path, length="policy")
    filled = pd.read_csv(tmp_path / "readiness.csv", dtype=str, keep_default_na=False)
    answer = ["partly", "head of patrol", "2026-01-05"]
    filled.loc[filled["item"] == "hours", ["answer", "answered_by", "date"]] = answer
    filled.to_csv(tmp_path / "filled.csv", index=False, sep=";")
    filled.to_excel(tmp_path / "filled.xlsx", index=False)
    again = compiled(readiness=str(tmp_path / "filled.xlsx")).readiness.answers
    answers = compiled(readiness=str(tmp_path / "filled.csv")).readiness.answers
    assert (answers["hours"].answer, answers["hours"].answered_by) in {
        ("partly", "head of patrol"),  # until a year has passed
        ("open", "head of patrol"),
    }
    assert again["hours"] == answers["hours"]
    assert answers["owner"].answer == "yes"  # of the audited settings
    assert answers["groups"].answer == "yes"
    assert answers["monitoring"].answer == "no"
    assert answers["records_current"].answer == "no"  # simulated records ended years ago
    assert not brief.readiness.complete


def test_the_command_writes_the_report_and_returns_the_judgements(strategic, admitted, shelf, tmp_path):
    words = (f"runs='{strategic}'", f"weekly='{admitted.folder}'", f"register='{shelf}/register.jsonl'")
    done = run_task("brief", tmp_path, *words, "length=policy")
    assert done.text.splitlines()[0] == "Simulated city, seed 1: findings for decision makers"
    assert "Files: policy.html, policy.docx, readiness.html" in done.text
    assert done.text.splitlines()[-1].startswith(f"Next: fill in {done.folder}/readiness.csv")
    assert not (done.folder / "full.html").exists()
    with pytest.raises(InputError, match="length=poster is unknown"):
        run_task("brief", tmp_path, *words, "length=poster")


def test_a_description_of_the_records_is_a_section(compiled, tmp_path):
    events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    parts = [ilp.ChangeTable(), ilp.HourProfile(), ilp.Concentration()]
    described = ilp.describe_events(replace(events, city=""), ilp.SquareGrid(1000), parts=parts)
    ilp.write_description(described, tmp_path / "describe")
    brief = compiled(describe=tmp_path / "describe")
    section = next(one for one in brief.evidence if one.title == "What was recorded")
    assert "It is not a forecast." in section.sentences[0]
    assert list(section.sentences[1:]) == headlines(described.parts)  # made again from the stored rows
    assert any(text.startswith("Half of the recorded crimes fell in") for text in section.sentences)


def test_a_damaged_description_is_refused(compiled, tmp_path):
    content = {"records": ["2020-01-06", "2021-01-04"], "parts": [{"name": "change"}]}
    (tmp_path / "description.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="damaged, or of another version"):
        compiled(describe=tmp_path)
