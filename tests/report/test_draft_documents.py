import json
import re

import pytest

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.governance import Governance
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.draft_documents import write_atrs, write_markdown_drafts
from ilp_models.report.audit.drafts import OPEN, count_open_fields
from tests.report import audit_records as records

MODEL_CARD = ["Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data"]
MODEL_CARD += ["Quantitative analyses", "Ethical considerations", "Caveats and recommendations"]
DATASHEET = ["Motivation", "Composition", "Collection process", "Preprocessing", "Uses", "Distribution", "Maintenance"]
UNICRI = ["Lawfulness", "Minimisation of harm", "Human autonomy", "Fairness", "Good governance"]


def drafts(folder, record, page=None):
    page = page or AuditPage()
    paths = [*write_markdown_drafts(page, record, folder), write_atrs(page, record, folder)]
    return {path.name: path for path in paths}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return drafts(tmp_path_factory.mktemp("drafts"), records.full())


@pytest.fixture(scope="module")
def texts(paths):
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}


def headings(text):
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_sections_are_those_of_their_sources(texts):
    assert headings(texts["model_card.md"]) == MODEL_CARD
    assert headings(texts["datasheet.md"]) == DATASHEET
    assert [heading[:3] for heading in headings(texts["fria.md"])] == ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    care = re.findall(r"^\| ([A-Z]) \| (\w+)", texts["fria.md"], re.MULTILINE)
    assert "".join(letter for letter, _ in care) == "ALGOCARE"
    assert [word for word in UNICRI if f"- {word}: [{OPEN}" in texts["fria.md"]] == UNICRI


def test_every_draft_states_the_number_of_its_open_fields(paths, texts):
    for name in ("model_card.md", "datasheet.md", "fria.md"):
        count = count_open_fields(paths[name])
        assert count == texts[name].count(f"[{OPEN}: ") > 5
        assert f"**{count} fields are open**" in texts[name].partition("##")[0]
    record = json.loads(texts["atrs.json"])
    assert next(iter(record)) == "open_fields"
    assert record["open_fields"] == count_open_fields(paths["atrs.json"]) > 5


def test_a_setting_completes_an_open_field(paths, tmp_path):
    page = AuditPage(process="weekly meeting", frequency="weekly", organisation="City police", contact="a@example.org")
    fuller = drafts(tmp_path, records.full(), page)
    assert count_open_fields(fuller["fria.md"]) == count_open_fields(paths["fria.md"]) - 2
    assert count_open_fields(fuller["model_card.md"]) == count_open_fields(paths["model_card.md"]) - 2
    assert "Process: weekly meeting" in fuller["fria.md"].read_text(encoding="utf-8")
    assert json.loads(fuller["atrs.json"].read_text())["tier_1"]["contact_email"] == "a@example.org"


def test_governance_completes_fields_and_leaves_the_others_open(tmp_path, texts):
    assert "Owner: O. Wner" in texts["fria.md"]
    empty = records.decision_of(governance=Governance())
    fria = drafts(tmp_path, records.full(empty))["fria.md"].read_text(encoding="utf-8")
    assert f"Owner: [{OPEN}: who is responsible for the use]" in fria
    assert "Harm to watch: exposure of Upland, by week" in texts["fria.md"]
    assert "Measured in: Assault" in texts["model_card.md"]
    assert f"Harm to watch: [{OPEN}: what may get worse, and how it is observed]" in fria
    assert json.loads(texts["atrs.json"])["tier_2"]["description_and_rationale"]["benefit"].startswith("Goal: fewer")
    assert f"Complaints: [{OPEN}: where residents of the areas can complain]" in fria


def test_groups_and_findings_come_from_the_run(texts):
    row = next(line for line in texts["model_card.md"].splitlines() if line.startswith("| Assault | origin | Upland"))
    assert re.search(r"\| \d\.\d\s% \(\d\.\d\s% to \d\.\d\s%\) \|", row)
    findings = [line for line in texts["fria.md"].splitlines() if line.startswith("| insufficient")]
    assert "| insufficient | Need-adjusted ratio | 3 of 6 findings |" in "\n".join(findings)
    assert all(line.count(" | ") == 5 for line in findings)


def test_the_datasheet_has_the_licence_and_missing_coordinates(texts):
    assert "Open Government Licence - Ontario." in texts["datasheet.md"]
    assert "coordinates are zero: 3 rows" in texts["datasheet.md"]
    assert "97 of 100 rows are used" in texts["datasheet.md"]
    assert "none known, according to the governance settings" in texts["datasheet.md"]


def test_the_record_has_both_tiers(texts):
    record = json.loads(texts["atrs.json"])
    assert list(record["tier_1"]) == ["name", "description", "website", "contact_email"]
    assert list(record["tier_2"])[:2] == ["owner_and_responsibility", "description_and_rationale"]
    assert record["tier_2"]["owner_and_responsibility"]["senior_responsible_owner"] == "O. Wner"
    assert record["tier_2"]["risks_mitigations_impact_assessments"]["risks"]


def test_the_caveat_is_verbatim_and_nothing_is_promised(texts):
    for text in texts.values():
        assert CAVEAT in text
    for name in ("model_card.md", "datasheet.md", "fria.md"):
        assert "no legal advice" in texts[name]


def test_drafts_of_a_decision_only_state_what_is_not_available(tmp_path):
    made = {name: path.read_text(encoding="utf-8") for name, path in drafts(tmp_path, records.bare()).items()}
    assert "without a group table, no group is measured" in made["model_card.md"]
    assert "the run has no data quality table" in made["datasheet.md"]
    assert not re.search(r"\bnan\b|\binf\b|: None$", "".join(made.values()))


def test_hostile_labels_stay_text_in_markdown(tmp_path):
    made = drafts(tmp_path, records.hostile())
    for name in ("model_card.md", "datasheet.md", "fria.md"):
        text = made[name].read_text(encoding="utf-8")
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert not re.search(r"(?<!\\)\[c\]\(d\)", text)
        rows = [line for line in text.splitlines() if line.startswith("| ") and "b \\[c\\]" in line]
        assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows if row.startswith("| all types"))
