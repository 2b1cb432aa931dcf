"""An audit made again by somebody who has nothing but the folder of the run."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from ilp_models.audit.audit import Audit
from ilp_models.audit.defaults import BASELINE
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.explain.explain import Explain
from ilp_models.pipeline.audit import run
from ilp_models.pipeline.audit_archive import read_audit_input, write_audit_input
from ilp_models.pipeline.reaudit import differences, refuse_other_settings, rerun_archived
from ilp_models.pipeline.settings_digests import with_settings_digest
from tests.pipeline.small_city import GROUPS, build_task, copy_run, run_apart, run_task, summary_of

pytestmark = pytest.mark.usefixtures("undrawn")


def again(tmp_path, source):
    return run_task("audit", tmp_path, f"rerun='{source}'").text


@pytest.mark.parametrize("run", ["admitted", "withheld"])
def test_the_same_findings_come_from_the_folder_alone(run, request, tmp_path):
    done = request.getfixturevalue(run)
    again = run_task("audit", tmp_path, f"rerun='{copy_run(done, tmp_path / 'run')}'", "report.file_name=paper.html")
    text = again.text
    assert f"Report: {again.folder / 'paper.html'}" in summary_of(text)
    assert f"all {len(done.decision['findings'])} findings" in text
    assert "are the same" in text
    assert all(f"{one['check']} " in text for one in done.decision["findings"])  # names end before the next column
    assert done.decision["seal"][:16] in text


@pytest.mark.parametrize(
    "given", ["audit.land_share=0.05", "+audit.rank_by=per_resident", "model=ewma", "grid@second_grid=hexagons"]
)
def test_a_setting_that_would_not_be_followed_is_refused(given):
    with pytest.raises(InputError, match=rf"^{re.escape(given)} cannot be combined with rerun="):
        refuse_other_settings(f"ilp audit rerun=run {given} report.title=Again name=again --config-dir=mine")
    refuse_other_settings("ilp audit 'rerun=a run' 'report.title=Made again' output=out tracking=none")


def test_an_audit_made_again_looks_at_its_command(tmp_path):
    parts = build_task("audit", f"output={tmp_path}", "rerun=run", "audit.land_share=0.1")[1]
    with pytest.raises(InputError, match=r"audit\.land_share=0\.1 cannot be combined with rerun="):
        run(**parts, command="ilp audit rerun=run audit.land_share=0.1", folder=tmp_path)


def test_a_number_that_comes_out_differently_is_named(admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    subject, facts = read_audit_input(place / "audit")
    subject = replace(subject, replay=replace(subject.replay, expected=subject.replay.expected * 1.2))
    write_audit_input(subject, place / "audit", {name: facts[name] for name in ("settings", "moment")})
    with pytest.raises(
        StorageError, match=r"(?s)findings of .* differ when the audit is repeated today.*sum_ratio / all"
    ):
        again(tmp_path, place)


def test_a_table_touched_after_the_audit_is_refused(admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    path = place / "audit" / "replays.parquet"
    pd.read_parquet(path).iloc[::-1].to_parquet(path)
    with pytest.raises(StorageError, match="was changed after the audit"):
        again(tmp_path, place)


def test_settings_softened_in_the_folder_do_not_help(admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    path = place / "audit" / "subject.json"
    plain = json.loads(path.read_text())
    plain["settings"]["land_share"] = 0.2
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="differ when the audit is repeated today"):
        again(tmp_path, place)


def test_a_folder_that_holds_nothing_says_so(admitted, tmp_path):
    with pytest.raises(InputError, match="has no forecast"):
        again(tmp_path, tmp_path)
    place = copy_run(admitted, tmp_path / "run")
    (place / "audit" / "subject.json").unlink()
    with pytest.raises(InputError, match="has no archived audit"):
        again(tmp_path, place)
    (place / "decision.json").unlink()
    with pytest.raises(WithheldError, match=r"has no decision\.json"):
        again(tmp_path, place)


@pytest.mark.parametrize("settings", [..., None, [1], {"governance": "x"}])
def test_settings_that_are_none_are_answered_in_one_line(admitted, tmp_path, settings):
    place = copy_run(admitted, tmp_path / "run")
    path = place / "audit" / "subject.json"
    plain = json.loads(path.read_text()) | {"settings": settings}
    path.write_text(json.dumps({name: value for name, value in plain.items() if value is not ...}))
    with pytest.raises((InputError, StorageError), match=r"complete copy|does not know"):
        again(tmp_path, place)


def hidden_changes(report):
    return replace(report, changed=())


def other_limits(report):
    first = report.findings[0]
    softer = replace(first, limit=replace(first.limit, fail_above=9))
    return replace(report, findings=(softer, *report.findings[1:]))


def other_terms(report):
    return replace(report, header={**report.header, "data": "0" * 64})


@pytest.mark.parametrize(
    ("forge", "said"), [(hidden_changes, "changed settings"), (other_limits, "limit .* then"), (other_terms, "data: 0")]
)
def test_a_decision_that_tells_other_terms_than_those_kept_is_noticed(admitted, tmp_path, forge, said):
    place = copy_run(admitted, tmp_path / "run")
    path = place / "decision.json"
    known = Decision.from_dict(json.loads(path.read_text()))
    path.write_text(json.dumps(replace(known, report=forge(known.report)).to_dict()))
    with pytest.raises(StorageError, match=said):
        again(tmp_path, place)


def test_a_baseline_made_easy_to_beat_is_named(shelf, tmp_path):
    done = run_apart("audit", tmp_path / "audited", shelf, GROUPS, "model.moving_average.window=2")
    changed = "model.moving_average.window=2 (default 52)"
    assert changed in done.decision["audit"]["changed"]
    assert changed in done.decision["reasons"][-1]
    assert "are the same" in again(tmp_path, done.folder)


def test_the_settings_of_the_usual_baseline_are_those_on_file(admitted):
    assert admitted.config["model"]["moving_average"] == BASELINE
    assert not any(line.startswith("model.") for line in admitted.decision["audit"]["changed"])


@pytest.mark.parametrize(
    ("part", "name", "value"), [("bootstrap", "seed", 7), ("feedback", "seed", 7), ("feedback", "replicates", 5)]
)
def test_a_seed_changed_in_the_folder_is_named(admitted, tmp_path, part, name, value):
    """The whole settings of a part are longer than a line, and began with the same words then and now."""
    place = copy_run(admitted, tmp_path / "run")
    path = place / "audit" / "subject.json"
    plain = json.loads(path.read_text())
    before = plain["settings"][part][name]
    plain["settings"][part][name] = value
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match=rf"(?m)^  {part}\.{name}: {before} then, {value} now$"):
        again(tmp_path, place)


def test_intervals_that_differ_by_a_seed_are_shown(admitted):
    """The value is the same with every seed; a line with the value alone said the same twice."""
    decision, _, subject, settings = rerun_archived(str(admitted.folder))
    settings["bootstrap"]["seed"] = 7
    lines = differences(decision.report, Audit.from_settings(settings).run(subject, decision.issued))
    skill = next(line for line in lines if line.startswith("deviance_skill / all: "))
    then, now = skill.removeprefix("deviance_skill / all: ").removesuffix(" now").split(" then, ")
    assert then.split()[0] == now.split()[0]
    assert then != now
    assert all(line.split(" then, ")[0].split(": ")[-1] != line.split(" then, ")[1] for line in lines)


def test_random_settings_are_bound_and_told_from_others(admitted):
    header = admitted.decision["audit"]["header"]
    random = header["random_settings"]
    assert {"bootstrap.seed", "audit.feedback.seed", "explain.refits", "explain.seed"} <= set(random)
    assert any(name.startswith("model.lightgbm.") for name in random)
    _, _, subject, settings = rerun_archived(str(admitted.folder))
    audit = Audit.from_settings(settings)
    others = {"explain": Explain()}
    first = with_settings_digest(subject, audit, **others)
    seeds = [
        (replace(audit, bootstrap=replace(audit.bootstrap, seed=3)), others),
        (replace(audit, feedback=replace(audit.feedback, seed=3)), others),
        (audit, {"explain": Explain(refits=9, seed=3)}),
    ]
    for changed, more in seeds:
        second = with_settings_digest(subject, changed, **more)
        assert second.settings_digest == first.settings_digest
        assert second.random_settings != first.random_settings
    for changed, more in ((replace(audit, land_share=0.2), others), (audit, {"explain": Explain(block=5)})):
        second = with_settings_digest(subject, changed, **more)
        assert second.settings_digest != first.settings_digest
        assert second.random_settings == first.random_settings
