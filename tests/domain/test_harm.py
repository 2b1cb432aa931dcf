import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import HarmFile, HarmSet, set_of_name, sets_side_by_side
from tests.builders import harm_sets

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "harm_weights"
ABOUT = {"title": "Days in prison", "date": "2020", "unit": "days", "source": "an example"}
NAN = float("nan")


def days(weights=None, mapping=None, **changes):
    weights = {"common": 10, "grave": 1000, "burglary": [100, 400]} if weights is None else weights
    own = {"Assault": {"categories": ["common", "grave"], "doubt": "Levels are not known."}}
    own["Burglary"] = {"categories": ["burglary"]}
    given = {"name": "days", **ABOUT, "weights": weights, "mapping": own if mapping is None else mapping}
    return HarmSet(**given | changes)


def written(folder, text, name="own.csv"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_readings_are_the_lowest_and_highest_weight_and_their_geometric_mean():
    found = days().for_types(["Burglary", "Assault"])
    assert found.crime_types == ("Burglary", "Assault")
    assert found.low.tolist() == [100.0, 10.0]
    assert found.high.tolist() == [400.0, 1000.0]
    assert found.weight.tolist() == pytest.approx([200.0, 100.0])
    assert found.doubts == ("", "Levels are not known.")
    assert list(found.readings) == ["low", "high"]
    assert found.aligned(("Assault", "Burglary"), "high").tolist() == [1000.0, 400.0]


def test_equal_readings_are_one():
    found = days(mapping={"Assault": {"categories": ["common"]}}).for_types(["Assault"])
    assert {name: values.tolist() for name, values in found.readings.items()} == {"weight": [10.0]}


def test_types_found_by_police_activity_are_left_out_and_named():
    found = days().for_types(["Drug offences", "Assault", "Weapons violation"])
    assert found.left_out == {"Drug offences": "drug", "Weapons violation": "weapon_possession"}
    assert found.crime_types == ("Assault",)
    assert found.aligned(("Drug offences", "Assault")).tolist() == [0.0, pytest.approx(100.0)]


def test_plain_values_hold_all_that_the_weights_say():
    found = days().for_types(["Assault", "Drugs", "Burglary"])
    again = type(found).from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert again.by_type() == found.by_type()


ROWS = st.tuples(st.floats(0.01, 1e4), st.floats(1, 50), st.integers(1, 900))


@given(st.lists(ROWS, min_size=2, max_size=6), st.floats(1e-3, 1e3))
@settings(max_examples=60)
def test_shares_of_harm_do_not_depend_on_the_unit(rows, scale):
    def shares(factor):
        weights = {f"t{at}": (factor * low, factor * low * times) for at, (low, times, _) in enumerate(rows)}
        found = days(weights, {name: {"categories": [name]} for name in weights}).for_types(list(weights))
        counts = np.array([count for *_, count in rows], dtype=float)
        return [np.array(end) * counts / (np.array(end) @ counts) for end in (found.low, found.weight, found.high)]

    np.testing.assert_allclose(shares(1.0), shares(scale), rtol=1e-9)


@given(st.floats(0.01, 1e4), st.floats(1, 1e4))
def test_the_weight_lies_between_its_readings_on_the_log_scale(low, times):
    found = days({"a": (low, low * times)}, {"A": {"categories": ["a"]}}).for_types(["A"])
    assert found.weight[0] / found.low[0] == pytest.approx(found.high[0] / found.weight[0])


def test_the_digest_is_that_of_the_content(tmp_path):
    assert days().digest() == days().digest() != days(title="Other").digest()
    assert days({"common": 10, "grave": 1000.5, "burglary": [100, 400]}).digest() != days().digest()
    path = written(tmp_path, "crime_type,weight\nAssault,7\n")
    first = HarmFile(path, **ABOUT).digest()
    written(tmp_path, "crime_type,weight\nAssault,8\n")
    assert HarmFile(path, **ABOUT).digest() != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {}}, r"harm\.days\.weights is empty"),
        ({"weights": {"common": -1}, "mapping": {}}, r"harm\.days\.weights\.common=-1 must be a finite number >= 0"),
        ({"weights": {"common": NAN}, "mapping": {}}, r"weights\.common=nan must be a finite number"),
        ({"weights": {"common": None}, "mapping": {}}, r"weights\.common=None must be a finite number"),
        ({"weights": {"common": "10"}, "mapping": {}}, r"weights\.common=10 must be a finite number"),
        ({"weights": {"common": True}, "mapping": {}}, r"weights\.common=True must be"),
        ({"weights": {"common": [9, 1]}, "mapping": {}}, r"weights\.common=\[9, 1\] must be .* a range \[low, high\]"),
        ({"weights": {"common": [1, 2, 3]}, "mapping": {}}, r"or a range \[low, high\] of two"),
        ({"weights": {"common": [1, NAN]}, "mapping": {}}, r"weights\.common=\[1, nan\] must be"),
        ({"weights": {"common": [0, 5]}, "mapping": {"A": {"categories": ["common"]}}}, r"A reads from 0 to 5"),
        ({"mapping": {"A": {"categories": ["theft"]}}}, r"mapping\.A names the category 'theft'; the set has common"),
        ({"mapping": {"A": {"categories": []}}}, r"mapping\.A=.* must have categories"),
        ({"mapping": {"A": {"categories": "common"}}}, r"must have categories, a list"),
        ({"mapping": {"A": {"categories": ["common"], "doubts": "x"}}}, r"must have categories"),
        ({"mapping": {"A": None}}, r"must have categories"),
        ({"name": "Days"}, r"the name 'Days' of a harm set must be lower case"),
        ({"name": "days_low"}, r"must not end in weight, low, high"),
        ({"title": " "}, r"harm\.days\.title is empty"),
        ({"source": None}, r"harm\.days\.source is empty"),
    ],
)
def test_invalid_sets_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        days(**changes)


def test_a_type_without_a_mapping_is_named_with_the_set_and_the_fix():
    with pytest.raises(InputError, match=r"days has no weight for Arson; Robbery\. Map .* harm\.days\.mapping"):
        days().for_types(["Arson", "Assault", "Robbery"])


@pytest.mark.parametrize("kind", ["Assaults and threats", 'Acts, "so-called": [x]'])
def test_the_lines_that_the_error_shows_map_a_type(kind):
    with pytest.raises(InputError, match="no weight") as caught:
        days().for_types([kind])
    line = str(caught.value).split("for example: ")[1].split(". Or leave")[0].replace("CATEGORY", "common")
    mapping = yaml.safe_load(line)["harm"]["days"]["mapping"]
    found = replace(days(), mapping={**days().mapping, **mapping}).for_types([kind])
    assert found.low.tolist() == [10.0]
    assert found.doubts == ("WHY",)


def test_a_set_must_give_some_harm():
    none = days({"common": 0}, {"Assault": {"categories": ["common"]}})
    with pytest.raises(InputError, match="gives no harm to Assault"):
        none.for_types(["Assault"])
    with pytest.raises(InputError, match="gives no harm to Drugs"):
        days().for_types(["Drugs"])


def test_one_set_alone_is_refused_with_the_reason():
    with pytest.raises(InputError, match=r"harm=\[days\] is one harm set\. The order .* depends on the set"):
        sets_side_by_side([days()])
    assert sets_side_by_side(()) == sets_side_by_side(None) == sets_side_by_side({}) == ()
    two = harm_sets({"Assault": 1.0}, {"Assault": 2.0})
    assert sets_side_by_side(two) == sets_side_by_side({one.name: one for one in two})


def test_two_sets_of_one_name_and_weights_by_type_are_refused():
    with pytest.raises(InputError, match="the same name: days, days"):
        sets_side_by_side([days(), days()])
    with pytest.raises(InputError, match=r"10 is not a harm set\. Choose sets by name"):
        sets_side_by_side({"Assault": 10, "Theft": 1})


def test_a_name_that_no_set_has_is_refused():
    sets = harm_sets({"Assault": 1.0}, {"Assault": 2.0})
    assert set_of_name(sets, None, "audit.harm") is None
    assert set_of_name(sets, "second", "audit.harm") is sets[1]
    with pytest.raises(InputError, match=r"audit\.harm=third must be .* chosen harm sets \(first, second\)"):
        set_of_name(sets, "third", "audit.harm")
    with pytest.raises(InputError, match=r"audit\.harm=\{'Assault': 3\} must be the name"):
        set_of_name(sets, {"Assault": 3}, "audit.harm")


@pytest.mark.parametrize(
    "text",
    [
        "crime_type,low,high,doubt\nAssault,2.5,40,Levels are not known.\nTheft,3,3,\n",
        "crime_type;low;high;doubt\nAssault;2,5;40;Levels are not known.\nTheft;3;3;\n",
        "doubt,high,crime_type,low\nLevels are not known.,40,Assault,2.5\n,3,Theft,3\n",
    ],
)
def test_a_file_of_the_user_is_a_set(tmp_path, text):
    found = HarmSet.from_csv(written(tmp_path, text), **ABOUT).for_types(["Theft", "Assault"])
    assert (found.low.tolist(), found.high.tolist()) == ([3.0, 2.5], [3.0, 40.0])
    assert found.doubts == ("", "Levels are not known.")
    assert (found.name, found.title, found.date, found.unit, found.source) == ("own", *ABOUT.values())


def test_a_sheet_of_the_user_is_a_set(tmp_path):
    path = tmp_path / "own.xlsx"
    table = pd.DataFrame({"crime_type": ["Assault", "Theft"], "weight": [40.5, 3]})
    table.to_excel(path, index=False, engine="xlsxwriter")
    found = HarmSet.from_csv(str(path), name="mine", **ABOUT).for_types(["Assault", "Theft"])
    assert list(found.readings) == ["weight"]
    assert found.low.tolist() == [40.5, 3.0]
    assert found.name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type,weight\nAssault,1\n", r"own\.csv has the columns type, weight\. It needs crime_type and either weight"),
        ("crime_type,low\nAssault,1\n", r"has the columns crime_type, low"),
        ("crime_type,weight,low,high\nAssault,1,1,1\n", r"either weight, or low and high"),
        ("crime_type,weight\nAssault,1\nTheft,2\nAssault,3\n", r"lists the crime type 'Assault' twice"),
        ("crime_type,weight\n,1\n", r"has a row without a crime type"),
        ("crime_type,weight\nAssault,\n", r"'Assault' has weight=''\. Give numbers >= 0"),
        ("crime_type,weight\nAssault,nan\n", r"'Assault' has weight='nan'"),
        ("crime_type,weight\nAssault,many\n", r"'Assault' has weight='many'"),
        ("crime_type,weight\nAssault,-1\n", r"'Assault' has weight='-1'"),
        ("crime_type,weight\nAssault,inf\n", r"'Assault' has weight='inf'"),
        ("crime_type,low,high\nAssault,5,4\n", r"'Assault' has low='5', high='4'.* low at most high"),
        ("crime_type,low,high\nAssault,0,4\n", r"Assault reads from 0 to 4"),
        ("crime_type,weight\n", r"harm\.own\.weights is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        HarmSet.from_csv(written(tmp_path, text), **ABOUT)


def test_a_file_is_read_late_and_its_path_is_checked_early(tmp_path):
    with pytest.raises(InputError, match=r"harm\.own\.path=.*gone\.csv: there is no such file"):
        HarmFile(str(tmp_path / "gone.csv"), **ABOUT)
    later = HarmFile(written(tmp_path, "crime_type,weight\n"), **ABOUT)
    Path(later.path).write_text("crime_type,weight\nAssault,7\n")
    assert later.for_types(["Assault"]).weight.tolist() == [7.0]


def test_arithmetic_of_the_example_of_toronto_in_2019():
    """Harm is the sum of weight x count; the example holds own arithmetic under two sets and two readings."""
    if not DATA.exists():
        pytest.skip("the shared data are not in this checkout")
    example = pd.read_csv(DATA / "example_toronto_2019_own.csv")
    assert len(example) == 20
    for name in ("csi-2009", "cchi-2026"):
        low, high = (example[example["set"] == f"{name} {end}"].set_index("type") for end in ("low", "high"))
        types = list(low.index)
        weights = {kind: (low["weight"][kind], high["weight"][kind]) for kind in types}
        found = days(weights, {kind: {"categories": [kind]} for kind in types}).for_types(types)
        for rows, reading in ((low, found.low), (high, found.high)):
            harm = reading * rows["count_2019"].to_numpy()
            np.testing.assert_allclose(harm, rows["harm"])
            np.testing.assert_allclose(harm / harm.sum(), rows["share"], atol=5e-5)
            assert (pd.Series(-harm).rank().to_numpy() == rows["rank"].to_numpy()).all()
