"""
Change with its interval
========================

The last four weeks against the same weeks a year before. An interval that contains zero is no clear change.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2019-06-01")
change = ilp.describe_events(events, ilp.SquareGrid(500), parts=[ilp.ChangeTable()]).part("change").tables["change"]
rows = change.query("area == '' and comparison == 'same four periods last year'")
print(rows[["crime_type", "count", "earlier", "verdict"]].to_string(index=False))

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
sides = [rows["change"] - rows["low"], rows["high"] - rows["change"]]
axes.errorbar(rows["change"], range(len(rows)), xerr=sides, fmt="o")
axes.axvline(0, color="grey", linewidth=1)
axes.set_yticks(range(len(rows)), rows["crime_type"])
axes.invert_yaxis()
axes.set_xlabel("change in recorded crimes, 95 % interval")
