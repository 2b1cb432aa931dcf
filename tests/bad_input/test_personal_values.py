"""Values of rejected records appear in no output of a run, only in the file that the user asks for."""

import json
import stat

import pandas as pd
import pytest

from tests.bad_input.run_commands import BACKTEST, OWN_DATA, QUICK, run_folders, sample_records

pytestmark = pytest.mark.slow

SECRETS = ("Novak", "Mill Road", "Zdravko", "0161 555", "51.7654321", "7.1234567", "19800213", "mary@mail.org")
WITH_MLFLOW = (*(word for word in BACKTEST if not word.startswith("tracking=")), "tracking=mlflow")


def spoiled_records():
    """Return records of which some hold a name, an address or a number where a time, place or type belongs."""
    table = sample_records().astype({"Latitude (deg)": "object", "Lng": "object"})
    table.loc[5, "When"] = "ask Mary Novak, 12 Mill Road"
    table.loc[6, "When"] = "19800213"
    table.loc[7, "Lng"] = "12 Mill Road"
    table.loc[8, "Latitude (deg)"] = "mary@mail.org"
    table.loc[9, ["Latitude (deg)", "Lng"]] = [51.7654321, 7.1234567]  # far from all others
    table.loc[10:13, "Offence"] = "Zdravko Zdravkovski"
    table.loc[14:20, "Offence"] = "Mary Novak, 0161 555 010"
    table.loc[21, "When"] = "13/02/2199 10:00"
    return table


def set_aside():
    types = ", ".join(f"{name}: {name}" for name in sorted(sample_records()["Offence"].unique()))
    return (f"data.crime_types={{{types}}}", "data.unmapped=set_aside")


def texts_in(folder):
    """Return the content of every file below a folder as text, tables included."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("crimes.csv", "rejects.csv"):
            yield path, path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                yield path, pd.read_parquet(path).to_csv()


def leaks(folder, result):
    found = [(secret, path.name) for path, text in texts_in(folder) for secret in SECRETS if secret in text]
    return found + [(secret, "terminal") for secret in SECRETS if secret in result.out + result.err]


@pytest.mark.parametrize("write", ["csv", "extra fields"])
def test_a_finished_run_shows_no_value_of_a_rejected_record(ilp, folder, write):
    spoiled_records().to_csv(folder / "crimes.csv", index=False)
    if write == "extra fields":
        with (folder / "crimes.csv").open("a") as file:
            file.write("theft,01/02/2019 10:00,Novak,12 Mill Road,7.1234567,x,y,z\n")
    result = ilp(*WITH_MLFLOW, *set_aside())
    assert result.code == 0, result.err
    assert list(folder.rglob("mlflow.db"))
    assert leaks(folder, result) == []
    (run,) = run_folders(folder, "backtest")
    shown = json.loads((run / "intake.json").read_text())["findings"]
    examples = {one["rule"]: one["examples"] for one in shown}
    assert "crimes.csv record 6, When=AAA AAAA AAAAA, 99 A..." in examples["time missing or unreadable"]
    assert "crimes.csv record 7, When=99999999" in examples["time missing or unreadable"]
    assert examples["coordinates outside the study area"] == [
        "crimes.csv record 10, Lng=9.9999999, Latitude (deg)=99.9999999"
    ]
    assert not list(folder.rglob("rejects.csv"))


def test_a_stopped_run_shows_no_value_of_a_rejected_record(ilp, folder):
    table = spoiled_records()
    table.loc[:, "When"] = [f"Novak {number}, 12 Mill Road" for number in range(len(table))]
    table.to_csv(folder / "crimes.csv", index=False)
    result = ilp("weekly", *OWN_DATA, *QUICK, *set_aside(), "export.formats=[csv]")
    assert result.code == 1
    assert leaks(folder, result) == []


@pytest.mark.parametrize("unmapped", ["refuse", "keep"])
def test_unmapped_labels_are_masked_where_they_are_rare_or_personal(ilp, folder, unmapped):
    spoiled_records().to_csv(folder / "crimes.csv", index=False)
    result = ilp(*BACKTEST, set_aside()[0], f"data.unmapped={unmapped}")
    assert result.code == 1
    assert "AAAA AAAAA, 9999 999..." in result.error_line
    assert leaks(folder, result) == []


def test_a_file_without_header_shows_no_value(ilp, folder):
    spoiled_records().iloc[5:].to_csv(folder / "crimes.csv", index=False, header=False)
    result = ilp(*BACKTEST)
    assert result.code == 1
    assert "the first line looks like a record. Add a header line" in result.error_line
    assert leaks(folder, result) == []


def test_rejects_hold_the_values_and_only_their_owner_reads_them(ilp, folder):
    spoiled_records().to_csv(folder / "crimes.csv", index=False)
    (folder / "public.csv").write_text("old")
    (folder / "public.csv").chmod(0o644)
    (folder / "rejects.csv").symlink_to(folder / "public.csv")
    result = ilp(*WITH_MLFLOW, *set_aside(), "data.rejects=rejects.csv")
    assert result.code == 0, result.err
    rejects = pd.read_csv(folder / "rejects.csv", dtype=str)
    assert rejects["When"].str.contains("Novak").any()
    assert rejects["Offence"].str.contains("Zdravko").sum() == 4
    mode = (folder / "rejects.csv").lstat().st_mode
    assert stat.S_ISREG(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert (folder / "public.csv").read_text() == "old"
    assert leaks(folder, result) == []


def test_the_status_of_a_failed_run_shows_no_personal_value(folder, ilp):
    """The file is read by schedulers, which write it to their logs."""
    spoiled_records().to_csv(folder / "crimes.csv", index=False)
    words = (word for word in QUICK if not word.startswith("data.max_rejected_share"))
    result = ilp("weekly", *OWN_DATA, *words, *set_aside(), "data.max_rejected_share=0")
    assert result.code == 1
    status = json.loads((folder / "outputs" / "weekly" / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("failed", 1)
    assert status["run"] == str(run_folders(folder)[-1])
    start, _, rest = status["reasons"][0].partition(" ... (")
    assert result.error_line.startswith(f"ilp: {start}")
    assert rest.endswith("more characters)")
    assert not [secret for secret in SECRETS if secret in json.dumps(status)]
