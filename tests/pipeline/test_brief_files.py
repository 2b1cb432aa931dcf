import json
import stat

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_files import write_brief
from tests.domain.brief_example import example_brief


@pytest.mark.parametrize(("restricted", "mode"), [(False, 0o644), (True, 0o600)])
def test_one_length_has_its_two_files_and_the_checklist(restricted, mode, tmp_path):
    brief = example_brief(2, restricted=restricted)
    files = {path.name: path for path in write_brief(brief, tmp_path, length="policy")}
    assert list(files) == ["policy.html", "policy.docx", "readiness.html", "readiness.csv", "brief.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {mode}
    assert json.loads(files["brief.json"].read_text(encoding="utf-8")) == json.loads(json.dumps(brief.to_dict()))
    assert len(pd.read_csv(files["readiness.csv"])) == len(brief.readiness.to_fill())


def test_an_unknown_length_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="length"):
        write_brief(example_brief(1), tmp_path / "new", length="novel")
    assert not (tmp_path / "new").exists()
