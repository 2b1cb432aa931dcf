"""
When crime is recorded
======================

Records by day of the week and hour. Exactly midnight and noon often mean that the time is unknown; the description says
so in its notes.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2020-12-01").select_types(["Assault"])
part = ilp.describe_events(events, ilp.SquareGrid(500), parts=[ilp.HourProfile()]).part("hours")
rows = part.tables["hours"].query("area == ''")
print(*part.notes, sep="\n")

figure, axes = plt.subplots(figsize=(8, 3))
image = axes.imshow(rows.pivot(index="weekday", columns="hour", values="events"), aspect="auto", cmap="magma_r")
axes.set_yticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
axes.set_xlabel("hour of the day")
figure.colorbar(image, label="assaults in 52 weeks")
