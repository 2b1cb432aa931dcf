import pytest

from ilp_models.data.crime_schemes.scheme import SCHEMES, load_crime_scheme
from ilp_models.data.label_screening import refuse_personal_types


@pytest.mark.parametrize("scheme", SCHEMES)
def test_categories_have_one_label_each_and_none_looks_like_a_person(scheme):
    labels = list(load_crime_scheme(scheme).categories.values())
    assert len(set(labels)) == len(labels)
    refuse_personal_types(dict.fromkeys(labels))
