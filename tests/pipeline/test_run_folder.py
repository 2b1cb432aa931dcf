"""Run folders that another version wrote: each command works or refuses in one line that says what to do."""

import json
import re
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import WithheldError
from ilp_models.export.geoparquet import METADATA_KEY, RUN_FORMAT, table_checksum, write_table
from ilp_models.export.reader import read_forecast
from ilp_models.pipeline.monitoring_replay import active_decision
from ilp_models.pipeline.plan import allocate_effort
from ilp_models.pipeline.run_folder import RunFolder, load_approved
from tests.pipeline.small_city import copy_run, run_task

pytestmark = pytest.mark.usefixtures("undrawn")
OLD_NAMES = {"land_share": "share", "rank_by": "unit", "min_evidence": "minimum", "signable": "overridable"}
CODE = r"\(ilp_models [0-9.]+, commit [^,]+, digest [0-9a-f]{16}\)"


def set_format(folder, run_format):
    """Write the mark of another version, or none, into the sealed metadata of the forecast of a run."""
    path = Path(folder, "forecast.parquet")
    record = json.loads(pq.read_schema(path).metadata[METADATA_KEY])
    del record["seal"], record["run_format"]
    record |= {} if run_format is None else {"run_format": run_format}
    table = gpd.read_parquet(path)
    write_table(table, {**record, "seal": table_checksum(table, record)}, path)


def with_old_names(value):
    """Return JSON values with settings and fields under their names of format 1."""
    if isinstance(value, dict):
        return {OLD_NAMES.get(name, name): with_old_names(one) for name, one in value.items()}
    return [with_old_names(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def place(admitted, shelf, tmp_path):
    """Return a copy of an admitted run next to a copy of its register."""
    shutil.copy(shelf / "register.jsonl", tmp_path)
    return copy_run(admitted, tmp_path / "run")


@pytest.fixture
def old(place):
    """Return a run of an earlier version: without a mark, and with the names of that time."""
    set_format(place, None)
    for name in ("decision.json", "audit/subject.json", "model/bundle.json"):
        path = place / name
        text = path.read_text()
        path.write_text(json.dumps(with_old_names(json.loads(text))))
        assert path.read_text() != text
    return place


def task(name, *words):
    def act(place):
        register = f"register='{place.parent}/register.jsonl'"
        given = {"source": f"source='{place}'", "rerun": f"rerun='{place}'"}
        run_task(name, place.parent, register, *(given.get(word, word) for word in words))

    return act


ACTIONS = {
    "rerun": lambda place: run_task("audit", place.parent, f"rerun='{place}'"),
    "export": task("export", "source", "grade=allocation"),
    "approve": task("approve", "source", "reviewer='R. Viewer'", "reason='read it'"),
    "withdraw": task("withdraw", "source", "reason='a mistake'"),
    "monitor": lambda place: active_decision(str(place), Register(place.parent / "register.jsonl")),
    "allocate": lambda place: allocate_effort(
        place, chosen_by="A", reason="b", register=place.parent / "register.jsonl"
    ),
    "load_approved": lambda place: load_approved(place, register=place.parent / "register.jsonl"),
    "audit_input": lambda place: RunFolder.from_path(place).audit_input(),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_run_of_an_earlier_version_is_refused_in_one_line_with_what_to_do(old, action):
    with pytest.raises(WithheldError) as raised:
        ACTIONS[action](old)
    text = str(raised.value)
    refusal = (
        rf"{re.escape(str(old))} was written by an earlier version {CODE}, and this version cannot read its decision "
        r"and its audit\. Run `ilp weekly` again with this version\."
    )
    assert re.match(refusal, text)
    assert "\n" not in text
    assert ("decision=SEAL" in text) == (action == "withdraw")


def test_a_run_of_a_later_version_is_refused(place):
    set_format(place, RUN_FORMAT + 1)
    with pytest.raises(WithheldError, match=rf"was written by a later version {CODE}.* Use that version, or run"):
        RunFolder.from_path(place).decision()


def test_the_mark_alone_decides_not_the_names_in_the_files(place, admitted):
    set_format(place, RUN_FORMAT)
    assert RunFolder.from_path(place).decision().seal == admitted.decision["seal"]
    set_format(place, None)
    with pytest.raises(WithheldError, match="written by an earlier version"):
        RunFolder.from_path(place).decision()


def shape_of(folder):
    """Return the names of the fields in the files that a later reading depends on."""
    decision, archive, model = (
        json.loads((folder / name).read_text()) for name in ("decision.json", "audit/subject.json", "model/bundle.json")
    )
    return {
        "decision": sorted(decision),
        "audit": sorted(decision["audit"]),
        "header": sorted(decision["audit"]["header"]),
        "register": sorted(decision["audit"]["header"]["register"]),
        "finding": sorted({name for one in decision["findings"] for name in one}),
        "archive": sorted(archive),
        "files": sorted(path.relative_to(folder).as_posix() for path in (folder / "audit").rglob("*.parquet")),
        "model": sorted(model),
        "reasons": list(pd.read_parquet(folder / "reasons.parquet").columns),
    }


def test_files_of_another_shape_need_another_format(admitted):
    stored = json.loads(Path(__file__).with_name("run_format.json").read_text())
    assert shape_of(admitted.folder) == stored["shape"], "Raise RUN_FORMAT, and store the new shape in run_format.json."
    assert stored["run_format"] == RUN_FORMAT


def test_the_forecast_of_an_earlier_version_can_be_read_and_exported_for_research(old, admitted, tmp_path):
    assert read_forecast(old / "forecast.parquet").digest() == admitted.decision["forecast"]
    done = run_task("export", tmp_path, f"source='{old}'", "grade=research", "formats=[csv]")
    assert "Exported as research" in done.text
    assert (done.folder / "grid-research-only.csv").is_file()


def test_the_decision_of_an_earlier_version_can_be_withdrawn_by_its_seal(old, admitted):
    seal = admitted.decision["seal"]
    task("withdraw", f"decision='{seal}'", "reason='a mistake'")(old)
    state = Register(old.parent / "register.jsonl").verify()
    assert [line.act for line in state.entries_of(seal)][-1] == "withdrawn"


def test_a_register_with_lines_of_an_earlier_version_is_verified_and_continued(shelf, tmp_path):
    first, *_ = Register(shelf / "register.jsonl").verify().lines
    register = Register(tmp_path / "register.jsonl")
    for content in (with_old_names(dict(first.content)), dict(first.content)):
        register.append(type(first)(first.act, first.who, first.decision, first.moment, content))
    text = run_task("verify", tmp_path, f"register='{register.path}'").text
    assert "intact, 2 entries" in text
