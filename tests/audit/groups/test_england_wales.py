from dataclasses import replace

import pandas as pd
import pytest

from ilp_models.audit.groups.count_columns import Dimension
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.england_wales import CensusBulkTables
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from tests.builders import square_grid

# The columns of the bulk files of Census 2021; TS011 writes the measure behind each of them.
PEOPLE = """date,geography,geography code,"Ethnic group: Total: All usual residents","Ethnic group: White",\
"Ethnic group: Asian, Asian British or Asian Welsh","Ethnic group: Asian, Asian British or Asian Welsh: Indian"
2021,Leeds 001A,E01011264,1500,1200,300,100
2021,Leeds 001F,E01035043,1600,1000,600,150
2021,York 001A,E01013400,1700,1500,200,50
"""
HOMES = """date,geography,geography code,Household deprivation: Total: All households; measures: Value,\
Household deprivation: Household is not deprived in any dimension; measures: Value
2021,York 001A,E01013400,700,400
2021,Leeds 001A,E01011264,600,200
2021,Leeds 001F,E01035043,650,250
"""
DIMENSIONS = {
    "ethnicity": Dimension(
        {"White": "Ethnic group: White", "Asian": "Ethnic group: Asian, Asian British or Asian Welsh"},
        residents="Ethnic group: Total: All usual residents",
    ),
    "deprivation": Dimension(
        {"none": "Household deprivation: Household is not deprived in any dimension"},
        residents="Household deprivation: Total: All households",
        rest="some",
    ),
}


@pytest.fixture
def tables(tmp_path):
    """Write both files and return them as a source."""

    def write(people=PEOPLE, homes=HOMES, **settings):
        for name, text in (("ts021", people), ("ts011", homes)):
            (tmp_path / f"census2021-{name}-lsoa.csv").write_text(text)
        paths = [str(tmp_path / f"census2021-{name}-lsoa.csv") for name in ("ts021", "ts011")]
        return CensusBulkTables(paths, DIMENSIONS, **settings)

    return write


def test_published_bulk_tables_are_read(tables):
    table = GroupTable(source=tables(only=["Leeds"]), residents="residents").read()
    rows = table.set_index(["dimension", "area", "group"])["population"]
    assert rows["ethnicity", "E01035043", "Asian"] == 600
    assert rows["deprivation", "E01011264", "some"] == 400
    assert "E01013400" not in set(table["area"])


def test_changed_codes_need_a_crosswalk_with_weights(tables, tmp_path):
    grid = replace(square_grid(1, 2), cells=pd.Index(["E01011264", "E01011265"]), parents=pd.DataFrame())
    settings = {"residents": "residents", "unmatched": "refuse"}
    with pytest.raises(
        InputError, match=r"1 areas of the grid are not in the group table .*: 'E01011265'[.] Give a cross"
    ):
        GroupTable(source=tables(only=["Leeds"]), **settings).to_cells(grid)
    path = tmp_path / "lookup.csv"
    path.write_text("old,new\nE01011264,E01011264\nE01011264,E01035043\nE01011265,E01035043\n")
    with pytest.raises(InputError, match="divides 1 areas, such as 'E01035043'"):
        tables(only=["Leeds"], crosswalk=Crosswalk(str(path), "new", "old")).groups()
    path.write_text("old,new,part\nE01011264,E01011264,1\nE01011264,E01035043,0.25\nE01011265,E01035043,0.75\n")
    made = tables(only=["Leeds"], crosswalk=Crosswalk(str(path), "new", "old", "part"))
    people = GroupTable(source=made, **settings).to_cells(grid)[1]
    assert people.total.tolist() == [1500 + 400, 1200]
    assert people.missing == 0


def test_a_crosswalk_that_loses_areas_is_refused(tables, tmp_path):
    path = tmp_path / "lookup.csv"
    path.write_text("old,new\nE01011264,E01011264\n")
    with pytest.raises(InputError, match=r"1 of 2 published areas are not in the crosswalk .* such as 'E01035043'"):
        tables(only=["Leeds"], crosswalk=Crosswalk(str(path), "new", "old")).groups()


def test_lost_areas_count_as_missing(tables):
    grid = replace(square_grid(1, 2), cells=pd.Index(["E01011264", "E01011265"]), parents=pd.DataFrame())
    people = GroupTable(source=tables(only=["Leeds"]), residents="residents").to_cells(grid)[1]
    assert people.unmatched == ("E01035043", "E01011265")
    assert people.missing == pytest.approx((1600 + 1500) / (1500 + 1600 + 1500))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("E01035043", "E02002330"),
            "'E02002330' in column 'geography code' is not an LSOA code. Use the file whose name ends with -lsoa.csv",
        ),
        (("geography code", "mnemonic"), "no 'geography code'"),
        (("E01035043", "E01011264"), "has area 'E01011264' more than once|is in one file"),
        (("1200,300", "c,300"), "'Ethnic group: White' of area 'E01011264' is 'c', which is not a count"),
    ],
)
def test_a_file_in_another_format_is_refused(tables, change, words):
    with pytest.raises(InputError, match=words):
        tables(PEOPLE.replace(*change)).groups()


def test_an_unknown_authority_is_refused(tables):
    with pytest.raises(
        InputError, match=r"no area whose name starts with 'Leads'\. Correct audit\.groups\.source\.only"
    ):
        tables(only=["Leads"]).groups()
