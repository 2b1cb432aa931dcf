"""
When crime is recorded
======================

Records by weekday and hour of the day. Hours with round numbers, such as noon and midnight, are over-used in
most records; the intake report flags them.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2021-01-01").table.query("crime_type == 'Assault'")
hours = events.groupby([events["occurred_at"].dt.day_of_week, events["occurred_at"].dt.hour]).size().unstack()

figure, axes = plt.subplots(figsize=(8, 3))
image = axes.imshow(hours, aspect="auto", cmap="magma_r")
axes.set_yticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
axes.set_xlabel("hour of the day")
figure.colorbar(image, label="assaults in 2021")
