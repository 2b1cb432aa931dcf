from pathlib import Path

import pytest

from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_parts.description_part import description_part
from ilp_models.pipeline.run_record import RunRecord


def part(**content):
    return description_part(RunRecord(Path("run"), "description.json", content))


def test_the_span_comes_first():
    found = part(records=["2015-01-01", "2022-01-01"], parts=[])
    assert found.section.title == "What was recorded"
    assert found.section.sentences == (f"Records from 2015-01-01 to 2022-01-01 (not included). {NOT_A_FORECAST}",)


def test_a_damaged_record_is_refused():
    with pytest.raises(InputError, match="is damaged, or of another version"):
        part(records=["2015-01-01"])
