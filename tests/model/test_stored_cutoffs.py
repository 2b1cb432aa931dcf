from pathlib import Path

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.stored_cutoffs import newest_cutoff

STORED = [pd.Timestamp(day) for day in ("2021-03-01", "2020-01-06", "2020-06-01")]


@pytest.mark.parametrize(
    ("cutoff", "newest"),
    [("2020-01-06", 1), ("2020-05-31", 1), ("2020-06-01", 2), ("2021-02-28", 2), ("2030-01-01", 0)],
)
def test_the_newest_that_is_not_later_is_chosen(cutoff, newest):
    assert newest_cutoff(STORED, Path("pool"), pd.Timestamp(cutoff), "prior", "train") == STORED[newest]


def test_later_ones_and_an_empty_folder_are_refused():
    with pytest.raises(NotRunError, match=r"oldest prior in pool is of 2020-01-06 .*, after the cutoff 2020-01-05"):
        newest_cutoff(STORED, Path("pool"), pd.Timestamp("2020-01-05"), "prior", "train")
    with pytest.raises(InputError, match=r"^pool=pool has no prior\. Train one with train, or give the right folder"):
        newest_cutoff([], Path("pool"), STORED[0], "prior", "train")


def test_the_folder_of_a_run_that_has_not_finished_is_refused(tmp_path):
    (tmp_path / "UNFINISHED").touch()
    with pytest.raises(InputError, match="has not finished"):
        newest_cutoff(STORED, tmp_path, STORED[0], "prior", "train")
