from pathlib import Path

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_parts.totals_part import totals_part
from ilp_models.pipeline.run_record import RunRecord


def row(kind, last, following):
    return {"crime_type": kind, "last_12_months": last, "next_12_months": following} | {
        "low": following * 0.9, "high": following * 1.1, "change": following / last - 1,
    }  # fmt: skip


CONTENT = {
    "next_12_months": [row("theft", 100, 150), row("all", 200, 300)],
    "months": ["2022-01", "2022-12"],
    "method": "SeriesMean",
    "origins": [
        {"crime_type": "all", "leads": "1-12 summed", "level": "city", "period_unit": "month"}
        | {"wape": 0.05, "coverage": 0.9, "origins": 8}
    ],
    "shifts": [{"crime_type": "theft", "start": "2020-04", "source": "found, not declared", "factor": 0.5}],
    "recipe": "abc",
}


def part(assessment=None, **changes):
    return totals_part(RunRecord(Path("run"), "totals.json", CONTENT | changes), assessment)


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_year_of_all_types_is_the_judgement_and_heads_the_table():
    found = part()
    (judgement,) = found.judgements
    assert plain(judgement.text).startswith("300 recorded crimes are expected in the next 12 months")
    (table,) = found.section.tables
    assert [line[:3] for line in table.rows] == [("all types", "200", "300"), ("theft", "100", "150")]
    assert "From 8 past origins, the sum of 12 months missed by 5.0 % on average" in plain(found.section.sentences[0])
    assert plain(found.unknown[0]) == (
        "Why the recorded level of theft changed in 2020-04 (to 50 % of the level before)."
    )


def test_less_than_a_year_gives_no_total():
    found = part(next_12_months=[])
    assert found.judgements == ()
    assert found.section.sentences[0].startswith("The months 2022-01 to 2022-12 are forecast.")


def test_without_past_origins_the_forecast_is_trusted_little():
    found = part(origins=[])
    assert "could not be tested" in found.section.sentences[0]
    assert found.judgements[0].confidence != "high"


def test_an_assessment_of_another_forecast_is_said():
    same, other = (RunRecord(Path("run"), "a.json", {"facts": {"totals": one}}) for one in ("abc", "xyz"))
    assert part(same).section == part().section
    assert "with other settings or records" in part(other).section.sentences[1]


def test_a_damaged_record_is_refused():
    with pytest.raises(InputError, match="is damaged, or of another version"):
        part(shifts=None)
