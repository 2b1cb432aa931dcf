import numpy as np
import pandas as pd
import pytest

from ilp_models.data.rival_table import FEWEST_SAMPLES, read_rival_table
from ilp_models.domain.errors import InputError

PLAIN = pd.DataFrame(
    {
        "crime_type": ["Theft", "Theft"],
        "cell": ["a", "b"],
        "period": ["2021-03-01", "2021-03-01/2021-03-07"],
        "lead": [1, 1],
        "expected": [0.5, 1.25],
    }
)


def read(table, folder, name="rival.csv", **writing):
    path = folder / name
    if name.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, **writing)
    return read_rival_table(str(path))


@pytest.mark.parametrize(
    ("name", "writing"), [("r.csv", {}), ("r.csv", {"sep": ";", "decimal": ","}), ("r.parquet", {})]
)
def test_every_format_gives_the_same_typed_columns(name, writing, tmp_path):
    found = read(PLAIN, tmp_path, name, **writing)
    assert found.table["expected"].tolist() == [0.5, 1.25]
    assert found.table["period"].tolist() == [pd.Timestamp("2021-03-01")] * 2
    assert found.table["cell"].astype(str).tolist() == ["a", "b"]
    assert found.samples == ()
    assert str(found.fault(1, "wrong.")) == f"forecasts={tmp_path / name}, row 2: wrong."


def test_other_columns_are_left_out(tmp_path):
    assert "remark" not in read(PLAIN.assign(remark="x"), tmp_path).table


def test_samples_in_rows_and_in_columns_are_one_table_and_their_mean_is_expected(tmp_path):
    draws = np.arange(2.0 * FEWEST_SAMPLES).reshape(2, -1)
    names = [f"sample_{number}" for number in range(1, FEWEST_SAMPLES + 1)]
    wide = PLAIN.drop(columns="expected").assign(period="2021-03-01").join(pd.DataFrame(draws, columns=names))
    long = wide.melt(["crime_type", "cell", "period", "lead"], var_name="sample")
    long["sample"] = long["sample"].str.removeprefix("sample_")
    one, other = read(wide, tmp_path), read(long, tmp_path, "long.csv")
    assert one.samples == other.samples == tuple(names)
    np.testing.assert_array_equal(one.table["expected"], draws.mean(axis=1))
    np.testing.assert_array_equal(other.table[names], draws)
    with pytest.raises(InputError, match="some units have fewer than 20 samples"):
        read(long.iloc[:-1], tmp_path, "short.csv")
    with pytest.raises(InputError, match=r"row 41: sample 1 of this unit is listed twice"):
        read(pd.concat([long, long.iloc[:1]]), tmp_path, "twice.csv")
    with pytest.raises(InputError, match=r"has 19 samples. Give at least 20"):
        read(wide.drop(columns=names[0]), tmp_path, "few.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"VICTIM_NAME": "x"}, "column 'VICTIM_NAME' looks like personal data"),
        ({"crime_type": None}, "no column crime_type"),
        ({"cell": None}, r"no column cell \(or geometry\)"),
        ({"period": None}, r"no column period \(or cutoff and lead\)"),
        ({"expected": None}, "no column expected"),
        ({"q05": 0.0}, "there is a column q05 and none of"),
        ({"sample_1": 0.0, "dispersion": 0.1}, "has samples and also quantiles or a dispersion"),
        ({"expected": ["1", "many"]}, "row 2: expected='many' is not a number"),
        ({"cell": ["a", ""]}, "row 2: cell is empty"),
        ({"period": ["2021-03-01", "soon"]}, "row 2: period='soon' is not a date"),
        ({"period": ["2021-03-01T00:00Z", "2021-03-01"]}, "row 1: period=.*has a time zone"),
    ],
)
def test_a_mistake_is_named_with_its_row(change, words, tmp_path):
    table = PLAIN.drop(columns=[name for name, value in change.items() if value is None])
    with pytest.raises(InputError, match=words):
        read(table.assign(**{name: value for name, value in change.items() if value is not None}), tmp_path)


def test_an_empty_and_a_damaged_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="has no rows"):
        read(PLAIN.iloc[:0], tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_rival_table(str(tmp_path / "a.parquet"))
