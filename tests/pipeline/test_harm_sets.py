import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir

import ilp_models as ilp
from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import build_parts, resolve
from ilp_models.domain.errors import WithheldError
from tests.pipeline.small_city import LENIENT, declare, run_task

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


HARM = "harm=[csi_2009,ons_css]"
RANKED = (HARM, "audit.rank_by=harm", "audit.harm=csi_2009")
READINGS = ("csi_2009_low", "csi_2009_high", "ons_css_low", "ons_css_high")


@pytest.fixture(scope="module")
def ranked(tmp_path_factory, shelf):
    """Return a weekly run of the small city that was ranked by harm and admitted."""
    folder = tmp_path_factory.mktemp("ranked")
    words = (*LENIENT, "backtest.horizon=1", *RANKED)
    declare(folder, *words)
    return run_task("weekly", folder, f"store='{shelf}/forecasts'", *words)


def test_a_run_scores_every_set_and_reading_and_shows_their_range(ranked):
    scores = pd.read_csv(ranked.folder / "summary.csv")
    own = scores[(scores["forecaster"] == "ewma") & (scores["crime_type"] == "all")].set_index("score")["value"]
    assert {f"harm_{one}_hit_rate_05" for one in READINGS} <= set(own.index)
    assert not own.index.str.endswith("_total").any()
    page = (ranked.folder / "report.html").read_text()
    low, high = sorted(own[f"harm_ons_css_{end}_hit_rate_05"] for end in ("low", "high"))
    assert f"{low:.1%}"[:-1] in page
    assert f"{low:.1%} to {high:.1%}".replace("%", "\N{NO-BREAK SPACE}%") in page


def test_the_decision_holds_set_and_weights_so_that_the_audit_can_be_repeated(ranked, tmp_path):
    header = ranked.decision["audit"]["header"]
    assert (header["rank_by"], header["harm_set"]) == ("harm", "csi_2009")
    assert header["harm"] == {"assault": pytest.approx((23 * 77) ** 0.5), "burglary": 187.0}
    assert [(one["name"], one["low"], one["high"]) for one in header["harm_sets"]] == [
        ("csi_2009", {"assault": 23.0, "burglary": 187.0}, {"assault": 77.0, "burglary": 187.0}),
        ("ons_css", {"assault": 9.3, "burglary": 117.0}, {"assault": 7979.0, "burglary": 438.0}),
    ]
    line = json.loads((ranked.folder.parents[1] / "register.jsonl").read_text().splitlines()[-1])
    assert (line["content"]["harm_set"], line["content"]["harm"]) == ("csi_2009", header["harm"])
    again = run_task("audit", tmp_path, f"rerun='{ranked.folder}'")
    assert re.search(r"all \d+ findings of decision \w+ are the same", again.text)
    tables = json.loads((again.folder / "report.json").read_text())["tables"]
    units = {row["setting"] for row in tables["sensitivity.ranking_unit"]}
    assert {"count", "harm", *(f"harm_{one}" for one in READINGS)} <= units


def test_an_allocation_shows_events_and_harm_side_by_side(ranked, tmp_path):
    register = ranked.folder.parents[1] / "register.jsonl"
    words = (f"source='{ranked.folder}'", f"register='{register}'", "chosen_by=A", "reason=b", "compute.jobs=1")
    done = run_task("allocate", tmp_path, *words, "audience=management", HARM, "objective.harm=csi_2009")
    content = json.loads((done.folder / "allocation.json").read_text())
    assert content["objective"] == "expected harm covered (harm set csi_2009)"
    shares = {f"{one['harm_set']}_{one['reading']}": one["share"] for one in content["harm"]}
    assert tuple(shares) == READINGS
    assert content["coverage"] not in shares.values()
    page = (done.folder / "management.html").read_text()
    assert "Events and harm covered" in page
    assert "Crime Severity Index weights, Canada (2009)" in page
    text = f"{shares['csi_2009_low']:.1%}".replace("%", "\N{NO-BREAK SPACE}%")
    assert text in page
    assert text in done.text
    without = run_task("allocate", tmp_path, *words, "audience=management")
    assert json.loads((without.folder / "allocation.json").read_text())["harm"] == content["harm"]
    with pytest.raises(WithheldError, match=r"harm set csi_2009 .* not with objective\.harm=ons_css"):
        run_task("allocate", tmp_path, *words, HARM, "objective.harm=ons_css")
    changed = "harm.csi_2009.mapping.assault.categories=[assault level 1]"
    with pytest.raises(WithheldError, match=r"not with objective\.harm=csi_2009 and weights \{'assault': 23"):
        run_task("allocate", tmp_path, *words, HARM, changed, "objective.harm=csi_2009")


def test_a_comparison_shows_the_range_of_every_set(shelf, tmp_path):
    done = run_task("compare", tmp_path, f"store='{shelf}/forecasts'", "model=[moving_average,ewma]", HARM)
    page = (done.folder / "comparison.html").read_text()
    assert "of crimes, and of harm under each harm set" in page
    part = r"<td class=\"n\">[\d.]+\s%( to [\d.]+\s%)?</td>"
    assert len(re.findall(rf"<th scope=\"row\">(?:moving_average|ewma)</th>{part * 3}</tr>", page)) == 2
    plain = run_task("compare", tmp_path, f"store='{shelf}/forecasts'", "model=[moving_average,ewma]")
    assert "harm set" not in (plain.folder / "comparison.html").read_text()


def test_tuning_can_search_by_harm(shelf, tmp_path):
    words = ("model=[moving_average]", "forecaster=moving_average", "tuning=optuna", "tuning.trials=2")
    space = "+tuning.space={window:{low:4,high:60}}"
    score = "tuning.score=harm_ons_css_high_hit_rate_05"
    done = run_task("tune", tmp_path, *words, space, score, "tuning.periods=8", HARM)
    assert "harm_ons_css_high_hit_rate_05" in done.text
