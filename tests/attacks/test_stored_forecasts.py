"""Attacks: edit the stored forecasts, so that an audit finds what the forecaster did not achieve."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ilp_models as ilp
from ilp_models.backtest import replay as replay_module
from ilp_models.backtest.store import _DIGEST, _DISPERSION, _TERMS, ForecastStore, _digest
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.replay import ReplayTerms
from ilp_models.model.ensembles import BestPast, Stacked
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.audit_archive import read_audit_input, write_audit_input
from tests.pipeline.small_city import GROUPS, build_task, copy_run, run_task

pytestmark = pytest.mark.usefixtures("undrawn")

MODELS = ("model=[moving_average,ewma,history_mean]", "backtest.refit_every=5")
SETTINGS = (*MODELS, "forecaster=ewma", GROUPS)
WORDS = "differs from the one that this run computed"


def audited(folder, *settings, store=None, **instead):
    """Return an audit with a register of its own; it reads and writes the forecasts of a store."""
    where = () if store is None else (f"store='{store}'",)
    return run_task("audit", folder, *SETTINGS, *settings, *where, **instead)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return an audit that had no stored forecast."""
    return audited(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def store(fresh, tmp_path):
    """Return a copy of the forecasts that the first audit stored."""
    return Path(shutil.copytree(Path(fresh.parts["store"]), tmp_path / "forecasts"))


def partitions(store, forecaster):
    found = sorted(store.glob(f"*/forecaster={forecaster}/cutoff=*/part-0.parquet"))
    assert found
    return found


def edit(path, change, **facts):
    """Change the table of a partition, and write it with a digest that fits: its own check finds nothing."""
    rows = pq.read_table(path, partitioning=None)
    table, known = rows.to_pandas(), dict(rows.schema.metadata)
    change(table)
    known[_DIGEST] = _digest(table, known[_DISPERSION]).encode()
    known |= facts.get("facts", {})
    edited = pa.Table.from_pandas(table, preserve_index=False)
    known |= {name: value for name, value in edited.schema.metadata.items() if name == b"pandas"}
    pq.write_table(edited.replace_schema_metadata(known), path, write_page_checksum=True)


def mix_in_the_truth(table, share=0.03):
    table["expected"] = (1 - share) * table["expected"] + share * table["observed"]


def scale(table, factor=1.2):
    table["expected"] *= factor


def recorded_as_expected(table):
    table["observed"] = table["expected"].round().astype(np.int32)


def narrow(table):
    for name in table.columns[table.columns.str.startswith("q")]:
        table[name] = table["expected"].astype(np.float32)


def nothing(table):
    """Change no number."""


def findings_of(done):
    return json.dumps(done.decision["findings"], sort_keys=True)


def replays_of(done):
    return done.decision["audit"]["header"]["replays"]


@pytest.mark.parametrize(
    ("forecasters", "change", "which"),
    [
        (["ewma"], mix_in_the_truth, slice(None)),
        (["moving_average"], scale, slice(None)),
        (["ewma"], recorded_as_expected, slice(3, 4)),
        (["moving_average"], narrow, slice(-1, None)),
        (["ewma", "moving_average"], mix_in_the_truth, slice(1, None, 3)),
        (["ewma", "moving_average"], recorded_as_expected, slice(None)),
    ],
)
def test_edited_forecasts_decide_nothing(fresh, store, tmp_path, caplog, forecasters, change, which):
    chosen = [path for name in forecasters for path in partitions(store, name)[which]]
    for path in chosen:
        edit(path, change)
    with caplog.at_level(logging.WARNING):
        done = audited(tmp_path, store=store)
    assert findings_of(done) == findings_of(fresh)
    assert replays_of(done) == replays_of(fresh)
    warned = [record.getMessage() for record in caplog.records if WORDS in record.getMessage()]
    assert {str(path) for path in chosen} == {line.split()[3] for line in warned}
    for path in chosen:  # replaced by what the run computed
        original = Path(fresh.parts["store"], path.relative_to(store))
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(original))


def test_forecasts_of_another_recipe_decide_nothing(fresh, store, tmp_path):
    """The folder of a mean over the records of a year is put where the forecasts of the audited one belong."""
    (own,), (other,) = (sorted(store.glob(f"*/forecaster={name}")) for name in ("ewma", "moving_average"))
    shutil.rmtree(own)
    shutil.copytree(other, own)
    done = audited(tmp_path, store=store)
    assert findings_of(done) == findings_of(fresh)


def test_untouched_forecasts_warn_of_nothing(fresh, store, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        done = audited(tmp_path, store=store)
    assert not [record for record in caplog.records if WORDS in record.getMessage()]
    assert findings_of(done) == findings_of(fresh)


def test_a_damaged_partition_of_the_audited_forecaster_is_replaced(fresh, store, tmp_path, caplog):
    path = partitions(store, "ewma")[2]
    path.write_bytes(path.read_bytes()[:-50])
    with caplog.at_level(logging.WARNING):
        assert findings_of(audited(tmp_path, store=store)) == findings_of(fresh)
    assert str(path) in caplog.text


@pytest.mark.parametrize("kind", [Stacked, pytest.param(BestPast, marks=pytest.mark.slow)])
def test_members_of_a_composite_are_not_read(tmp_path, kind):
    """The members are models of the same run, so that their forecasts are stored next to the composite."""
    members = {"ewma": EWMA(), "moving_average": MovingAverage()}
    composite = {"forecaster": "stacked", "model": {**members, "stacked": kind(members, past_periods=8)}}
    one = audited(tmp_path / "one", **composite)
    store = Path(shutil.copytree(Path(one.parts["store"]), tmp_path / "forecasts"))
    for name in ("ewma", "stacked"):
        for path in partitions(store, name):
            edit(path, mix_in_the_truth)
    two = audited(tmp_path / "two", store=store, **composite)
    assert findings_of(two) == findings_of(one)
    assert replays_of(two) == replays_of(one)


@pytest.mark.parametrize("forecaster", ["history_mean", "ewma"])
def test_edited_counts_stop_any_backtest(store, tmp_path, forecaster):
    """Also of models that are not audited: their scores stand on the page."""
    path = partitions(store, forecaster)[4]
    edit(path, recorded_as_expected)
    with pytest.raises(StorageError, match=f"(?s)recorded counts in {path} are not those of the records"):
        run_task("backtest", tmp_path, *MODELS, f"store='{store}'")


def test_edited_terms_change_no_block_of_the_bootstrap(store):
    for path in partitions(store, "ewma"):
        edit(path, nothing, facts={_TERMS: ReplayTerms(9, 1).to_json().encode()})
    parts = parts_of(store)
    assert backtest_of(parts).replay_of("ewma").terms == ReplayTerms(0, 5)


def test_a_partition_that_changes_during_the_run_stops_it(tmp_path, monkeypatch):
    write = ForecastStore.write

    def written_and_edited(self, forecast, *arguments):
        digest = write(self, forecast, *arguments)
        edit(self.path(forecast.recipe, forecast.forecaster, forecast.cutoff), mix_in_the_truth)
        return digest

    monkeypatch.setattr(replay_module.ForecastStore, "write", written_and_edited)
    with pytest.raises(StorageError, match="was changed after this run computed it"):
        audited(tmp_path)


# --- the same through Python ---------------------------------------------------------------------------------------


def parts_of(store):
    _, parts = build_task("audit", *SETTINGS, f"store='{store}'")
    return parts


def backtest_of(parts, **more):
    return ilp.run_backtest(
        {name: parts["model"][name] for name in ("moving_average", "ewma")},
        parts["data"].read(),
        parts["grid"],
        scoring=parts["scoring"],
        store=parts["store"],
        compute=parts["compute"],
        **vars(parts["backtest"]),
        **more,
    )


def audit_of(parts, tested, tmp_path, baseline="moving_average"):
    forecast = ilp.make_forecast(parts["model"]["ewma"], tested.events, parts["grid"], name="ewma")
    return ilp.audit_plan(
        tested, forecast, audit=parts["audit"], baseline=baseline, register=tmp_path / "register.jsonl"
    )


def numbers(audit):
    """Return the findings as text, without the list of settings: each test names a register of its own there."""
    findings = audit.to_frame()
    return findings[findings["check"] != "changed_settings"].to_json()


@pytest.fixture(scope="module")
def in_python(fresh, tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    parts = parts_of(folder / "forecasts")
    tested = backtest_of(parts)
    assert set(tested.computed) == {"moving_average", "ewma"}
    return audit_of(parts, tested, folder)


@pytest.mark.parametrize("forecaster", ["ewma", "moving_average"])
def test_an_audit_in_python_does_not_trust_its_backtest(in_python, store, tmp_path, caplog, forecaster):
    for path in partitions(store, forecaster)[2:9]:
        edit(path, mix_in_the_truth)
    parts = parts_of(store)
    tested = backtest_of(parts)
    assert not tested.computed
    with caplog.at_level(logging.WARNING):
        audit = audit_of(parts, tested, tmp_path)
    assert numbers(audit) == numbers(in_python)
    assert f"The forecasts of {forecaster} in the backtest differ from its replay" in caplog.text
    assert {name: one.digest() for name, one in (("ewma", audit.audit_input.replay),)}.items() <= (
        audit.report.header["replays"].items()
    )


def test_forecasts_exchanged_in_the_backtest_decide_nothing(in_python, store, tmp_path):
    parts = parts_of(store)
    tested = backtest_of(parts, recompute=["ewma", "moving_average"])
    assert set(tested.computed) == {"moving_average", "ewma"}
    better = [
        replace(one, expected=0.97 * one.expected + 0.03 * one.observed) if one.forecaster == "ewma" else one
        for one in tested.replays
    ]
    audit = audit_of(parts, replace(tested, replays=tuple(better)), tmp_path)
    assert numbers(audit) == numbers(in_python)


@pytest.mark.parametrize("name", ["ewma", "moving_average"])
def test_stored_forecasts_of_another_run_are_never_audited(store, tmp_path, name):
    """A guest of a comparison can be neither the audited forecaster nor the baseline."""
    parts = parts_of(tmp_path / "own")
    other = {"ewma": "moving_average", "moving_average": "ewma"}[name]
    tested = ilp.run_backtest(
        {other: parts["model"][other]},
        parts["data"].read(),
        parts["grid"],
        baseline=other,
        stored=str(store),
        store=tmp_path / "own",
        compute=parts["compute"],
        **vars(parts["backtest"]),
    )
    assert name in {one.forecaster for one in tested.replays}
    with pytest.raises(
        InputError, match=r"stored forecasts of another run, which cannot be audited|was not backtested"
    ):
        audit_of(parts, tested, tmp_path)


# --- the archive ---------------------------------------------------------------------------------------------------


def test_the_header_binds_both_replays(fresh):
    subject, _ = read_audit_input(fresh.folder / "audit")
    assert replays_of(fresh) == {"ewma": subject.replay.digest(), "moving_average": subject.baseline.digest()}
    line = json.loads(Path(fresh.parts["register"]).read_text().splitlines()[0])
    assert line["content"]["replays"] == replays_of(fresh)


@pytest.mark.parametrize("part", ["expected", "observed", "quantiles"])
def test_an_archive_with_other_forecasts_is_noticed_when_the_audit_is_repeated(fresh, tmp_path, part):
    """The change is too small for any finding: one unit of one cube."""
    place = copy_run(fresh, tmp_path / "run")
    subject, facts = read_audit_input(place / "audit")
    cube = getattr(subject.baseline, part).copy()
    cube[(0,) * cube.ndim] += 1 if part == "observed" else 1e-7
    other = {part: cube}
    if part == "observed":  # both replays have the same counts
        subject = replace(subject, replay=replace(subject.replay, observed=cube))
    subject = replace(subject, baseline=replace(subject.baseline, **other))
    write_audit_input(subject, place / "audit", {name: facts[name] for name in ("settings", "moment")})
    with pytest.raises(StorageError, match=r"replays\.moving_average: "):
        run_task("audit", tmp_path, f"rerun='{place}'")
