import numpy as np
import pytest

from ilp_models.audit.groups.count_columns import Dimension
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.groups.us_census import CensusDownloads
from ilp_models.domain.errors import InputError

# The layout of a download: a row of codes, a row of labels, an empty last column.
SURVEY = """GEO_ID,NAME,B03002_001E,B03002_001M,B03002_003E,B03002_003M,B03002_004E,B03002_004M,
Geography,Geographic Area Name,Estimate!!Total:,Margin of Error!!Total:,Estimate!!White,Margin!!White,Estimate!!Black,M,
1400000US41051000100,"Census Tract 1; Multnomah County; Oregon",4000,300,3000,200,500,150,
1400000US41051000200,"Census Tract 2; Multnomah County; Oregon",5000,*****,2500,100,1500,-555555555,
1400000US41005020100,"Census Tract 201; Clackamas County; Oregon",3000,300,2900,250,50,40,
"""
DECENNIAL = """GEO_ID,NAME,P2_001N,P2_002N,P2_005N
Geography,Geographic Area Name, !!Total:, !!Total:!!Hispanic or Latino, !!Total:!!White alone
1500000US410510001001,"Block Group 1; Census Tract 1; Multnomah County; Oregon",1200,100,900
1500000US410510001002,"Block Group 2; Census Tract 1; Multnomah County; Oregon",1400,300,1000
"""
RACE = {"race": Dimension({"White": "B03002_003E", "Black": "B03002_004E"}, residents="B03002_001E", rest="others")}
ORIGIN = {"origin": Dimension({"Hispanic": "P2_002N", "White": "P2_005N"}, residents="P2_001N", rest="others")}


@pytest.fixture
def download(tmp_path):
    """Write a data file and return it as a source."""

    def write(text=SURVEY, dimensions=RACE, name="ACSDT5Y2022.B03002-Data.csv", **settings):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        return CensusDownloads(str(tmp_path / name), dimensions, **settings)

    return write


def test_a_survey_is_read_with_its_margins(download):
    made = download(only=["41051"])
    table = GroupTable(source=made, residents="residents", margin="margin").read()
    rows = table.set_index(["area", "group"])
    assert rows.loc[("41051000100", "others"), "population"] == 500
    assert rows.loc[("41051000100", "White"), "margin"] == 200
    assert rows.loc[("41051000100", "others"), "margin"] == pytest.approx(np.sqrt(200**2 + 150**2 + 300**2))
    assert rows.loc[("41051000200", "Black"), "margin"] == 0  # set to a known count
    assert "41005020100" not in set(table["area"])


def test_a_decennial_census_has_no_margins(download):
    table = download(DECENNIAL, ORIGIN).groups()
    assert "margin" not in table
    assert table.set_index(["area", "group"])["population"]["410510001002", "others"] == 100


def test_the_user_defines_the_groups(download):
    other = {"race": Dimension({"all but Black": ["B03002_003E"], "Black": "B03002_004E"})}
    assert set(download(dimensions=other).groups()["group"]) == {"all but Black", "Black"}
    with pytest.raises(InputError, match="has no 'B03002_012E'; the nearest are"):
        download(dimensions={"race": Dimension({"Hispanic": "B03002_012E"})}).groups()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("1400000US41005020100", "0500000US41005"), "areas of the summary levels 050, 140. Download only tracts"),
        (("1400000US", "0500000US"), "areas of the summary levels 050. Download only tracts"),
        (("1400000US41005020100", "Clackamas"), "'Clackamas' in column GEO_ID is not a GEO_ID such as"),
        (("GEO_ID", "geoid"), "has no 'GEO_ID'"),
        (("1400000US41051000200", "1400000US41051000100"), "has area '41051000100' more than once"),
        ((",3000,200", ",-666666666,200"), "'B03002_003E' of area '41051000100' is '-666666666', which is not a count"),
        ((",3000,200", ",-,200"), "is '-', which is not a count"),
    ],
)
def test_a_file_in_another_format_is_refused(download, change, words):
    with pytest.raises(InputError, match=words):
        download(SURVEY.replace(*change)).groups()


def test_a_suppressed_margin_is_not_zero(download):
    made = download(SURVEY.replace(",3000,200", ",3000,**"))
    rows = made.groups().set_index(["area", "group"])["margin"]
    assert np.isnan(rows["41051000100", "White"])
