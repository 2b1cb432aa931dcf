import pytest

import ilp_models as ilp
from ilp_models.domain.errors import InputError


def test_a_folder_without_runs_names_the_commands(tmp_path):
    with pytest.raises(InputError, match=r"has no finished run to report on.*`ilp assess`"):
        ilp.compile_brief(tmp_path, register=tmp_path / "register.jsonl")


@pytest.mark.parametrize("content", ["[]", "{}", '{"facts": 3}', "nonsense", '{"threats": [{"threat": "A"}]}'])
def test_a_damaged_record_is_refused_by_name(content, tmp_path):
    folder = tmp_path / "assess" / "2026-run"
    folder.mkdir(parents=True)
    (folder / "assessment.json").write_text(content)
    with pytest.raises(InputError, match=r"assessment\.json"):
        ilp.compile_brief(tmp_path, register=tmp_path / "register.jsonl")
