"""From a decision to what a reviewer approved, and every way to get there without one."""

import json
import shutil
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.export import geoparquet
from ilp_models.export.writers import Export
from ilp_models.pipeline import outputs, registration
from ilp_models.pipeline.run_folder import RunFolder, load_approved
from ilp_models.tracking.memory import InMemoryTracker
from tests.pipeline.small_city import LENIENT, copy_run, run_apart, run_task, summary_of

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def place(admitted, shelf, tmp_path):
    """Return a copy of the admitted run and a copy of the register."""
    shutil.copy(shelf / "register.jsonl", tmp_path)
    return copy_run(admitted, tmp_path / "run")


def words(place):
    return f"source='{place}'", f"register='{place.parent}/register.jsonl'", "tracking=memory"


def approve(place, *more, **instead):
    signing = ("reviewer='R. Viewer'", "reason='all checks passed'")
    return run_task("approve", place.parent, *words(place), *signing, *more, **instead)


def load(place, **more):
    return load_approved(str(place), register=place.parent / "register.jsonl", **more)


def test_an_approved_run_can_be_loaded(place, admitted):
    text = approve(place).text
    assert "R. Viewer" in text
    assert "every check passed" in text
    approved = load(place, settings={"rank_by": "count", "land_share": 0.1})
    assert approved.forecast.digest() == admitted.decision["forecast"]
    assert approved.decision.approval.reviewer == "R. Viewer"


def test_an_approval_leaves_a_page_and_the_run_as_it_was(place):
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    done = approve(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    page = (done.folder / "approval.html").read_text()
    assert f"Page: {done.folder / 'approval.html'}" in done.text
    digest = Register(place.parent / "register.jsonl").verify().digest
    for words_of_page in ("R. Viewer", "all checks passed", digest, "nothing had to be accepted", str(place)):
        assert words_of_page in page


def test_an_admitted_run_that_nobody_approved_is_not_loaded(place):
    with pytest.raises(WithheldError, match="not approved by a reviewer"):
        load(place)


def test_an_alias_set_by_hand_opens_nothing(place):
    tracker = InMemoryTracker()
    tracker.promote("lightgbm", "approved", place, {"audit.status": "admitted"})
    with pytest.raises(WithheldError, match="was not approved by a reviewer"):
        load_approved("lightgbm@approved", register=place.parent / "register.jsonl", tracking=tracker)
    with pytest.raises(InputError, match="is an alias"):
        load_approved("lightgbm@approved", register=place.parent / "register.jsonl")


def test_an_approval_is_mirrored_and_its_alias_leads_there(place):
    tracker = InMemoryTracker()
    approve(place, tracking=tracker)
    approved = load_approved("lightgbm@approved", register=place.parent / "register.jsonl", tracking=tracker)
    assert approved.folder == place
    run_task("withdraw", place.parent, *words(place), "reason='a mistake in the records'", tracking=tracker)
    with pytest.raises(StorageError, match="approved"):
        tracker.promoted("lightgbm", "approved")
    with pytest.raises(WithheldError, match="a mistake in the records"):
        load(place)


def test_a_store_that_is_away_stops_no_approval(place):
    class Away(InMemoryTracker):
        def promote(self, *_):
            msg = "Cannot use the tracking store."
            raise StorageError(msg)

    assert "The tracking store was not updated" in approve(place, tracking=Away()).text
    assert load(place).decision.approval is not None


@pytest.mark.parametrize("asked", [{"land_share": 0.05}, {"rank_by": "per_km2"}, {"grid": "0" * 64}])
def test_other_terms_than_audited_are_refused(place, asked):
    approve(place)
    with pytest.raises(WithheldError, match="Use the audited setting"):
        load(place, settings=asked)


def tampered_model(place):
    trees = next((place / "model").glob("*.txt"))
    trees.write_text(trees.read_text().replace("leaf_value=", "leaf_value=9 ", 1))


def added_file(place):
    (place / "model" / "more.txt").write_text("more")


def removed_file(place):
    (place / "model" / "bundle.json").unlink()


def tampered_evidence(place):
    tables = place / "audit" / "replays.parquet"
    tables.write_bytes(tables.read_bytes() + b"x")


def other_reasons(place, name="reasons.parquet"):
    table = pd.read_parquet(place / name)
    table.assign(words="a known address").to_parquet(place / name, index=False)


def other_explanation(place):
    other_reasons(place, "explanation.parquet")


SPOILS = (tampered_model, added_file, removed_file, tampered_evidence, other_reasons, other_explanation)


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("approved", [False, True])
def test_a_model_or_evidence_that_was_touched_after_its_decision_is_refused(place, spoil, approved):
    if approved:
        approve(place)
    spoil(place)
    said = r"(model|audit|reasons|explanation).* was changed, added or removed since the decision"
    with pytest.raises(WithheldError, match=said):
        load(place)
    with pytest.raises(WithheldError, match=said):  # as export, allocate and monitor ask
        RunFolder.from_path(str(place)).permitted_decision(Register(place.parent / "register.jsonl"))
    if not approved:
        with pytest.raises((WithheldError, StorageError)):
            approve(place)


def test_a_decision_rewritten_with_a_new_seal_is_not_in_the_register(place):
    approve(place)
    path = place / "decision.json"
    known = Decision.from_dict(json.loads(path.read_text()))
    header = {**known.report.header, "rank_by": "per_km2"}
    path.write_text(json.dumps(replace(known, report=replace(known.report, header=header)).to_dict()))
    with pytest.raises(WithheldError, match="knows no decision"):
        load(place)


def test_a_register_without_the_line_of_approval_is_noticed(place):
    approve(place)
    register = place.parent / "register.jsonl"
    last = Register(register).verify().digest
    register.write_bytes(b"".join(register.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(WithheldError, match="not approved"):
        load(place)
    with pytest.raises(StorageError, match="were removed"):
        Register(register, last).verify()


def test_a_run_whose_line_could_not_be_written_is_research(tmp_path, shelf, monkeypatch):
    said = []
    monkeypatch.setattr(registration._LOG, "warning", lambda words, *parts: said.append(words % parts))
    broken = tmp_path / "register.jsonl"
    broken.write_text("{}\n")
    done = run_apart("weekly", tmp_path, shelf, *LENIENT, "backtest.horizon=1", f"register='{broken}'")
    assert not done.decision["admitted"]
    assert "line 1: the line is not a register entry" in " ".join(done.decision["reasons"])
    assert "research only" in (done.folder / "grid.geojson").read_text()
    assert len(said) == 1
    assert "for research only" in said[0]
    with pytest.raises(WithheldError, match="line 1"):
        run_task("export", tmp_path, f"source='{done.folder}'", "grade=allocation", f"register='{broken}'")


class Crash(BaseException):
    """What no part of the program catches."""


def crash(*_, **__):
    raise Crash


BEFORE = ("write_audit_input", "write_model", "register_decision")


@pytest.mark.parametrize("place", [*BEFORE, "write_areas"])
def test_a_crash_around_the_line_of_a_decision_lets_nothing_out(place, shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, place, crash)  # before the line stands, and after it but before decision.json
    register = tmp_path / "register.jsonl"
    with pytest.raises(Crash):
        run_apart("weekly", tmp_path, shelf, *LENIENT, "backtest.horizon=1", f"register='{register}'")
    folder = max((tmp_path / "weekly").iterdir(), key=lambda path: path.stat().st_mtime)
    assert not (folder / "decision.json").exists()
    acts = [line.act for line in Register(register).verify().lines]
    assert acts == ([] if place in BEFORE else ["decided"])
    assert place not in BEFORE or not list(folder.glob("grid.*"))
    with pytest.raises((InputError, WithheldError)):
        run_task("export", tmp_path, f"source='{folder}'", "grade=allocation", f"register='{register}'")


@pytest.mark.parametrize("word", ["5", "true"])
def test_words_typed_as_other_things_are_answered_in_one_line(place, word):
    signing = ("reason='all checks passed'", f"reviewer={word}")
    with pytest.raises(WithheldError, match=r"names R\. Viewer as reviewer"):
        run_task("approve", place.parent, *words(place), *signing)


def test_a_missing_reviewer_or_reason_is_asked_for(place):
    for signing in (("reason='all checks passed'", "reviewer=null"), ("reviewer='R. Viewer'",)):
        with pytest.raises(InputError, match="needs a reviewer and a reason"):
            run_task("approve", place.parent, *words(place), *signing)
    with pytest.raises(WithheldError, match="needs a reason"):
        run_task("withdraw", place.parent, *words(place), "reason=null")


def test_a_name_of_keys_that_came_out_empty_asks_for_keys_all_the_same(place):
    approve(place)
    with pytest.raises(InputError, match="0 Ed25519 public keys"):
        run_task("export", place.parent, *words(place)[:2], "grade=allocation", "trusted_keys=''")
    with pytest.raises(InputError, match="is a folder, not a regular file"):
        approve(place, "key=''")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain | {"periods": float("inf")},
        lambda plain: plain | {"findings": [1]},
        lambda plain: plain | {"findings": "none"},
        lambda plain: [plain],
    ],
)
def test_a_decision_that_is_none_is_answered_in_one_line(place, spoil):
    path = place / "decision.json"
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(WithheldError, match="cannot be read"):
        load(place)
    run_task("export", place.parent, *words(place)[:2])


@pytest.mark.parametrize("make", [lambda path: path.write_text("[" * 100_000), lambda path: path.mkdir()])
def test_a_decision_that_cannot_be_opened_is_none(place, make):
    path = place / "decision.json"
    path.unlink()
    make(path)
    with pytest.raises(WithheldError, match="cannot be read"):
        load(place)


def test_a_decision_withdrawn_while_its_export_is_made_lets_nothing_out(place, monkeypatch):
    known = RunFolder.permitted_decision

    def withdrawn_then(left, *words_):
        decision = known(left, *words_)
        run_task("withdraw", place.parent, *words(place), "reason='a mistake in the records'")
        return decision

    monkeypatch.setattr(RunFolder, "permitted_decision", withdrawn_then)
    with pytest.raises(WithheldError, match="a mistake in the records"):
        run_task("export", place.parent, *words(place)[:2], "grade=allocation")
    assert not any((place.parent / "export" / "0").iterdir())
    assert Register(place.parent / "register.jsonl").verify().lines[-1].act == "withdrawn"


def moved(table):
    shapes = dict(zip(table["cell"], table.geometry, strict=True))
    other = dict(zip(shapes, reversed(list(shapes)), strict=True))
    return table.set_geometry(gpd.GeoSeries([shapes[other[cell]] for cell in table["cell"]], crs=table.crs))


@pytest.mark.parametrize("change", [moved, lambda table: table.assign(area=table["area"].to_numpy()[::-1])])
def test_a_forecast_whose_cells_were_moved_under_its_counts_is_refused(place, change):
    path = place / "forecast.parquet"
    whole = gpd.read_parquet(path)
    account = json.loads(pq.read_schema(path).metadata[b"ilp_models"])
    del account["seal"]
    table = change(whole)
    table.to_parquet(path, compression="zstd", index=False)
    stored = pq.read_table(path)
    account["seal"] = geoparquet.table_checksum(gpd.read_parquet(path), account)
    metadata = {**stored.schema.metadata, b"ilp_models": json.dumps(account).encode()}
    pq.write_table(stored.replace_schema_metadata(metadata), path)
    assert RunFolder.from_path(str(place)).forecast.digest() == RunFolder.from_path(str(place)).decision().forecast
    with pytest.raises(WithheldError, match="in other places than"):
        run_task("export", place.parent, *words(place)[:2], "grade=allocation")


def test_a_forecast_of_another_run_is_not_approved_under_this_decision(place):
    left = RunFolder.from_path(str(place))
    other = replace(left.forecast, expected=left.forecast.expected * 2)
    Export(("parquet",)).write(other, left.places, left.provenance, None, place)
    with pytest.raises(WithheldError, match="is not the forecast that was decided on"):
        approve(place)


def test_a_decision_whose_folder_is_gone_can_be_withdrawn_by_its_seal(place, admitted):
    words_ = ("source=nowhere", f"register='{place.parent}/register.jsonl'", "tracking=memory", "reason='it is gone'")
    text = run_task("withdraw", place.parent, *words_, f"decision='{admitted.decision['seal']}'").text
    assert admitted.decision["seal"][:16] in text
    with pytest.raises(WithheldError, match="it is gone"):
        load(place)
    with pytest.raises(WithheldError, match="knows no decision"):
        run_task("withdraw", place.parent, *words_, "decision=abc")


def test_an_explanation_that_was_hardly_tried_is_named_beside_the_verdict(shelf, tmp_path):
    done = run_apart("audit", tmp_path, shelf, *LENIENT, "explain.refits=2")
    assert "explain.refits=2 (default 5)" in done.text
    assert summary_of(done.text)[0].startswith("Decision on lightgbm: WITHHELD")
    assert summary_of(done.text)[-1].startswith(("Next: ilp approve ", "Next: read "))
