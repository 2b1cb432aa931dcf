import pandas as pd
import pytest

from ilp_models.allocation.top_areas import TopAreas
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance
from ilp_models.pipeline.audit_settings import audit_settings, read_governance
from tests.audit import audit_inputs as inputs


def test_only_what_is_given_is_replaced():
    audit = inputs.audit()
    assert audit_settings(audit, None, None, None, None) == audit
    changed = audit_settings(audit, TopAreas(share=0.1), "ewma", None, {"owner": "City"})
    assert (changed.rule, changed.baseline, changed.governance.owner) == (TopAreas(share=0.1), "ewma", "City")
    assert changed.groups == audit.groups


def test_residents_come_from_a_file_or_a_table(tmp_path):
    audit = inputs.audit()
    (tmp_path / "a.csv").touch()
    assert audit_settings(audit, None, None, tmp_path / "a.csv", None).groups.path == str(tmp_path / "a.csv")
    table = pd.DataFrame({"area": ["01"], "group": ["low"], "population": [5]})
    read = audit_settings(audit, None, None, table, None).groups.source.groups()
    assert read.to_dict("list") == {"area": ["01"], "group": ["low"], "population": ["5"]}


def test_governance_is_a_statement_or_its_values():
    stated = Governance(owner="City")
    assert read_governance(stated) is stated
    assert read_governance({"owner": "City"}) == stated
    with pytest.raises(InputError, match="governance='City' is not a statement"):
        read_governance("City")
