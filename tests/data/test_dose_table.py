import pytest

from ilp_models.data.dose_table import read_dose
from ilp_models.domain.errors import InputError

GOOD = "cell,period,hours,crews,remarks\na,2026-01-19,1.5,2,\n b ,2026-01-26 00:00:00,0,,quiet\n,,,,\n"


def written(tmp_path, text):
    path = tmp_path / "dose.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_table_is_read_and_free_text_is_dropped(tmp_path):
    dose = read_dose(written(tmp_path, GOOD))
    assert dose.table["place"].tolist() == ["a", "b"]
    assert dose.table["row"].tolist() == [2, 3]
    assert (dose.hours, dose.dropped, dose.source) == (1.5, ("remarks",), "dose.csv")
    assert "quiet" not in dose.table.to_csv()
    assert read_dose(written(tmp_path, "Unit;Period;Hours\nnorth;2026-01-19;1,5\n")).hours == 1.5


def test_a_row_without_hours_is_not_reported_and_a_0_is_no_work(tmp_path):
    dose = read_dose(written(tmp_path, "cell,period,hours\na,2026-01-19,\nb,2026-01-19,0\nc,2026-01-19,2\n"))
    assert dose.table[["place", "row", "hours"]].to_numpy().tolist() == [["b", 3, 0], ["c", 4, 2]]
    assert dose.not_reported == 1
    with pytest.raises(InputError, match="no row has hours"):
        read_dose(written(tmp_path, "cell,period,hours\na,2026-01-19,\n"))


def test_the_table_of_the_assignment_with_hours_is_a_dose_by_unit(tmp_path):
    rows = "north 06-18,a,2026-01-19,True,06-18,2\nnorth 18-06,a,2026-01-19,False,18-06,\n"
    dose = read_dose(written(tmp_path, f"unit,cell,period,treated,shift,hours\n{rows}"))
    assert (dose.place_kind, dose.table["place"].tolist(), dose.not_reported) == ("unit", ["north 06-18"], 1)
    assert dose.dropped == ()


def weeks(tmp_path, *texts):
    """Return files of several weeks."""
    paths = [tmp_path / f"week{number}.csv" for number, _ in enumerate(texts, start=1)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_files_of_several_weeks_are_one_dose(tmp_path):
    first, second, third, units = weeks(
        tmp_path,
        "cell,period,hours\na,2026-01-19,1\na,2026-01-19,2\n",  # rows of one file are summed
        "cell;period;hours;remarks\na;2026-01-26;0,5;\nb;2026-01-26;;\n",
        "cell,period,hours\nc,2026-01-19,\nb,2026-01-26,1\n",
        "unit,period,hours\nnorth,2026-01-26,1\n",
    )
    dose = read_dose([first, second])
    assert (dose.hours, len(dose.table), dose.not_reported, dose.dropped) == (3.5, 3, 1, ("remarks",))
    assert dose.table["file"].tolist() == [str(first)] * 2 + [str(second)]
    repeated = r"week3.csv, row 3: cell 'b' in 2026-01-26 is also in .*week2.csv, row 3 \(1 such rows"
    with pytest.raises(InputError, match=repeated):
        read_dose([first, second, third])
    with pytest.raises(InputError, match="is also in"):
        read_dose([first, first])
    with pytest.raises(InputError, match="some files have the column 'cell' and some 'unit'"):
        read_dose([first, units])
    with pytest.raises(InputError, match=r"dose=\[\] has no file"):
        read_dose([])


@pytest.mark.parametrize(
    "column",
    [
        "officer",
        "Officer_ID",
        "badge no",
        "call sign",
        "CallSign",
        "car",
        "vehicle_reg",
        "patrol id",
        "driver",
        "name",
        "gps",
        "lat",
        "Longitude",
        "x",
        "track",
        "e-mail",
        "geometry",
        "Kennzeichen",
        "vehicles",
        "radioID",
        "\u043efficer",
    ],
)
def test_officers_cars_and_positions_are_refused(tmp_path, column):
    with pytest.raises(InputError, match="identifies an officer, a car or a position"):
        read_dose(written(tmp_path, f"cell,period,hours,{column}\na,2026-01-19,1,q\n"))


@pytest.mark.parametrize("column", ["remarks", "watch", "weather", "district", "hours_planned"])
def test_other_columns_are_not_refused(tmp_path, column):
    assert read_dose(written(tmp_path, f"cell,period,hours,{column}\na,2026-01-19,1,q\n")).dropped == (column,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cell,hours\na,1\n", "has no column 'period'"),
        ("place,period,hours\na,2026-01-19,1\n", "has no column 'cell'"),
        ("cell,period,hours\n", "has no row"),
        ("cell,period,hours\na,2026-01-19,1\nb,2026-01-19,-1\n", "row 3: hours='-1' is not a number"),
        ("cell,period,hours\na,2026-01-19,nan\n", r"row 2: hours=AAA \(masked\)"),
        ("cell,period,hours\na,2026-01-19,\nb,2026-01-19,none\n", r"row 3: hours=AAAA \(masked\)"),
        ("cell,period,hours,crews\na,2026-01-19,1,Maria\n", r"row 2: crews=AAAAA \(masked\) is not a number"),
        ("cell,period,hours,Hours\na,2026-01-19,1,2\n", "the column 'hours' twice"),
        ("cell,period,hours\na,19/01/2026,1\n", "row 2: period='19/01/2026' is not a day"),
        ("cell,period,hours\n,2026-01-19,1\n", "row 2: the cell is empty"),
        ("cell,period,hours\nMaria Smith,2026-01-19,1\n", r"row 2: \S+ .*masked\) looks like personal data"),
    ],
)
def test_a_mistake_is_named_with_its_row(tmp_path, text, said):
    with pytest.raises(InputError, match=said) as error:
        read_dose(written(tmp_path, text))
    assert "Maria" not in str(error.value)
