import json
import stat

import pandas as pd
import pytest

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline.group_assessment import assess_groups, write_group_assessment
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import SMALL, matrix_of


@pytest.fixture(scope="module")
def assessment():
    return assess_groups(matrix_of(SMALL, [[[2, 2]] * 2, [[2, None]] * 2]), ranking=RankDraws(1000))


def test_every_file_is_for_its_owner_and_says_until_when_it_may_be_used(assessment, tmp_path):
    files = {path.name: path for path in write_group_assessment(assessment, tmp_path)}
    assert set(files) == {
        *("groups.html", "groups.csv", "pairs.csv", "requirements.csv", "disagreement.csv", "groups.json"),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    until = assessment.matrix.authorisation.until
    table = pd.read_csv(files["groups.csv"], encoding="utf-8-sig")
    assert set(table["not_to_be_used_from"]) == {until}
    assert table["caveat"].tolist()[0] == GROUP_CAVEAT
    record = json.loads(files["groups.json"].read_text(encoding="utf-8"))
    assert record["not_to_be_used_from"] == until
    assert next(iter(record)) == "caveat"
    assert len(record["groups"]) == 2


def test_nothing_is_written_for_an_unknown_decimal_or_where_nothing_can_be(assessment, tmp_path):
    with pytest.raises(InputError, match="decimal='dot' is unknown"):
        write_group_assessment(assessment, tmp_path / "new", decimal="dot")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="The assessment was not written"):
        write_group_assessment(assessment, tmp_path / "file")
    assert not (tmp_path / "new").exists()
