"""What is said of the rules that a search tried, and which of them are remedies."""

import pytest

from ilp_models.domain.rule_trials import remedies, search_lines, trial_text, trials_of


def trial(name, *, failed=(), lacking=(), reviewed=(), cost=0.01, covered=0.2):
    ends = {"low": cost - 0.005, "high": cost + 0.005}
    return {
        "name": name,
        "failed": list(failed),
        "lacking": list(lacking),
        "reviewed": list(reviewed),
        "covered": {"value": covered, "low": covered - 0.01, "high": covered + 0.01},
        "cost": {"value": cost, **ends},
    }


def header(*trials):
    window = {"first_period": "2024-01-01T00:00:00", "last_period": "2024-12-23T00:00:00"}
    return {"rule_search": {**window, "trials": [trial("the audited rule", failed=["coverage_ratio"]), *trials]}}


def test_without_a_search_there_is_nothing_to_say():
    for empty in ({}, {"rule_search": None}):
        assert trials_of(empty) == remedies(empty) == search_lines(empty) == []


def test_remedies_miss_no_limit_and_the_cheapest_without_a_review_comes_first():
    found = remedies(
        header(
            trial("reviewed", reviewed=["need_adjusted_ratio"], cost=-0.1),
            trial("dear", cost=0.05),
            trial("cheap", cost=0.02),
            trial("failing", failed=["coverage_ratio"], cost=-1),
            trial("thin", lacking=["coverage_ratio"], cost=-1),
            {"name": "impossible", "error": "no plan"},
        )
    )
    assert [one["name"] for one in found] == ["cheap", "dear", "reviewed"]


def test_the_audited_rule_is_no_remedy_of_itself():
    search = header()
    search["rule_search"]["trials"][0]["failed"] = []
    assert remedies(search) == []


def test_nothing_found_is_an_answer_with_the_number_of_plans_and_the_window():
    (line,) = search_lines(header(trial("failing", failed=["coverage_ratio"])))
    assert line == (
        "No remedy was found among 2 plans, tried on the periods from 2024-01-01 to 2024-12-23, before the audited "
        "ones."
    )


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (0.012, "1.2 percentage points fewer than the audited rule, interval 0.7 to 1.7;"),
        (-0.03, "3.0 percentage points more than the audited rule, interval 2.5 to 3.5;"),
    ],
)
def test_a_trial_says_what_it_costs_and_in_which_direction(cost, words):
    text = trial_text(trial("wide", cost=cost, reviewed=["coverage_ratio"]))
    assert text == f"wide: covers 20.0% of the recorded events, {words} needs review: coverage ratio"
    assert trial_text({"name": "odd", "error": "no plan"}) == "odd: could not be planned (no plan)"


def test_found_remedies_say_that_a_new_audit_counts_the_search():
    lines = search_lines(header(*(trial(f"plan {at}") for at in range(5))))
    assert len(lines) == 6
    assert lines[4] == "  ... and 2 more in decision.json"
    assert lines[-1].startswith("Each needs a new audit")
