from ilp_models.domain.check_definition import Limit, State
from ilp_models.domain.decision import Obstacle
from ilp_models.domain.finding import Finding
from ilp_models.pipeline.brief_parts.weekly_part import obstacle_text


def test_a_finding_that_names_a_cell_is_told_without_it():
    detail = "At single points: Assault in E619500N4829500: 911 of 911 records."
    finding = Finding("overused_points", State.REVIEW, 19.0, 19.0, 19.0, Limit(warn_above=0), detail=detail)
    one = Obstacle("overused_points", (finding,), total=1)
    assert "E619500N4829500" in one.short_text()
    text = obstacle_text(one, ["E619500N4829500"])
    assert text == "Needs review: 19 (acceptable: at most 0). The weekly report has the places."
    assert obstacle_text(one, ["E1N1"]).startswith("Needs review: 19")
    assert detail in obstacle_text(one, ["E1N1"])
