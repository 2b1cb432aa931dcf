"""Files in the layout of publishers, and the settings that read them."""

import csv
from pathlib import Path

import yaml

from ilp_models.audit.groups.count_columns import Dimension

CONFIGS = Path(__file__).parents[3] / "configs" / "audit" / "groups"

_MINORITY = "Visible minority population"
_STATUS = "Immigrant status and period of immigration"
_INDIGENOUS = "Aboriginal population"
_INCOME = "Low income in 2015"
_PRIVATE = "for the population in private households - 25% sample data"
# Topic and characteristic in the City's file of 2016, and the column of the table made of it that holds the same.
PROFILE = (
    (_MINORITY, f"Total - Visible minority {_PRIVATE}", "vm_universe"),
    (_MINORITY, "    South Asian", "vm_south_asian"),
    (_MINORITY, "    Chinese", "vm_chinese"),
    (_MINORITY, "    Black", "vm_black"),
    (_MINORITY, "    Filipino", "vm_filipino"),
    (_MINORITY, "    Arab", "vm_arab"),
    (_MINORITY, "    Southeast Asian", "vm_southeast_asian"),
    (_MINORITY, "    West Asian", "vm_west_asian"),
    (_MINORITY, "    Korean", "vm_korean"),
    (_MINORITY, "    Japanese", "vm_japanese"),
    (_MINORITY, "    Visible minority; n.i.e.", "vm_nie"),
    (_MINORITY, "    Multiple visible minorities", "vm_multiple"),
    (_MINORITY, "  Not a visible minority", "vm_not"),
    (_MINORITY, "    Latin American", "vm_latin_american"),
    (_STATUS, f"Total - Immigrant status and period of immigration {_PRIVATE}", "imm_universe"),
    (_STATUS, "  Non-immigrants", "non_immigrants"),
    (_STATUS, "  Immigrants", "immigrants"),
    (_STATUS, "  Non-permanent residents", "non_permanent"),
    (_INDIGENOUS, f"Total - Aboriginal identity {_PRIVATE}", "indigenous_universe"),
    (_INDIGENOUS, "  Aboriginal identity", "indigenous"),
    (
        _INCOME,
        "Total - Low-income status in 2015 for the population in private households to whom low-income concepts are "
        "applicable - 100% data",
        "lim_universe",
    ),
    (_INCOME, "In low income based on the Low-income measure, after tax (LIM-AT)", "lim_at"),
)
_WHOLE = {"vm_universe": 1300, "imm_universe": 300, "indigenous_universe": 300, "lim_universe": 300}


def profile_rows(areas, table=None):
    """Return the rows of a profile: those of a table, or a hundred persons in each group of each area."""
    return [
        (topic, name, [_WHOLE.get(column, 100)] * areas if table is None else table[column].tolist())
        for topic, name, column in PROFILE
    ]


def write_profiles(path, names, rows, city=None):
    """Write a file as the City of Toronto does: commas of thousands, the city first, one column a neighbourhood."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["_id", "Category", "Topic", "Data Source", "Characteristic", "City of Toronto"]
        writer.writerow([*head, *names])
        for number, (topic, name, values) in enumerate(rows, start=1):
            whole = (city or {}).get(name, sum(values))
            cells = [f"{value:,}" for value in (whole, *values)]
            writer.writerow([number, topic, topic, "Census Profile 98-316-X2016001", name, *cells])
    return path


def dimensions_of(option):
    """Return the dimensions that a file of settings declares."""
    stored = yaml.safe_load((CONFIGS / f"{option}.yaml").read_text())["source"]["dimensions"]
    return {name: Dimension(**{key: one[key] for key in one if key != "_target_"}) for name, one in stored.items()}
