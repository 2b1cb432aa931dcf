import pandas as pd

from ilp_models.domain.dose import CELL, HOURS, Dose


def test_hours_are_summed_over_the_table():
    dose = Dose("avl.csv", CELL, pd.DataFrame({HOURS: [1.5, 2.0, 1000.0]}))
    assert dose.hours == 1003.5
    assert repr(dose) == "<Dose: avl.csv, 3 rows by cell, 1,003.5 hours>"
