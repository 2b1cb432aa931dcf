from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param, _validate_tag

from ilp_models.tracking.entries import clean_name, flatten, in_batches

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=600)
NESTED = st.dictionaries(
    st.text(max_size=20),
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=8),
)


@given(NESTED)
@example({".": {"0": None}})
def test_every_flattened_setting_is_accepted_by_the_store(values):
    for name, value in flatten(values).items():
        _validate_param(name, value)
        _validate_tag(name, value)
        assert len(value) <= 500


@given(st.text(max_size=300))
@example("..0")
@example(".../..0")
def test_every_cleaned_name_is_accepted_as_a_metric(name):
    _validate_metric_name(clean_name(name))


def test_names_that_are_fine_stay():
    assert clean_name("hit rate/overall:lead_1.q-05") == "hit rate/overall:lead_1.q-05"


def test_long_values_are_cut_and_say_so():
    (value,) = flatten({"a": "x" * 501}).values()
    assert value == "x" * 497 + "..."
    assert flatten({"a": "x" * 500})["a"] == "x" * 500


def test_each_setting_of_a_list_of_parts_is_an_entry_of_its_own():
    features = [{"class": "Means", "half_lives": [2, 4]}, {"class": "Calendar", "harmonics": 1}]
    assert flatten({"features": features}) == {
        "features.0.class": "Means",
        "features.0.half_lives": "[2, 4]",
        "features.1.class": "Calendar",
        "features.1.harmonics": "1",
    }


def test_empty_branches_keep_their_place():
    assert flatten({"a": {}, "b": [], "c": {"d": True}}) == {"a": "{}", "b": "[]", "c.d": "true"}


def test_batches_keep_order_and_lose_nothing():
    assert list(in_batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
