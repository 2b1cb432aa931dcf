import pytest
import yaml

from ilp_models.domain.enforcement_kinds import enforcement_kind
from tests.audit.audit_inputs import CONFIG

NAMES = {
    "drug": [
        "Drugs",
        "drug",
        "Drug Offences",
        "NARCOTICS",
        "OTHER NARCOTIC VIOLATION",
        "DANGEROUS DRUGS",
        "drug_offences",
        "CANNABIS RELATED OFFENSES",
    ],
    "weapon_possession": [
        "Possession of weapons",
        "WEAPONS VIOLATION",
        "DANGEROUS WEAPONS",
        "Weapon-possession",
        "CONCEALED CARRY LICENSE VIOLATION",
        "Weapons",
    ],
    "disorder": [
        "Public order",
        "Public disorder and weapons",
        "GAMBLING",
        "Disorderly conduct",
        "PUBLIC PEACE VIOLATION",
        "LIQUOR LAW VIOLATION",
        "OFF. AGNST PUB ORD SENSBLTY &",
    ],
    "prostitution": ["PROSTITUTION", "PROSTITUTION & RELATED OFFENSES"],
    "traffic": ["Traffic", "VEHICLE AND TRAFFIC LAWS", "INTOXICATED & IMPAIRED DRIVING"],
    "stop_derived": ["stop_derived", "INTERFERENCE WITH PUBLIC OFFICER", "Stop and Search"],
    "": [
        "Assault",
        "ASSAULT WITH A DANGEROUS WEAPON",
        "Robbery: firearm",
        "Auto Theft",
        "HUMAN TRAFFICKING",
        "Theft from the person",
        "Shoplifting",
        "CRIMINAL TRESPASS",
        "Violence and sexual offences",
        "STREET CRIMES",
        "Break and Enter",
        "",
    ],
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for kind, names in NAMES.items() for name in names],
)
def test_enforcement_driven_types_are_recognised_by_name(name, kind):
    assert enforcement_kind(name) == kind


def test_no_configured_crime_type_is_enforcement_driven():
    for path in (CONFIG.parents[1] / "data").glob("*.yaml"):
        types = yaml.safe_load(path.read_text()).get("crime_types")
        names = [] if types is None else [one for one in (types.values() if isinstance(types, dict) else types) if one]
        assert not [name for name in names if isinstance(name, str) and enforcement_kind(name)], path.name
