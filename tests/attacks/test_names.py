"""One person must not pass for two: names with invisible letters, bars and letters of other alphabets."""

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance, is_same_person

MISLEADING = [
    "Ann|Smith",
    "Ann Smith\u3164",
    "\u2800Ann Smith",
    "Ann\u200bSmith",
    "Ann Smith\u202e",
    "Ann Smith\x07",
    "Ann Smith\U000e0041",
    "\u0410nn Smith",
    "Ann Sm\u0456th",
    "Ann Smith \u0391",
]


@pytest.mark.parametrize("field", ["owner", "trainer", "reviewer"])
@pytest.mark.parametrize("name", MISLEADING)
def test_misleading_names_are_refused(name, field):
    with pytest.raises(InputError, match=rf"audit\.governance\.{field} (contains the sign|mixes the alphabets)"):
        Governance(**{field: name})


@pytest.mark.parametrize(
    "name",
    [
        "Zo\u00eb O'Neil-Smith",
        "\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432",
        "\u0393\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2",
        "\u738b\u5c0f\u660e",
        "\u064a\u0648\u0633\u0641",
        "Unit 7 (North), A. B.",
    ],
)
def test_names_of_all_languages_pass(name):
    assert Governance(owner=name, reviewer=name).reviewer == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Cox", "Ann \u0421\u043e\u0445"),
        ("Ann Cox", "\uff21nn Cox"),
        ("Ann Cox", "Ann C\u03bfx"),
        ("Ann Cox", "Ann C0x"),
        ("Paul", "Pau1"),
        ("Paul", "Pau|"),
        ("Ann Cox", "Cox\u3164 Ann"),
        ("Ann Cox", "\uff21nn C\u200box"),
    ],
)
def test_look_alikes_are_one_person(one, other):
    assert is_same_person(one, other)


def test_different_people_stay_different():
    assert not is_same_person("Ann Cox", "Anna Cox")
    assert not is_same_person("\u0418\u0432\u0430\u043d", "\u0418\u0432\u043e\u043d\u0430")
