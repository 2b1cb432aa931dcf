"""
What moves a forecast
=====================

Mean attribution of each feature family to the expected count (SHAP), over all squares. The reasons explain the model,
not crime.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2019-01-01")
forecast = ilp.make_forecast(ilp.LightGBM(), events, ilp.SquareGrid(2000))
explanation = ilp.explain_forecast(forecast)
importance = explanation.importance("family").sort_values("multiplier")

figure, axes = plt.subplots(figsize=(6, 3))
axes.barh(importance["family"], importance["multiplier"] - 1, left=1)
axes.set_xlabel("mean factor on the expected count")
figure.tight_layout()
