import json
from datetime import UTC, datetime

import pytest

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_parts.groups_part import groups_part
from ilp_models.pipeline.group_assessment import assess_groups, write_group_assessment
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import SMALL, matrix_of

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("groups")
    matrix = matrix_of(SMALL, [[[2, 2]] * 2, [[2, None]] * 2])
    write_group_assessment(assess_groups(matrix, ranking=RankDraws(1000)), made)
    return made


def allowed(folder):
    return json.loads((folder / "groups.json").read_text())["authorisation"]["recipients"]


def test_ranks_are_for_named_recipients_and_marked(folder):
    names = allowed(folder)
    part, marks = groups_part(folder, names, NOW)
    assert marks[0] == GROUP_CAVEAT
    assert marks[1].startswith(f"For {', '.join(names)} only. Not to be used from ")
    (table,) = part.section.tables
    assert [row[0] for row in table.rows] == ["G01", "G02"]
    assert table.rows[1][2] == "1 of 2"


def test_recipients_are_needed_and_must_be_allowed(folder):
    with pytest.raises(InputError, match="needs recipients, by name"):
        groups_part(folder, [], NOW)
    with pytest.raises(InputError, match="recipients names 'Someone', whom the authorisation of"):
        groups_part(folder, ["Someone"], NOW)


def test_an_expired_or_changed_authorisation_is_refused(folder, tmp_path):
    with pytest.raises(InputError):
        groups_part(folder, allowed(folder), datetime(2199, 1, 1, tzinfo=UTC))
    record = json.loads((folder / "groups.json").read_text())
    (tmp_path / "groups.json").write_text(json.dumps(record | {"not_to_be_used_from": "2098-01-01"}))
    with pytest.raises(InputError, match="its authorisation ends on another day than the record"):
        groups_part(tmp_path, allowed(folder), NOW)


def test_an_unfinished_or_other_folder_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"has no groups\.json"):
        groups_part(tmp_path, ["x"], NOW)
    (tmp_path / "UNFINISHED").touch()
    with pytest.raises(InputError, match="of a run that has not finished"):
        groups_part(tmp_path, ["x"], NOW)
