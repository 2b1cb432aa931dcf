from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

from ilp_models.domain.check_definition import NO_SIGNER, REVIEWER
from ilp_models.domain.checks import CATALOGUE, DEFAULT_LIMITS, REQUIRED, check_table, required_keys

ROOT = Path(__file__).parents[2]


def test_the_number_of_required_checks():
    assert len(REQUIRED) == 30


def test_the_default_limits_are_those_of_the_configuration():
    stored = yaml.safe_load((ROOT / "configs" / "audit" / "default.yaml").read_text(encoding="utf-8"))["limits"]
    assert stored == DEFAULT_LIMITS


@pytest.mark.parametrize("required", [True, False])
def test_the_tables_of_the_documentation_come_from_the_catalogue(required):
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert check_table(required=required) in page, "paste the output of ilp_models.domain.checks.check_table()"


@pytest.mark.parametrize("check", CATALOGUE.values(), ids=lambda check: check.name)
def test_every_entry_is_complete(check):
    texts = (check.label, check.question, check.formula, check.reading, check.denominator, check.reference)
    assert all((*texts, check.interval))
    assert check.question.endswith("?")
    assert check.signer in (REVIEWER, NO_SIGNER)
    module, _, name = check.function.rpartition(".")
    assert callable(resolve_name(f"ilp_models.audit.{module}:{name}"))
    if check.required:
        assert check.limit.bounded
        assert check.advice


def test_required_findings_follow_from_crime_types_and_groups():
    keys = required_keys(("Assault", "Robbery"), (("income", "low"), ("income", "rest")))
    assert list(keys) == list(REQUIRED)
    assert keys["sum_ratio"] == [("sum_ratio", kind, "", "") for kind in ("Assault", "Robbery", "all")]
    assert keys["missing_population"] == [("missing_population", "", "income", "")]
    assert len(keys["need_adjusted_ratio"]) == 6
