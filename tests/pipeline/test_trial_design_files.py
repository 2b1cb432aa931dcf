import json

import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.audit.register.declarations import declarations_for
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.trial_design import TrialDesign
from tests.pipeline.trial_city import (
    GRID,
    design,
)


def test_files_and_the_line_of_the_register(designed, tmp_path):
    register = tmp_path / "register.jsonl"
    path = ilp.write_trial_design(designed, tmp_path / "trial", register=register)
    stored = TrialDesign.from_json(path.read_bytes())
    assert stored.digest() == designed.design.digest()
    (line,) = ilp.Register(register).verify().lines
    assert (line.act, line.decision) == ("declared", stored.digest())
    assert line.content["trial"]["assignment"] == dict(zip(stored.units, stored.assignment, strict=True))
    assert line.content["trial"]["seed"] == 0
    # it is no declaration of the settings of an audit of the same area
    assert declarations_for([line], {"extent": GRID.extent()}, "2099-01-05T00:00:00+00:00") == ()
    rows = pd.read_csv(path.with_name("assignment.csv"))
    assert list(rows.columns) == ["unit", "cell", "period", "treated"]
    assert len(rows) == 18 * 20
    assert rows.groupby("period")["treated"].sum().unique().tolist() == [9]
    shapes = json.loads(path.with_name("units.geojson").read_text())["features"]
    assert {one["properties"]["cell"] for one in shapes} == set(stored.units)
    page = path.with_name("design.html").read_text()
    assert stored.digest() in page
    assert "No gate has checked it" in page
    assert 'alt="Map of the units: 9 cells treated, 9 cells control.' in page
    assert "The least power of this trial was set to 0" in page
    assert "Not measured: no group table" in page
    assert "OBSERVATIONAL" not in page
    with pytest.raises(InputError, match=r"is in .* already"):
        ilp.write_trial_design(designed, tmp_path / "again", register=register)
    assert list((tmp_path / "again").iterdir()) == []
    ilp.write_trial_design(design(seed=1), tmp_path / "second", register=register)
    assert f"<dd>1: {line.moment:%Y-%m-%d}</dd>" in (tmp_path / "second" / "design.html").read_text()


def test_an_edited_register_leaves_no_file(designed, tmp_path):
    register = tmp_path / "register.jsonl"
    register.write_text('{"act": "declared"}\n')
    with pytest.raises(StorageError, match="line 1"):
        ilp.write_trial_design(designed, tmp_path / "trial", register=register)
    assert list((tmp_path / "trial").iterdir()) == []
