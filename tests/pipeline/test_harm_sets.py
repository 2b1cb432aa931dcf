import re

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir

import ilp_models as ilp
from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import build_parts, resolve

SETS = ("csi_2009", "ons_css")
DATA = find_configs() / "data"
TORONTO_2019 = {"Assault": 17237, "Auto Theft": 4682, "Break and Enter": 8282, "Robbery": 2595, "Theft Over": 1268}


def configured(*words):
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        cfg = compose(config_name="backtest", overrides=list(words))
    return build_parts({"scoring": resolve(cfg)["scoring"]})["scoring"].harm_sets


def crime_types(name):
    types = yaml.safe_load((DATA / f"{name}.yaml").read_text())["crime_types"]
    return [one for one in dict.fromkeys(types if name == "simulated" else types.values()) if one is not None]


def shares(name, reading):
    found = ilp.load_harm_set(name).for_types(list(TORONTO_2019))
    harm = getattr(found, reading) * np.array(list(TORONTO_2019.values()))
    return dict(zip(TORONTO_2019, harm / harm.sum(), strict=True))


def test_python_and_the_command_line_have_the_same_sets():
    sets = configured(f"harm=[{','.join(SETS)}]")
    assert list(sets) == list(SETS)
    assert [ilp.load_harm_set(name) for name in SETS] == list(sets.values())
    assert list(configured()) == []


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(ilp.InputError, match=r"no harm set 'cchi'\. Choose one of csi_2009, ons_css, or HarmSet"):
        ilp.load_harm_set("cchi")
    with pytest.raises(ilp.InputError, match="no harm set 'own'"):
        ilp.load_harm_set("own")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("data", ["toronto", "simulated", "chicago", "police_uk", "nyc"])
def test_a_set_maps_every_type_of_the_shipped_sources_and_states_its_doubt(name, data):
    types = crime_types(data)
    assert types
    found = ilp.load_harm_set(name).for_types(types)
    assert (found.crime_types, found.left_out) == (tuple(types), {})
    assert all(doubt.endswith(".") for doubt in found.doubts)
    assert (found.low > 0).all()


@pytest.mark.parametrize("name", SETS)
def test_a_set_says_that_its_numbers_were_not_compared_with_the_original(name):
    assert "quoted second-hand, not compared with the original" in ilp.load_harm_set(name).source


def test_weights_are_those_quoted():
    csi = ilp.load_harm_set("csi_2009").weights
    quoted = [7042, 583, 405, 187, 139, 84, 77, 37, 30, 23]  # golden numbers, section 12
    assert sorted(csi.values(), reverse=True) == quoted
    ons = ilp.load_harm_set("ons_css").weights
    assert (round(ons["homicide"]), ons["robbery"], ons["burglary in a dwelling"]) == (7979, 746, 438)
    assert (ons["violence and sexual offences"], ons["vehicle crime"]) == ([9.3, 7979], [7, 722])


def test_break_and_enter_comes_first_in_toronto_under_both_readings_of_csi():
    low, high = shares("csi_2009", "low"), shares("csi_2009", "high")
    for one in (low, high):
        assert sorted(one, key=one.get, reverse=True)[:3] == ["Break and Enter", "Robbery", "Assault"]
    assert (round(low["Assault"], 4), round(high["Assault"], 4)) == (0.0984, 0.2677)


def test_assault_can_come_first_or_near_last_in_toronto_under_ons():
    # by hand: low 17,237 x 9.3 = 160,304 of 3,139,780; high 17,237 x 7,979 = 137,534,023 of 146,519,313
    low, high = shares("ons_css", "low"), shares("ons_css", "high")
    assert low["Assault"] == pytest.approx(160_304.1 / 3_139_706.1, rel=1e-3)
    assert high["Assault"] == pytest.approx(137_534_023 / 146_519_057, rel=1e-3)
    assert max(low, key=low.get) == "Robbery"
    assert max(high, key=high.get) == "Assault"


def test_an_own_set_stands_beside_a_named_one(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("crime_type,weight\nassault,10\n")
    about = {"title": "Panel", "unit": "points", "source": "a panel of residents", "date": "'2026'"}
    words = [f"harm.own.{key}={value}" for key, value in {"path": path, **about}.items()]
    named, own = configured("harm=[csi_2009,own]", *words).values()
    assert own.for_types(["assault"]).weight.tolist() == [10.0]
    assert named.name == "csi_2009"


def test_a_user_can_map_a_type_of_their_own():
    word = "++harm.csi_2009.mapping.Arson={categories: [mischief], doubt: 'Arson has no weight here.'}"
    found = configured("harm=[csi_2009,ons_css]", word)["csi_2009"].for_types(["Arson"])
    assert (found.weight.tolist(), found.doubts) == ([30.0], ("Arson has no weight here.",))


def test_no_value_of_the_cambridge_index_is_shipped():
    text = "".join(path.read_text() for path in (find_configs() / "harm").glob("*.yaml"))
    assert not re.search(r"cambridge|\b(5475|2555|273\.5|183\.5|273\.75)\b", text, re.IGNORECASE)
