import json

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.aggregate import WHOLE_CITY
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.threat_inputs import (
    area_names,
    read_control_strategy,
    read_indicators,
    read_judgements,
    read_previous,
    read_residents,
)
from ilp_models.strategy.threats.judgements import JudgementScheme
from tests.builders import events_at
from tests.strategy.threat_assessments import assessed
from tests.strategy.threat_inputs import THREATS

INDICATORS = "crime_type,indicator,value,unit,source,date\n"


def write(folder, text):
    (folder / "a.csv").write_text(text)
    return str(folder / "a.csv")


def test_nothing_given_leaves_everything_unknown():
    assert read_judgements(None, JudgementScheme(), THREATS).known == 0
    assert read_control_strategy(None, THREATS) is None
    assert read_indicators(None, THREATS).empty
    assert read_residents(None, ["West"]) == {}


def test_residents_of_areas_add_up_to_the_city(tmp_path):
    path = write(tmp_path, "area,residents\nWest,1000\nEast,2500\n")
    assert read_residents(path, ["West", "East"]) == {"West": 1000, "East": 2500, WHOLE_CITY: 3500}
    path = write(tmp_path, "area;residents\n;4000,5\n")
    assert read_residents(path, ["West"]) == {WHOLE_CITY: 4000.5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("area,people\nWest,1\n", "Give area and residents"),
        ("area,residents\nWest,0\n", "row 2: residents '0' must be a number above 0"),
        ("area,residents\nWest,many\n", "row 2: residents 'many'"),
        ("area,residents\nWest,1\nWest,2\n", "row 3: the area 'West' stands twice"),
        ("area,residents\nWest,1\n", "has no residents of 1 of 2 areas, such as 'East'"),
    ],
)
def test_wrong_residents_are_named_with_their_row(text, words, tmp_path):
    with pytest.raises(InputError, match=words):
        read_residents(write(tmp_path, text), ["West", "East"])


def test_indicators_are_numbers_of_known_types(tmp_path):
    table = read_indicators(write(tmp_path, f"{INDICATORS}Assault,clearance,0.4,share,records,2020\n"), THREATS)
    assert table["value"].tolist() == [0.4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("crime_type,value\nAssault,1\n", "Give exactly crime_type, indicator, value, unit, source, date"),
        (f"{INDICATORS}Arson,clearance,0.4,share,x,2020\n", "row 2: 'Arson' is not a crime type"),
        (f"{INDICATORS}Assault,clearance,high,share,x,2020\n", "row 2: value 'high' is not a number"),
        (f"{INDICATORS}Assault,clearance,1,share,anna@mail.org,2020\n", "row 2 holds what looks like"),
    ],
)
def test_wrong_indicators_are_named_with_their_row(text, words, tmp_path):
    with pytest.raises(InputError, match=words):
        read_indicators(write(tmp_path, text), THREATS)


def test_rows_may_be_of_an_area_and_the_city_may_have_an_indicator_for_each_date(tmp_path):
    rows = "Assault,clearance,0.4,share,records,2020"
    text = f"{INDICATORS[:-1]},area\n{rows},\n{rows},\n{rows},'=West\n{rows},East\n"
    table = read_indicators(write(tmp_path, text), THREATS, ["=West", "East"])
    assert table["area"].tolist() == ["", "", "=West", "East"]
    assert read_indicators(write(tmp_path, f"{INDICATORS}{rows}\n"), THREATS)["area"].tolist() == [""]


@pytest.mark.parametrize(
    ("given", "areas", "words"),
    [
        (
            ["South"],
            ["East", "West"],
            "row 2: 'South' is not an area of the records. Use one of the 2 areas, such as 'East'",
        ),
        (["", "Jane Example"], ["East"], "row 3: area holds what looks like names of persons"),
        (["East"], [], r"row 2: area 'East' cannot be used, because no areas .* long_horizons.area_months=12"),
        (["East", "East"], ["East"], "row 3: .*Assault.* in East (is scored|stands) twice. Keep one row"),
    ],
)
def test_areas_that_cannot_be_used_are_refused_in_both_tables(given, areas, words, tmp_path):
    rows = "".join(f"Assault,clearance,1,share,records,2020,{area}\n" for area in given)
    with pytest.raises(InputError, match=words):
        read_indicators(write(tmp_path, f"{INDICATORS[:-1]},area\n{rows}"), THREATS, areas)
    rows = "".join(f"Assault,capability,3,B,high,{area}\n" for area in given)
    text = f"threat,dimension,score,evidence_grade,confidence,area\n{rows}"
    with pytest.raises(InputError, match=words):
        read_judgements(write(tmp_path, text), JudgementScheme(), THREATS, areas)


def test_areas_of_the_records_are_used_also_if_they_look_like_names(tmp_path):
    text = "threat,dimension,score,evidence_grade,confidence,area\nAssault,capability,3,B,high,Mary Hill\n"
    assert read_judgements(write(tmp_path, text), JudgementScheme(), THREATS, ["Mary Hill"]).areas[
        "score"
    ].tolist() == [3]


def test_a_control_strategy_without_persons_is_read(tmp_path):
    head = "threat,pillar,objective,lead_unit,resources,due,measure_of_success\n"
    found = read_control_strategy(write(tmp_path, f"{head}Assault,prevention,light the car parks,,,,\n"), THREATS)
    assert found.open_fields == found.fields - 1
    with pytest.raises(InputError, match="row 2: lead_unit holds what looks like phone numbers"):
        read_control_strategy(write(tmp_path, f"{head}Assault,prevention,,call 416-555-0199,,,\n"), THREATS)


def test_an_earlier_assessment_is_read_from_its_folder(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        read_previous(str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"has no assessment\.json"):
        read_previous(str(tmp_path))
    (tmp_path / "assessment.json").write_text(json.dumps(assessed().to_dict()))
    assert read_previous(str(tmp_path)).city == "Here"


def test_areas_are_those_of_the_records():
    assert area_names(events_at([0.0], [0.0]), {}) == []
    events = events_at([0.0, 1.0, 2.0], np.zeros(3), area=pd.Series(["West", "East", "West"]))
    assert area_names(events, {}) == ["East", "West"]
    assert area_names(events, {"All": ["East", "West"]}) == ["All"]
