import json
from types import SimpleNamespace

import pytest
import yaml

from ilp_models.domain.errors import InputError
from ilp_models.export.marking import mark
from ilp_models.pipeline.export_documents import run_facts
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

FORECAST = forecast_on(square_grid())
MARKING = mark(FORECAST, provenance_of(FORECAST), None, "research")


def write(folder, task="weekly", words=("a=1", "b=two words")):
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"job": {"name": task}}}))
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(words)))
    (folder / "intake.json").write_text(json.dumps({"rows_read": 3}))
    for name in ("decision.json", "summary.csv"):
        (folder / name).write_text("{}")


def facts(folder, decision=None):
    return run_facts(SimpleNamespace(folder=folder, forecast=FORECAST), MARKING, decision, {})


def test_command_records_and_files_are_those_of_the_folder(tmp_path):
    write(tmp_path)
    found = facts(tmp_path, decision_on(FORECAST))
    assert (found.task, found.command) == ("weekly", "ilp weekly a=1 'b=two words'")
    assert found.intake == {"rows_read": 3}
    assert set(found.files) == {"decision.json", "summary.csv"}


def test_the_decision_on_another_forecast_stays_out(tmp_path):
    write(tmp_path)
    for decision in (None, decision_on(forecast_on(square_grid(), seed=1))):
        found = facts(tmp_path, decision)
        assert found.decision is None
        assert set(found.files) == {"summary.csv"}


def test_an_empty_folder_has_no_facts_and_a_damaged_one_is_refused(tmp_path):
    found = facts(tmp_path)
    assert (found.task, found.command, found.model, found.intake, found.files) == ("", "", "", {}, {})
    write(tmp_path)
    (tmp_path / ".hydra" / "hydra.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"hydra\.yaml cannot be read"):
        facts(tmp_path)
