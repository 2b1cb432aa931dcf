"""
Weekly risk map
===============

Expected assaults in each 500 m square of Toronto in the week after the records.
"""

import ilp_models as ilp

events = ilp.load_toronto(start="2020-01-01")
forecast = ilp.make_forecast(ilp.LightGBM(), events, ilp.SquareGrid(500))
forecast.plot("Assault")
