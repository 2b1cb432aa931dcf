import pandas as pd
import pytest

from ilp_models.pipeline.plan_briefings import equity, harm_sections, plan_by_district
from tests.pipeline.small_plan import small_plan


def test_a_district_has_its_share_of_effort_and_need():
    table = plan_by_district(small_plan()).set_index("district")
    assert table["month"].tolist() == ["2022-01", "2022-01"]
    assert table["periods"].tolist() == [2, 2]
    assert table["effort"].to_dict() == {"East": 0.5, "West": 2.0}
    assert table["expected"].to_dict() == {"East": 6.0, "West": 8.0}
    assert table["share_of_effort"].to_dict() == {"East": 0.2, "West": 0.8}
    assert table.loc["West", "effort_over_expected"] == pytest.approx(0.8 / (8 / 14))
    assert table["coverage"].to_dict() == {"East": 0.25, "West": 0.75}


def test_what_was_not_measured_is_said_or_left_out(tmp_path):
    assert harm_sections(small_plan()) == []
    (section,) = equity(small_plan(), tmp_path)
    assert section.paragraphs == (
        "No group was audited. Exposure and coverage are not known.",
        "Decided by A. Planner: enough",
    )
    assert not list(tmp_path.iterdir())


def test_harm_names_the_aim_and_what_is_left_out():
    facts = {"title": "A set", "date": "2024", "unit": "days", "left_out": "drugs"}
    harm = pd.DataFrame([{"harm_set": "one", "share": share, **facts} for share in (0.25, 0.5)])
    (section,) = harm_sections(small_plan(harm=harm))
    assert "The plan maximises: expected count covered." in section.paragraphs[0]
    assert section.paragraphs[1] == "Left out, because records depend on police activity: drugs."
