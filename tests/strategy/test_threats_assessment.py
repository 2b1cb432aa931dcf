import json
from dataclasses import replace

from ilp_models.strategy.threats.gaps import FORECAST, InformationGain, IntelligenceGap
from tests.strategy.threat_assessments import assessed
from tests.strategy.threat_inputs import weights_of


def test_ranks_of_clear_threats_have_one_row_for_each_in_order():
    table = assessed().ranks()
    assert table["threat"].tolist() == ["Assault", "Burglary", "Robbery"]
    assert table[["rank_from", "rank_to"]].to_numpy().tolist() == [[1, 1], [2, 2], [3, 3]]
    assert table["harm_set"].unique().tolist() == ["days"]


def test_key_judgements_name_the_first_threat_changes_and_agreement():
    first, change, agreement = assessed().conclusions()
    assert first == "Assault is the first threat under every harm set (days)."
    assert change.startswith("No threat has a forecast that is clearly above or below")
    assert agreement == "All harm sets give the same order."
    changed = assessed(recorded=(1000.0, 800.0, 10.0)).key_judgements()[1]
    assert changed == ("A clear change is expected for Burglary (800 to 500).", ("Burglary",))


def test_harm_sets_that_disagree_are_said():
    two = assessed(weights=[weights_of([1, 1, 1]), weights_of([1, 1, 1000], name="harm")])
    assert two.first == ("Assault", "Robbery")
    assert two.conclusions()[0].startswith("Assault and Robbery can each be the first threat")
    assert two.conclusions()[2].startswith("The order depends on the harm set.")


def test_the_best_gap_is_a_key_judgement_only_if_it_tells_something():
    gap = IntelligenceGap("Robbery", FORECAST, "", "How many?", InformationGain("days", 0.5, 1.0, 0.2))
    judged = replace(assessed(), gaps=(gap,)).key_judgements()[-1]
    text = "The missing piece that would separate the threats most is the number of crimes to come of Robbery."
    assert judged == (text, ("Robbery",))
    assert len(replace(assessed(), gaps=(replace(gap, gain=InformationGain()),)).key_judgements()) == 3


def test_a_threat_can_be_left_out_of_the_ranking():
    (ranking,) = assessed().without("Assault")
    assert ranking.ranking.names == ("Burglary", "Robbery")
    assert ranking.ranking.rank_from.tolist() == [1, 2]


def test_the_stored_form_is_plain_json_without_missing_numbers():
    plain = json.loads(json.dumps(assessed().to_dict(), allow_nan=False))
    assert [one["threat"] for one in plain["threats"]] == ["Assault", "Burglary", "Robbery"]
    assert {value for row in plain["judgements"].values() for value in row.values()} == {None}
