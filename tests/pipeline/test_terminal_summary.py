from types import SimpleNamespace

import pytest

from ilp_models.audit.register.standing_checks import StandingOutlook
from ilp_models.pipeline.terminal_summary import MOST_LINES, decision_summary, next_steps, with_summary
from tests.audit import audit_inputs as inputs
from tests.pipeline.small_city import summary_of
from tests.report import audit_records as records


@pytest.mark.parametrize("size", [1, 9, 10, 11, 400])
def test_the_summary_has_at_most_fifteen_lines_and_keeps_files_and_command(size):
    long = [f"line {number} {'x' * 300}" for number in range(size)]
    where = ["Report: here", "Register: there, last=" + "f" * 300, "", "Files: x", "Next: ilp verify"]
    text = with_summary(["detail", *long], long, where)
    lines = summary_of(text)
    assert lines[-4:] == [line for line in where if line]
    assert lines[0].startswith("line 0 ")
    assert all(len(line) <= 200 for line in lines[:-4])
    assert MOST_LINES == 15
    if size > 11:
        assert lines[10] == f"  ... and {size - 10} more lines, above"
    assert all(line in text for line in long)


def test_a_withheld_decision_says_why_first_and_how_many_more_reasons_there_are():
    decision = records.decision_of(inputs.group_table())
    assert len(decision.reasons) > 5
    lines = decision_summary(decision)
    assert lines[0].startswith(f"Decision on {decision.forecaster}: WITHHELD")
    assert lines[1] == f"  - {decision.reasons[0]}"
    assert lines[-1] == f"  ... and {len(decision.reasons) - 4} more reasons, above and in decision.json"


def test_the_next_step_fits_the_decision(tmp_path):
    decision = records.decision_of(inputs.group_table())
    report = tmp_path / "report.html"
    assert not decision.admitted
    (step,) = next_steps(decision, tmp_path, report)
    assert step.startswith("Next: ilp approve" if decision.reviews else f"Next: read {report}")


def test_a_standing_approval_is_offered_where_it_covers_the_decision(tmp_path):
    report, source = tmp_path / "report.html", tmp_path / "week 2"
    decision = SimpleNamespace(admitted=False, reviews=("sum_ratio",), report=SimpleNamespace(header={}))
    covers, ended = (StandingOutlook(2, "f" * 64, fault) for fault in ("", "it ended on 2026-05-04 with an objection"))
    (step,) = next_steps(decision, source, report, (covers, "outputs/weekly/first"))
    assert step.startswith("Next: ilp monitor source=outputs/weekly/first; if it is quiet: ")
    assert step.endswith(f": ilp approve 'source={source}' use_standing=true")
    fault, step = next_steps(decision, source, report, (ended, "outputs/weekly/first"))
    assert fault.endswith("line 2 does not cover this decision: it ended on 2026-05-04 with an objection.")
    assert step == f"Next: ilp approve 'source={source}' reviewer=NAME reason='WHY' key=FILE"
