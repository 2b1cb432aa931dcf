"""An exported crate: valid by an independent validator without a network, complete, and marked."""

import hashlib
import json
import socket
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from ilp_models.export.rocrate import METADATA, write_crate
from ilp_models.export.run_facts import RunFacts
from ilp_models.export.writers import Export, graded_file_names
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    folder, run = tmp_path_factory.mktemp("crate"), tmp_path_factory.mktemp("run")
    (run / "config.yaml").write_text("seed: 0\n")
    (run / "skill.csv").write_text("skill\n0.1\n")
    grid = square_grid()
    forecast = forecast_on(grid)

    def describe(marking, into):
        facts = RunFacts(
            marking,
            task="weekly",
            command="ilp weekly seed=0",
            intake={"source": "Police of Here", "files": ["someone/records.csv"]},
            files={"settings.yaml": run / "config.yaml", "skill.csv": run / "skill.csv"},
            statements={"organisation": "City of Here"},
        )
        write_crate(facts, into, NOW)

    names = graded_file_names("research")
    decision = decision_on(forecast, groups=())
    Export(("csv", "parquet")).write(
        forecast, grid, provenance_of(forecast), decision, folder, names, describe=describe
    )
    return folder


@pytest.fixture
def graph(crate):
    return {one["@id"]: one for one in json.loads((crate / METADATA).read_text())["@graph"]}


def test_every_file_is_described_with_its_digest_and_its_mark(crate, graph):
    files = {path.name for path in crate.iterdir()} - {METADATA}
    assert files == {
        *("forecast-research-only.parquet", "grid-research-only.csv", "grid-research-only.csv.json"),
        *("settings.yaml", "skill.csv"),
    }
    assert {one["@id"] for one in graph["./"]["hasPart"]} == files
    for name in files:
        entity = graph[name]
        assert entity["sha256"] == hashlib.sha256((crate / name).read_bytes()).hexdigest()
        assert entity["contentSize"] == str((crate / name).stat().st_size)
        if "research-only" in name:
            assert entity["conditionsOfAccess"] == "research only - not for resource allocation"
    assert graph["./"]["conditionsOfAccess"] == "research only - not for resource allocation"


def test_the_run_names_command_program_records_and_people_and_no_folder_of_a_machine(crate, graph):
    run = graph["#run"]
    assert run["description"] == "ilp weekly seed=0"
    assert run["object"] == [{"@id": "#records"}, {"@id": "settings.yaml"}]
    assert {"@id": "skill.csv"} in run["result"]
    assert graph["#records"]["sha256"] == "d" * 64
    assert graph["#program"]["softwareVersion"] == "0.1.0 at 1a2b3c4"
    assert graph[graph["./"]["author"]["@id"]]["name"] == "City of Here"
    assert "someone" not in (crate / METADATA).read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the validator
def test_an_independent_validator_accepts_the_crate_and_finds_a_broken_one(crate, tmp_path, monkeypatch):
    pytest.importorskip("rocrate_validator", reason="roc-validator is not installed")
    requests = pytest.importorskip("requests")
    from rocrate_validator import models, services

    context = Path(find_spec("rocrate").origin).parent / "data" / "ro-crate.jsonld"

    def answer(_, request, **__):
        """Answer each request with the context that the package `rocrate` ships."""
        assert request.url.startswith("https://w3id.org/ro/crate/")
        found = requests.Response()
        found.status_code, found.url, found.request, found.encoding = 200, request.url, request, "utf-8"
        found._content, found.headers["Content-Type"] = context.read_bytes(), "application/ld+json"
        return found

    def refuse(*_):
        raise OSError("no network in a test")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
    monkeypatch.setattr(socket.socket, "connect", refuse)

    def issues(folder):
        settings = services.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="process-run-crate",
            requirement_severity=models.Severity.REQUIRED,
            no_cache=True,
        )
        return [issue.message for issue in services.validate(settings).get_issues()]

    assert issues(crate) == []
    broken = json.loads((crate / METADATA).read_text())
    broken["@graph"] = [
        {key: part for key, part in one.items() if key not in ("license", "instrument")} for one in broken["@graph"]
    ]
    for path in crate.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / METADATA).write_text(json.dumps(broken))
    assert len(issues(tmp_path)) >= 2
