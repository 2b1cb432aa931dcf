"""A whole week of a region gives the same files on local processes and on a Dask cluster."""

import hashlib
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from datetime import datetime
from fnmatch import fnmatch

import pyarrow.parquet as pq
import pytest

import ilp_models as ilp
from ilp_models.domain.region import RunState

# What files may state that differs from run to run. The rest of them is compared, and all other files are equal byte by
# byte.
SEAL = "seal"  # of the decision, which has its moment, and digests of what has the seal or the moment
MOMENT = "moment"  # between the start and the end of the run; also until when the decision is valid
FOLDER = "folder"  # of the run, named by its moment
COST = "cost"  # seconds and memory
MAY_STATE = {
    "*/weekly/RUN/decision.json": {SEAL, MOMENT},
    "*/weekly/RUN/audit/subject.json": {MOMENT},
    "*/weekly/RUN/forecast.parquet": {SEAL, MOMENT},
    "*/weekly/RUN/grid.csv": {SEAL},
    "*/weekly/RUN/grid.csv.json": {SEAL, MOMENT},
    "*/weekly/RUN/areas.csv": {SEAL},
    "*/weekly/RUN/areas.csv.json": {SEAL, MOMENT},
    "*/weekly/RUN/grid.geojson": {SEAL, MOMENT},
    "*/weekly/RUN/grid.gpkg": {SEAL, MOMENT},
    "*/weekly/RUN/grid.xlsx": {SEAL, MOMENT},
    "*/weekly/RUN/report.html": {MOMENT},
    "*/weekly/RUN/weekly.log": {MOMENT, COST},
    "*/weekly/RUN/jurisdiction.json": {COST, MOMENT},
    "*/weekly/RUN/.hydra/hydra.yaml": {FOLDER},
    "*/weekly/status.json": {SEAL, MOMENT, FOLDER},
    "*/register.jsonl": {SEAL, MOMENT},
    "*/trials/run.csv": {MOMENT, FOLDER},
    "*/forecasts/*/forecaster=*/cutoff=*/part-0.parquet": {COST},
    "weekly/RUN/region.html": {MOMENT, FOLDER, COST},
    "weekly/RUN/region.json": {MOMENT, FOLDER, COST},
    "weekly/status.json": {MOMENT, FOLDER},
}
SHORT_FEEDBACK = ("audit.feedback.periods=26", "audit.feedback.refit_every=13", "audit.feedback.replicates=2")
WEEK = (
    *SHORT_FEEDBACK,
    *("grid.size=1500", "tracking=memory", "bootstrap.draws=50"),
    *("backtest.test_periods=4", "backtest.refit_every=4", "explain.refits=2"),
    *("model.lightgbm.n_estimators=10", "model.lightgbm.train_periods=40", "model.lightgbm.holdout=4"),
)
DATE = r"\d{4}-\d\d-\d\d"
TIMES = re.compile(rf"({DATE})(?:T| at | )(\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?(\+00:00|Z| UTC)?")


class Outputs:
    """The files below the output folder of a run, without unfinished folders, and with what may differ masked."""

    def __init__(self, home, begun, ended):
        self.home, self.span = home, (begun.replace(second=0, microsecond=0), ended)
        self.run = re.compile(rf"{re.escape((home / 'weekly' / 'latest').resolve().name)}(-\d)?")  # or another attempt
        unfinished = [mark.parent for mark in home.rglob("UNFINISHED")]
        self.files = {
            self.run.sub("RUN", path.relative_to(home).as_posix()): path
            for path in home.rglob("*")
            if path.is_file() and "latest" not in path.relative_to(home).parts and not {*path.parents} & {*unfinished}
        }
        self.seals, self.ends = set(), set()
        for decided in home.glob("*/weekly/latest/decision.json"):
            decision = json.loads(decided.read_text())
            subject = hashlib.sha256((decided.parent / "audit" / "subject.json").read_bytes()).hexdigest()
            line = json.loads((decided.parents[2] / "register.jsonl").read_text().splitlines()[-1])
            about = json.loads(pq.read_schema(decided.parent / "forecast.parquet").metadata[b"ilp_models"])
            self.seals |= {decision["seal"], decision["seal"][:16], line["digest"], subject, about["seal"]}
            self.ends.add(decision["valid_until"])

    def decided(self, name):
        """Return the folder of the decided run of a jurisdiction."""
        return self.files[f"{name}/weekly/RUN/decision.json"].parent

    def content(self, name, states):
        """Return what a file says, in a form to compare, without what it may state."""
        path = self.files[name]
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path).read()
            about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
            parts = {"schema": str(table.schema.remove_metadata()), "rows": table.to_pandas().to_csv(), **about}
        elif path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                parts = {one: book.read(one).decode("utf-8", "surrogateescape") for one in book.namelist()}
        elif path.suffix == ".gpkg":
            with closing(sqlite3.connect(path)) as base:
                tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                parts = {one: str(list(base.execute(f'SELECT * FROM "{one}"'))) for one in tables}  # noqa: S608
        else:
            parts = {"text": path.read_bytes().decode()}
        return {part: self.masked(text, states) for part, text in parts.items()}

    def masked(self, text, states):
        if FOLDER in states:
            text = self.run.sub(FOLDER, text)
        if SEAL in states:
            for seal in sorted(self.seals, key=len, reverse=True):
                text = text.replace(seal, SEAL)
        if MOMENT in states:
            text = TIMES.sub(self._moment, text)
        if COST in states:
            text = re.sub(r'"(\w*seconds|peak_mb)": [\d.e-]+', r'"\1": COST', text)
            text = re.sub(r".* ilp_models\.compute\.progress: .* left\n", "", text)  # a line every 30 seconds
            text = re.sub(r'"client": "[^"]+"', '"client": COMMAND', text)
            text = re.sub(r'": "[0-9a-f]{64}"', '": DIGEST', text)  # of files that are compared themselves
            text = re.sub(r'data-label="Run">[\d,]+ s<', 'data-label="Run">COST<', text)
        return text

    def _moment(self, found):
        day, time, zone = found.groups()
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone else ''}").astimezone()
        return MOMENT if found[0] in self.ends or self.span[0] <= moment <= self.span[1] else found[0]


def different_files(one, two, apart_from=()):
    """Return the files that differ between two runs; fail if they differ in more than they may state."""
    assert one.files.keys() == two.files.keys()
    differ = [name for name, path in one.files.items() if path.read_bytes() != two.files[name].read_bytes()]
    for name in {*differ} - {*apart_from}:
        states = [kinds for pattern, kinds in MAY_STATE.items() if fnmatch(name, pattern)]
        assert states, f"{name} differs"
        assert one.content(name, states[0]) == two.content(name, states[0]), name
    return differ


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_dask_cluster_gives_the_same_files_in_every_stage(tmp_path, monkeypatch):
    """`ilp weekly region=demo`, with larger cells and fewer test periods, on three processes and on two workers."""
    monkeypatch.chdir(tmp_path)
    made = []
    for place, compute in (("local", ilp.LocalProcesses(3)), ("dask", ilp.DaskCluster(cluster="local", workers=2))):
        begun = datetime.now().astimezone()
        region = ilp.run_region("demo", settings=WEEK, compute=compute)
        assert region.missing == (), [one.result.error for one in region.jurisdictions]
        # both write to the same folder, so that no path differs
        made.append(Outputs((tmp_path / "outputs").rename(tmp_path / place), begun, datetime.now().astimezone()))
    local, dask = made
    names = [one.name for one in region.jurisdictions]
    stages = ("intake.json", "skill.csv", "scores.parquet", "explanation.parquet", "reasons.parquet")
    ends = ("decision.json", "grid.gpkg", "grid.xlsx", "grid.geojson", "report.html", "front.html", "model/bundle.json")
    for name in names:
        assert {f"{name}/weekly/RUN/{file}" for file in (*stages, *ends)} <= local.files.keys()
    assert "simulated_west/weekly/RUN/borders.csv" in local.files
    differ = different_files(local, dask)
    assert {f"{name}/weekly/RUN/decision.json" for name in names} <= {*differ}  # the seals differ
    (tmp_path / "dask").rename(tmp_path / "outputs")
    again = ilp.run_region("demo", settings=WEEK, compute=ilp.LocalProcesses(2))
    assert {one.result.state for one in again.jurisdictions} == {RunState.REUSED}  # also where the first was on Dask
    for table, inside in ((again.skill(), names), (again.groups(), names[:3])):  # Toronto has no groups of residents
        assert {*inside} <= {*table["name"]}
        assert not table.query("level == 'region'")["missing"].str.contains(names[0]).all()
