"""A report of a description alone: what it has, what it lacks, and what it refuses."""

import hashlib

import pytest

import ilp_models as ilp


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.Concentration()])
    ilp.write_description(description, folder / "describe" / "first")
    return folder


def compiled(runs, **settings):
    return ilp.compile_brief(runs, register=runs / "register.jsonl", **settings)


def test_a_report_says_what_it_lacks_and_the_command_that_adds_it(runs):
    brief = compiled(runs)
    assert [section.title for section in brief.evidence] == ["What was recorded"]
    assert "This report has no threat assessment, because there is no such run. Run `ilp assess`." in brief.unknown
    assert not any("threat assessment" in text for text in compiled(runs, leave_out=["assessment"]).unknown)


def test_simulated_records_and_the_missing_permission_stand_at_the_top(runs):
    first, second = compiled(runs).marks
    assert first.startswith("Simulated records")
    assert second.startswith("Research only")


def test_each_source_has_its_folder_and_the_digest_of_its_record(runs):
    (line,) = [text for text in compiled(runs).sources if text.startswith("description: ")]
    digest = hashlib.sha256((runs / "describe" / "first" / "description.json").read_bytes()).hexdigest()
    assert line == f"description: first, description.json {digest[:16]}"


def test_recipients_without_groups_are_refused(runs):
    with pytest.raises(ilp.InputError, match="recipients names 'Chief' without groups"):
        compiled(runs, recipients=["Chief"])
