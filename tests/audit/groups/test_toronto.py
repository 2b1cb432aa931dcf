from dataclasses import replace

import pandas as pd
import pytest
import yaml

from ilp_models.audit.groups.count_columns import Dimension
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.groups.toronto import NeighbourhoodProfiles
from ilp_models.domain.errors import InputError
from tests.audit.groups.census_files import CONFIGS, dimensions_of, profile_rows, write_profiles
from tests.builders import square_grid

ORIGIN = {
    "origin": Dimension(
        {"Black": "Visible minority population: Black", "not": "Visible minority population: Not a visible minority"},
        residents="Visible minority population: Total - Visible minority",
        rest="others",
    )
}
NAMES = ["Annex", "L'Amoreaux", "Rouge"]
ROWS = [
    ("Visible minority population", "Total - Visible minority", [1000, 2000, 3000]),
    ("Visible minority population", "    Black", [100, 300, 500]),
    ("Ethnic origin population", "    Black", [7, 7, 7]),
    ("Visible minority population", "  Not a visible minority", [800, 1500, 1200]),
    ("Low income in 2015", "  0 to 17 years", [10, 20, 30]),
    ("Low income in 2015", "  0 to 17 years", [40, 50, 60]),
    ("Income of households in 2015", "Average after-tax income of households in 2015 ($)", [1, 2, 3]),
]


@pytest.fixture
def profiles(tmp_path):
    """Write a file in the City's layout and return it as a source."""

    def write(rows=ROWS, names=NAMES, dimensions=ORIGIN, city=None, **settings):
        path = write_profiles(tmp_path / "profiles.csv", names, rows, city)
        return NeighbourhoodProfiles(str(path), dimensions, **settings)

    return write


def test_rows_become_groups(profiles):
    table = GroupTable(source=profiles(), residents="residents").read()
    rows = table.set_index(["area", "group"])["population"]
    assert rows["L'Amoreaux", "Black"] == 300  # of its topic, not of ethnic origin
    assert rows["Rouge", "others"] == 1300
    assert set(table["area"]) == set(NAMES)


def test_averages_and_rates_are_refused(profiles):
    income = "Income of households in 2015: Average after-tax income of households in 2015 ($)"
    for row in (income, "Low income in 2015: 0 to 17 years (%)", "Income: Median income", "Housing: Rate of need"):
        with pytest.raises(InputError, match=r"is not a count of residents\. Averages, medians and rates"):
            profiles(dimensions={"income": Dimension({"mean": row})})


def test_a_row_name_with_several_populations_is_refused(profiles):
    with pytest.raises(InputError, match="has several rows 'Low income in 2015: 0 to 17 years'"):
        profiles(dimensions={"income": Dimension({"young": "Low income in 2015: 0 to 17 years"})}).groups()


def test_neighbourhoods_must_sum_to_the_city(profiles):
    with pytest.raises(InputError, match="Black' sums to 900 over 3 neighbourhoods, but the city has 1400"):
        profiles(city={"    Black": 1400}).groups()
    assert len(profiles(city={"    Black": 905}).groups())  # rounded


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Characteristic", "Row"), "has no 'Characteristic'"),
        (lambda text: text.replace("City of Toronto", "Toronto"), "has no 'City of Toronto'"),
        (
            lambda text: text.replace("Not a visible", "Not visible"),
            "the nearest are 'Visible minority population: Not",
        ),
        (lambda text: text.replace("300", "..."), "of area \"L'Amoreaux\" is '...', which is not a count"),
    ],
)
def test_a_file_in_another_format_is_refused(profiles, tmp_path, change, words):
    made = profiles()
    path = tmp_path / "profiles.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=words):
        made.groups()


def test_other_spellings_need_a_crosswalk(profiles, tmp_path):
    grid = replace(square_grid(1, 3), cells=pd.Index(["Annex", "LAmoreaux", "Rouge"]), parents=pd.DataFrame())
    settings = {"residents": "residents", "unmatched": "refuse"}
    with pytest.raises(InputError, match=r"'LAmoreaux' \(nearest: \"L'Amoreaux\"\)"):
        GroupTable(source=profiles(), **settings).to_cells(grid)
    path = tmp_path / "names.csv"
    path.write_text("census_name,event_name\nAnnex,Annex\nL'Amoreaux,LAmoreaux\nRouge,Rouge\n")
    made = profiles(crosswalk=Crosswalk(str(path), "census_name", "event_name"))
    (people,) = GroupTable(source=made, **settings).to_cells(grid)
    assert people.total.tolist() == [1000, 2000, 3000]
    assert people.missing == 0


def test_the_configured_groups_are_rows_of_the_file(profiles):
    """The labels in the configuration are those of the City's file; test_real_cities checks the sums."""
    made = profiles(rows=profile_rows(3), dimensions=dimensions_of("toronto"))
    table = GroupTable(source=made, residents="residents").read()
    assert set(table["dimension"]) == {"ethnicity", "immigration", "indigenous identity", "low income"}
    stored = yaml.safe_load((CONFIGS / "toronto.yaml").read_text())
    assert stored["unmatched"] == "refuse"
    assert stored["rounding"] == 5
