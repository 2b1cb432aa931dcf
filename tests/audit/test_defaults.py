from ilp_models.audit.defaults import changed_settings


def changed(settings, defaults):
    return list(changed_settings(settings, defaults))


def test_equal_settings_are_not_named():
    same = {"land_share": 0.05, "groups": {"a": None}, "terms": ["race", "income"], "flag": True}
    assert changed(same, {**same, "land_share": 0.050, "terms": ["income", "race"]}) == []
    assert changed({"number": 52.0}, {"number": 52}) == []


def test_a_changed_value_is_named_with_its_default_also_inside():
    assert changed({"land_share": 0.1}, {"land_share": 0.05}) == ["audit.land_share=0.1 (default 0.05)"]
    assert changed({"feedback": {"periods": 8}}, {"feedback": {"periods": 52}}) == [
        "audit.feedback.periods=8 (default 52)"
    ]
    assert changed({"harm": "csi"}, {"harm": None}) == ["audit.harm=csi (default null)"]
    assert changed({"limits": [1, {"a": True}]}, {"limits": []}) == ["audit.limits=[1, {a: true}] (default [])"]


def test_settings_that_are_missing_or_new_are_named():
    assert changed({}, {"flag": True}) == ["audit.flag=null (default true)"]
    assert changed({"new": 1}, {}) == ["audit.new=1 (default null)"]


def test_of_lists_of_words_only_the_difference_is_named():
    assert changed({"terms": ["race", "age"]}, {"terms": ["race", "income", "gender"]}) == [
        "audit.terms without income, gender",
        "audit.terms with age",
    ]
    assert changed({"terms": None}, {"terms": ["race"]}) == ["audit.terms without race"]
