"""The threat assessment as a whole: from records to files, with judgements, residents and the last assessment."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeFinding, IntakeReport
from ilp_models.model.long_horizons.past_origins import NEXT_YEAR
from ilp_models.pipeline.threat_inputs import read_judgements
from ilp_models.pipeline.threat_scenarios import run_scenarios
from ilp_models.pipeline.threats import compare_with_previous
from ilp_models.strategy.threats.confidence import FEWEST_ORIGINS
from ilp_models.strategy.threats.inputs import ThreatInputs
from ilp_models.strategy.threats.judgements import JudgementScheme
from ilp_models.strategy.threats.scenarios import Scenarios
from tests.model.long_city import city_events

pytestmark = pytest.mark.slow

SETTINGS = ilp.LongHorizons(city_months=12, area_months=12, city_days=0, origins=2, area_origins=0)


def harm_set(name, first, second):
    about = {"title": "Example", "date": "2020", "unit": "days", "source": "an example"}
    mapping = {kind: {"categories": [kind.lower()], "doubt": f"Doubt on {kind}."} for kind in "AB"}
    return ilp.HarmSet(name, **about, weights={"a": first, "b": second}, mapping=mapping)


SETS = (harm_set("one", 10.0, 1.0), harm_set("two", [1.0, 30.0], 10.0))


@pytest.fixture(scope="module")
def totals():
    return ilp.forecast_totals(city_events(), ilp.LinearTrend(), long_horizons=SETTINGS, compute=LocalProcesses(1))


def assess(totals, events=None, sets=SETS, **inputs):
    return ilp.assess_threats(
        events or city_events(), sets, totals=totals, inputs=ThreatInputs(**inputs), ranking=ilp.RankDraws(2000)
    )


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_evidence_is_that_of_the_records_and_of_the_forecast(totals):
    found = assess(totals)
    events = city_events().table
    last = events[events["occurred_at"] >= "2019-01-01"]
    row = found.table.set_index("threat").loc["A"]
    assert row["recorded"] == (last["crime_type"] == "A").sum()
    year = totals.next_year().set_index(["level", "crime_type"])
    assert row["expected"] == year.loc[("city", "A"), "next_12_months"]
    assert np.isnan(row["rate_per_1000"])
    assert row["half_in_areas"] == 1
    areas = found.areas.set_index(["area", "threat"])
    assert (
        areas.loc[("district 1", "A"), "recorded"]
        == ((last["crime_type"] == "A") & (last["area"] == "district 1")).sum()
    )
    assert areas.loc[("district 1", "B"), "harm_two_low"] == pytest.approx(
        10 * areas.loc[("district 1", "B"), "expected"]
    )


def test_areas_have_trends_unless_too_few_crimes_are_recorded():
    rates = np.array([[20.0, 10.0], [8.0, 0.3]])[:, :, None] * np.ones(60)
    rates[0, 0] *= 1.2 ** (np.arange(60) / 12)
    events = city_events(rates=rates)
    made = ilp.forecast_totals(events, ilp.LinearTrend(), long_horizons=SETTINGS, compute=LocalProcesses(1))
    areas = assess(made, events).areas.set_index(["area", "threat"])[["trend", "trend_low", "trend_high"]]
    low, high = areas.loc[("district 1", "A"), ["trend_low", "trend_high"]]
    assert 0 < low < 0.2 < high
    assert areas.loc[("district 2", "B")].isna().all()
    assert areas.drop([("district 2", "B")]).notna().all(axis=None)


def test_areas_have_a_confidence_from_their_own_crimes_and_the_error_of_all_areas(totals):
    assert set(assess(totals).areas["confidence"]) == {"low"}  # not tested
    events, tested = city_events(months=108), replace(SETTINGS, area_origins=8)
    made = ilp.forecast_totals(events, ilp.LinearTrend(), long_horizons=tested, compute=LocalProcesses(1))
    past = made.scores[(made.scores["leads"] == NEXT_YEAR) & (made.scores["level"] == "area")]
    past = past.set_index("crime_type")
    assert set(past["origins"] >= FEWEST_ORIGINS) == {True}
    areas = assess(made, events, (SETS[1], harm_set("three", 1.0, 2.0))).areas.set_index(["area", "threat"])
    for (_, threat), row in areas.iterrows():
        # A is known within a factor of 30
        error, coverage = past.loc[threat, ["wape", "coverage"]]
        falls = sum([error > 0.1, error > 0.25, coverage < 0.75, row["recorded"] < 50, threat == "A"])
        assert row["confidence"] == ("high", "moderate", "low")[min(falls, 2)]
    assert len(set(areas["confidence"])) > 1


def test_confidence_counts_missing_coordinates_of_the_threat_and_not_rows_that_the_settings_exclude(totals):
    events, end = city_events(), pd.Timestamp("2020-01-01")
    lost = pd.DataFrame(
        {"day": [pd.Timestamp("2019-05-01"), end], "crime_type": "B", "area": "", "count": [400, 9_000]}
    )
    left_out = IntakeFinding("crime type excluded by data.crime_types", "left out", 9_000, 0.7)
    missing = IntakeFinding("coordinates are missing", "set aside", 400, 0.03)
    size = len(events.table)
    about = (size + 9_400, size, events.start, end, events.time_zone, events.crs)
    report = IntakeReport("a test", (), *about, findings=(left_out, missing), missing_coordinates=lost)
    found = assess(totals, replace(events, intake=report))
    share = 400 / (400 + (events.table["crime_type"] == "B").sum())
    assert [one.about("records") for one in found.confidences] == [
        (),
        (f"{100 * share:.0f} % of the records have no coordinates",),
    ]


def test_ranks_are_side_by_side_and_ties_are_said(totals):
    ranks = assess(totals).ranks().set_index(["harm_set", "threat"])
    assert ranks.loc[("one", "A"), ["rank_from", "rank_to"]].tolist() == [1, 1]
    assert ranks.loc[("one", "B"), "top_three_word"] == "almost certain"
    # 28 a month at 1 to 30 against 14 at 10: A is above where its weight exceeds 5
    above = ranks.loc[("two", "A"), "above_next"]
    assert above == pytest.approx(np.log(30 / 5) / np.log(30), abs=0.06)
    assert ranks.loc[("two", "A"), "tied_with"] == "B"


def test_files_hold_the_numbers_and_can_be_given_back(totals, tmp_path):
    first = assess(totals)
    files = {path.name: path for path in ilp.write_threat_assessment(first, tmp_path / "first")}
    page = files["assessment.html"].read_text(encoding="utf-8")
    assert "built-in method" not in page
    assert "Doubt on A." in page
    assert "research only - not for resource allocation" in page
    scores = pd.read_csv(files["judgements.csv"], encoding="utf-8-sig", dtype=str, keep_default_na=False)
    scores.loc[scores["threat"] == "B", ["score", "evidence_grade", "confidence"]] = ["5", "A", "high"]
    scores.loc[scores["threat"] == "A", ["score", "evidence_grade", "confidence"]] = ["1", "A", "high"]
    filled = write(tmp_path / "judgements.csv", scores.to_csv(index=False))
    later = assess(
        totals,
        judgements=filled,
        control_strategy=str(files["control_strategy.xlsx"]),
        residents=write(tmp_path / "r.csv", "area,residents\ndistrict 1,1000\ndistrict 2,3000\n"),
        indicators=write(
            tmp_path / "i.csv", "crime_type,indicator,value,unit,source,date\nA,clearance,0.4,share,records,2019\n"
        ),
    )
    assert later.judgements.known == 10
    assert later.strategy.open_fields == later.strategy.fields == 30
    row = later.table.set_index("threat").loc["A"]
    assert row["rate_per_1000"] == pytest.approx(row["recorded"] / 4)
    moved = compare_with_previous(later, str(tmp_path / "first")).set_index(["harm_set", "threat"])
    assert "judgements of capability, community impact" in moved.loc[("one", "B"), "why"]
    again = {
        path.name: path for path in ilp.write_threat_assessment(later, tmp_path / "later", moved=moved.reset_index())
    }
    page = again["assessment.html"].read_text(encoding="utf-8")
    assert "30 of 30 fields are still empty" in page
    assert "clearance: 0.400 share" in page
    assert "Since the last assessment" in page
    assert "from records of 2015-01-01 to 2020-01-01 (not included)" in page
    assert f"the assessment made on {first.facts['made'][:10]}" in page
    assert set(moved["earlier_data"]) == {first.facts["data"]}
    assert json.loads(again["assessment.json"].read_text(encoding="utf-8"))["facts"]["known_judgements"] == 10


def test_gaps_are_weighed_on_the_page_and_in_the_workbook(totals, tmp_path):
    rows = "threat,dimension,score,evidence_grade,confidence\nA,capability,3,B,high\n"
    found = assess(totals, judgements=write(tmp_path / "j.csv", rows))
    files = {path.name: path for path in ilp.write_threat_assessment(found, tmp_path / "run")}
    table = pd.read_csv(files["gaps.csv"], encoding="utf-8-sig")
    assert table.loc[0, ["threat", "kind", "subject", "harm_set"]].tolist() == ["A", "harm", "two", "two"]
    assert (table["kind"] == "judgement").sum() == 9
    assert table["bits"].is_monotonic_decreasing
    assert found.conclusions()[-1].endswith("most is the harm of one crime of A under two.")
    page = files["assessment.html"].read_text(encoding="utf-8")
    assert f"{table.loc[0, 'bits']:.2f} bits" in page
    assert "as if judgements counted" not in page
    sheet = pd.read_excel(files["control_strategy.xlsx"], sheet_name="gaps", engine="calamine")
    assert sheet["question"].tolist() == table["question"].tolist()
    np.testing.assert_allclose(sheet["bits"], table["bits"], atol=1e-4)
    assert json.loads(files["assessment.json"].read_text(encoding="utf-8"))["gaps"][0]["threat"] == "A"


def test_areas_have_ranks_with_ties(totals, tmp_path):
    found = assess(totals)
    files = {path.name: path for path in ilp.write_threat_assessment(found, tmp_path)}
    ranks = found.area_ranks.set_index(["harm_set", "threat", "area"])
    assert ranks.loc[("every set", "A", "district 1"), ["rank_from", "rank_to"]].tolist() == [1, 1]
    assert set(ranks.index.get_level_values("harm_set")) == {"every set", "one", "two"}
    assert len(pd.read_csv(files["area_ranks.csv"], encoding="utf-8-sig")) == len(ranks) == 8
    assert len(pd.read_excel(files["control_strategy.xlsx"], sheet_name="area_ranks", engine="calamine")) == 8
    assert "Areas by the harm of all threats" in files["assessment.html"].read_text(encoding="utf-8")


def test_what_is_given_by_area_is_shown_and_moves_no_rank(totals, tmp_path):
    head, text = "threat,dimension,score,evidence_grade,confidence", "A,capability,3,B,high"
    values = "crime_type,indicator,value,unit,source,date"
    city = assess(totals, judgements=write(tmp_path / "j.csv", f"{head}\n{text}\n"))
    found = assess(
        totals,
        judgements=write(tmp_path / "k.csv", f"{head},area\n{text},\nB,capability,5,A,low,district 2\n"),
        indicators=write(tmp_path / "i.csv", f"{values},area\nB,clearance,0.4,share,records,2019,district 1\n"),
    )
    pd.testing.assert_frame_equal(found.ranks(), city.ranks())
    pd.testing.assert_frame_equal(found.area_ranks, city.area_ranks)
    pd.testing.assert_frame_equal(found.gaps_frame(), city.gaps_frame())
    assert found.areas[city.areas.columns].equals(city.areas)
    files = {path.name: path for path in ilp.write_threat_assessment(found, tmp_path / "run")}
    areas = pd.read_csv(files["areas.csv"], encoding="utf-8-sig", dtype=str).set_index(["area", "threat"])
    given = ["score_capability", "evidence_grade_capability", "confidence_capability"]
    assert areas.loc[("district 2", "B"), given].tolist() == ["5", "A", "low"]
    assert areas.loc[("district 1", "B"), "value_clearance":"date_clearance"].tolist() == [
        "0.4",
        "share",
        "records",
        "2019",
    ]
    assert areas["score_capability"].notna().sum() == areas["value_clearance"].notna().sum() == 1
    page = files["assessment.html"].read_text(encoding="utf-8")
    assert page.count("<td>capability: 5 (evidence A, confidence low)</td>") == 1
    assert page.count("<td>clearance: 0.400 share (records, 2019)</td>") == 1
    assert page.count('<th scope="col">Judgements of analysts</th>') == 1  # only where B is listed
    assert "<li>clearance" not in page
    again = assess(totals, judgements=str(files["judgements.csv"]))
    assert again.judgements.known == 1
    assert again.judgements.areas.equals(found.judgements.areas)


def test_scores_of_areas_alone_leave_the_ranking_to_harm(totals, tmp_path):
    text = "threat,dimension,score,evidence_grade,confidence,area\nB,capability,5,A,low,district 2\n"
    found = assess(totals, judgements=write(tmp_path / "k.csv", text))
    pd.testing.assert_frame_equal(found.ranks(), assess(totals).ranks())
    files = {path.name: path for path in ilp.write_threat_assessment(found, tmp_path / "run")}
    assert "No judgement of analysts is given for the whole city." in files["assessment.html"].read_text(
        encoding="utf-8"
    )


def test_without_forecasts_of_areas_nothing_can_be_given_by_area(tmp_path):
    text = "threat,dimension,score,evidence_grade,confidence,area\nB,capability,5,A,low,district 2\n"
    inputs = ThreatInputs(judgements=write(tmp_path / "k.csv", text))
    with pytest.raises(InputError, match="because no areas are forecast"):
        ilp.assess_threats(city_events(), SETS, inputs=inputs, long_horizons=replace(SETTINGS, area_months=0))


def test_a_threat_rises_only_if_open_ranks_no_longer_overlap(totals, tmp_path):
    ilp.write_threat_assessment(assess(totals), tmp_path / "first")
    other = assess(totals, sets=(harm_set("one", 1.0, 100.0), SETS[1]))
    moved = compare_with_previous(other, str(tmp_path / "first")).set_index(["harm_set", "threat"])
    assert moved.loc[("one", "B"), ["before", "now", "moved", "why"]].tolist() == [
        "2",
        "1",
        "rose",
        "its harm weight changed",
    ]
    assert moved.loc[("two", "A"), "moved"] == "tie"


def test_scenarios_have_the_price_of_each_choice(totals):
    grid = ilp.SquareGrid(500)
    spread = city_events().table
    far = spread["area"] == "district 2"
    table = spread.assign(x=np.where(far, 632_000.0, 630_000.0) + 500 * (spread["crime_type"] == "B"))
    events = replace(city_events(), table=table)
    found = run_scenarios(assess(totals, events), events, grid, Scenarios(budget_share=0.25, hours=[0.5, 2]))
    rows = found.set_index("scenario")
    today = rows.loc["today's hours"]
    # four cells with 20, 10, 8 and 4 a month: the hours of one cell go to the first
    assert today["share_of_events"] == pytest.approx(20 / 42, abs=0.05)
    assert rows.loc["50 % of today's hours", "events_covered"] == pytest.approx(today["events_covered"] / 2)
    assert rows.loc["200 % of today's hours", "share_of_events"] == pytest.approx(30 / 42, abs=0.05)
    assert rows.loc["leave out A", "share_of_events"] == pytest.approx(10 / 42, abs=0.05)
    assert rows.loc["leave out A", "first_one"] == "B"
    assert rows.loc["leave out A", "difference"] < 0
    # under `two`, one B weighs 10 and one A 5.5, so that ten B are worth less than twenty A
    assert rows.loc["choose cells by harm under two", "share_of_events"] == pytest.approx(20 / 42, abs=0.05)


def test_types_of_police_activity_are_left_out_and_named(totals):
    rates = np.array([[[20.0, 10.0, 9.0]], [[8.0, 4.0, 3.0]]]).transpose(0, 2, 1) * np.ones(60)
    table = city_events(rates=rates[:, :2]).table
    drugs = city_events(rates=rates[:, 2:], seed=1).table.assign(crime_type="Drug offences")
    both = pd.concat([table.astype({"crime_type": str}), drugs.astype({"crime_type": str})], ignore_index=True)
    both = both.sort_values("occurred_at", ignore_index=True).astype({"crime_type": "category"})
    events = replace(city_events(), table=both)
    method = ilp.LinearTrend()
    with_drugs = ilp.forecast_totals(events, method, long_horizons=SETTINGS, compute=LocalProcesses(1))
    found = assess(with_drugs, events)
    assert found.threats == ("A", "B")
    assert found.left_out == {"Drug offences": "drug"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("residents", "area,residents\nx,0\n", "row 2: residents '0' must be a number above 0"),
        ("residents", "area,residents\n", "no residents of 2 of 2 areas, such as 'district 1'"),
        ("residents", "area,residents\ndistrict 1,5\n", "no residents of 1 of 2 areas, such as 'district 2'"),
        ("residents", "area;residents\n;12.500\n", "row 2: residents '12.500' must be a number above 0"),
        ("residents", "area,people\nx,5\n", "Give area and residents"),
        ("residents", "area,residents\nx,5\nx,6\n", "row 3: the area 'x' stands twice"),
        ("indicators", "crime_type,indicator\nA,b\n", "Give exactly crime_type, indicator"),
        (
            "indicators",
            "crime_type,indicator,value,unit,source,date\nZ,b,1,u,s,d\n",
            "row 2: 'Z' is not a crime type",
        ),
        (
            "indicators",
            "crime_type,indicator,value,unit,source,date\nA,b,much,u,s,d\n",
            "row 2: value 'much' is not a number",
        ),
        (
            "indicators",
            "crime_type,indicator,value,unit,source,date\nA,arrests of John Smith,1,count,records,2019\n",
            "row 2 holds what looks like names of persons",
        ),
        (
            "judgements",
            "threat,dimension,score,evidence_grade,confidence\nA,capability,=1+2,B,high\n",
            "'=1[+]2' is not",
        ),
        ("control_strategy", "threat,pillar\nA,prevention\n", "has no column objective"),
    ],
)
def test_files_that_cannot_be_used_are_refused(totals, tmp_path, name, text, said):
    with pytest.raises(InputError, match=said):
        assess(totals, **{name: write(tmp_path / "file.csv", text)})


def test_one_harm_set_and_none_and_a_foreign_previous_run_are_refused(totals, tmp_path):
    with pytest.raises(InputError, match="is one harm set"):
        assess(totals, sets=SETS[:1])
    with pytest.raises(InputError, match="needs harm sets"):
        assess(totals, sets=())
    with pytest.raises(InputError, match=r"assessment\.json, which a run writes last"):
        compare_with_previous(assess(totals), str(tmp_path))
    write(tmp_path / "assessment.json", "[]")
    with pytest.raises(InputError, match="is not the record of a run"):
        compare_with_previous(assess(totals), str(tmp_path))
    write(tmp_path / "assessment.json", '{"schema": 0}')
    with pytest.raises(InputError, match="not an assessment of this version"):
        compare_with_previous(assess(totals), str(tmp_path))


def changed(key, *path, value):
    """Return a function that changes one value of a stored assessment."""

    def change(content):
        *inner, last = (key, *path)
        for step in inner:
            content = content[step]
        content[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(
            changed(key, value=value)
            for key in ("ranks", "threats", "weights")
            for value in (None, "x", 5, [None], [{}])
        ),
        *(changed(key, value=value) for key in ("facts", "judgements") for value in (None, "x", 5, [], {"A": 3})),
        changed("ranks", 0, "rank_from", value="x"),
        changed("ranks", 0, "rank_from", value=float("nan")),
        changed("threats", 0, "recorded", value="x"),
        changed("weights", 0, "low", value="x"),
        changed("judgements", "A", value="x"),
    ],
)
def test_a_damaged_previous_assessment_is_refused_and_named(totals, tmp_path, change):
    assessment = assess(totals)
    ilp.write_threat_assessment(assessment, tmp_path)
    content = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))
    change(content)
    write(tmp_path / "assessment.json", json.dumps(content))
    with pytest.raises(InputError, match=r"assessment\.json is damaged or was changed by hand"):
        compare_with_previous(assessment, str(tmp_path))


def test_a_previous_assessment_that_is_cut_deep_or_of_another_city_is_refused(totals, tmp_path):
    assessment = assess(totals)
    ilp.write_threat_assessment(assessment, tmp_path)
    whole = (tmp_path / "assessment.json").read_text(encoding="utf-8")
    for text in (whole[: len(whole) // 2], "[" * 100_000):
        write(tmp_path / "assessment.json", text)
        with pytest.raises(InputError, match=r"assessment\.json cannot be read"):
            compare_with_previous(assessment, str(tmp_path))
    content = json.loads(whole)
    content["facts"]["city"] = "Elsewhere"
    write(tmp_path / "assessment.json", json.dumps(content))
    with pytest.raises(InputError, match="is an assessment of 'Elsewhere'"):
        compare_with_previous(assessment, str(tmp_path))


def test_a_write_that_stops_leaves_no_whole_assessment(totals, tmp_path, monkeypatch):
    assessment = assess(totals)
    ilp.write_threat_assessment(assessment, tmp_path)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ilp_models.pipeline.threat_files.write_threats_page", stop)
    with pytest.raises(KeyboardInterrupt):
        ilp.write_threat_assessment(assessment, tmp_path)
    with pytest.raises(InputError, match="which a run writes last"):
        compare_with_previous(assessment, str(tmp_path))


def test_reasons_name_other_settings_and_judgements_of_other_threats(totals, tmp_path):
    ilp.write_threat_assessment(assess(totals), tmp_path / "first")
    rows = "threat,dimension,score,evidence_grade,confidence\nA,capability,3,B,high\n"
    judged = assess(totals, judgements=write(tmp_path / "j.csv", rows))
    why = compare_with_previous(judged, str(tmp_path / "first")).set_index(["harm_set", "threat"])["why"]
    assert why[("one", "A")] == "judgements of capability"
    assert why[("one", "B")] == "judgements of other threats count now"
    wider = ilp.assess_threats(city_events(), SETS, totals=totals, ranking=ilp.RankDraws(1000, 0.8))
    why = compare_with_previous(wider, str(tmp_path / "first"))["why"]
    assert set(why) == {"settings of the ranking"}


@pytest.mark.parametrize("decimal", ["point", "comma"])
def test_tables_are_given_back_in_both_forms(totals, tmp_path, decimal):
    rows = "threat;dimension;score;evidence_grade;confidence\nA;capability;3;B;high\n"
    first = assess(totals, judgements=write(tmp_path / "j.csv", rows))
    ilp.write_threat_assessment(first, tmp_path / "run", decimal=decimal)
    text = (tmp_path / "run" / "judgements.csv").read_text(encoding="utf-8-sig")
    assert "A,capability,3,B,high" in text.replace(";", ",")
    assert assess(totals, judgements=str(tmp_path / "run" / "judgements.csv")).judgements.known == 1
    again = assess(
        totals,
        residents=write(tmp_path / "r.csv", "area;residents\n;4000,0\n"),
        indicators=write(
            tmp_path / "i.csv", "crime_type;indicator;value;unit;source;date\nA;cleared;0,4;share;x;2019\n"
        ),
    )
    assert again.indicators["value"].tolist() == [0.4]
    assert again.table.loc[0, "rate_per_1000"] == pytest.approx(again.table.loc[0, "recorded"] / 4)


def test_names_that_a_csv_file_escapes_are_known_when_they_come_back(totals, tmp_path):
    rows = "threat,dimension,score,evidence_grade,confidence\n'=A,capability,3,B,high\n"
    found = read_judgements(write(tmp_path / "j.csv", rows), JudgementScheme(), ["=A", "B"])
    assert found.scores.loc["=A", "capability"] == 3


HEAD = "threat,pillar,objective,lead_unit,resources,due,measure_of_success\n"


def test_pages_and_tables_count_what_people_write_into_the_control_strategy_and_do_not_repeat_it(totals, tmp_path):
    filled = write(tmp_path / "c.csv", HEAD + "A,prevention,light the car parks,,,2026-12-01 00:00:00,\n")
    found = assess(totals, control_strategy=filled)
    assert found.strategy.table.loc[0, "due"] == "2026-12-01"
    files = ilp.write_threat_assessment(found, tmp_path / "run")
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.suffix in (".html", ".csv", ".json")}
    assert len(texts) == 8
    assert [name for name, text in texts.items() if "light the car parks" in text] == ["assessment.json"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,prevention,Visit Jane Example,,,,", "row 2: objective holds what looks like names of persons"),
        ("A,enforcement,,call 416-555-0199,,,", "row 2: lead_unit holds what looks like phone numbers"),
    ],
)
def test_a_control_strategy_that_names_a_person_is_refused(totals, tmp_path, row, said):
    with pytest.raises(InputError, match=said):
        assess(totals, control_strategy=write(tmp_path / "c.csv", HEAD + row + "\n"))


def test_a_threat_without_harm_under_a_set_is_not_drawn(totals, tmp_path):
    found = assess(totals, sets=(harm_set("one", 0.0, 1.0), SETS[1]))
    page = next(path for path in ilp.write_threat_assessment(found, tmp_path) if path.name == "assessment.html")
    assert "A threat without harm under a set is not drawn." in page.read_text(encoding="utf-8")
    assert found.ranks().set_index(["harm_set", "threat"]).loc[("one", "A"), "rank_from"] == 2


def test_several_sheets_of_judgements_are_refused_with_a_way_out(totals, tmp_path):
    table = pd.DataFrame({"threat": ["A"], "dimension": "capability"})
    with pd.ExcelWriter(tmp_path / "j.xlsx", engine="xlsxwriter") as book:
        for name in ("one", "two"):
            table.to_excel(book, sheet_name=name, index=False)
    with pytest.raises(InputError, match=r"several sheets: 'one', 'two'\. Give a file with one of them"):
        assess(totals, judgements=str(tmp_path / "j.xlsx"))
