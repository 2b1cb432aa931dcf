from datetime import UTC, datetime

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.authorisation import EXPLANATIONS, GroupAuthorisation
from tests.strategy.group_files import FIELDS

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def authorised(**changes):
    return GroupAuthorisation.from_fields({**FIELDS, **changes}, "groups.csv")


def test_a_complete_authorisation_may_be_used_until_its_first_date():
    one = authorised(review_date="2026-09-01 00:00:00", retention_until="2027-01-01")
    one.check(NOW, "groups.csv")
    assert one.until == "2026-09-01"
    assert one.recipients == ("Head of Prevention", "Oversight Board")
    with pytest.raises(InputError, match=r"groups.csv cannot be used: review_date 2026-09-01 is past"):
        one.check(datetime(2026, 9, 1, tzinfo=UTC), "groups.csv")


@pytest.mark.parametrize("name", EXPLANATIONS)
@pytest.mark.parametrize("text", ["", "  ", "---"])
def test_every_field_is_required(name, text):
    with pytest.raises(InputError, match=f"lacks {name}"):
        authorised(**{name: text})
    with pytest.raises(InputError, match=f"lacks {name}"):
        GroupAuthorisation.from_fields({key: value for key, value in FIELDS.items() if key != name}, "groups.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"review_date": "2025-01-01"}, "review_date 2025-01-01 is past"),
        ({"retention_until": "2026-05-01"}, "retention_until 2026-05-01 is past"),
        ({"reviewer": "p. reparer"}, "the reviewer, p. reparer, prepared the matrix"),
    ],
)
def test_an_expired_or_conflicting_authorisation_fails_closed(changes, message):
    with pytest.raises(InputError, match=message):
        authorised(**changes).check(NOW, "groups.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"review_date": "31/12/2030"}, r"groups.csv: review_date=31/12/2030 is not a date"),
        ({"min_members": "2"}, "whole number of 3 or more"),
        ({"min_members": "-5"}, "whole number of 3 or more"),
        ({"min_members": "3.5"}, "whole number of 3 or more"),
        ({"min_members": "\u0663"}, "whole number of 3 or more"),
        ({"authorised_by": "A\u200bB"}, r"groups.csv: authorised_by contains the sign U\+200B"),
        ({"prepared_by": "P. R\u0435parer"}, "prepared_by mixes the alphabets"),
        ({"colour": "red"}, "has a field that is not known"),
    ],
)
def test_fields_that_cannot_be_read_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        authorised(**changes)
