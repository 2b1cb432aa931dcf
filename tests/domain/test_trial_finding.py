import string

import pytest

from ilp_models.domain import trial_finding
from ilp_models.domain.trial_finding import TrialFinding


def test_a_sentence_is_filled_with_the_facts():
    finding = TrialFinding("few events", {"events": 12})
    assert finding.serious
    assert finding.text == "The units have 12 recorded events during the trial. Intervals are wide."
    note = TrialFinding("recorded dose", {"rows": 1234, "hours": 5.25})
    assert not note.serious
    assert note.text == "The dose table has 1,234 rows and 5.2 hours."


@pytest.mark.parametrize("check", {**trial_finding._SERIOUS, **trial_finding._NOTES})
def test_every_sentence_needs_its_facts(check):
    text = {**trial_finding._SERIOUS, **trial_finding._NOTES}[check]
    needed = [name for _, name, _, _ in string.Formatter().parse(text) if name]
    if needed:
        with pytest.raises(KeyError):
            _ = TrialFinding(check).text
    else:
        assert TrialFinding(check).text == text


def test_no_check_is_serious_and_a_note():
    assert not set(trial_finding._SERIOUS) & set(trial_finding._NOTES)
