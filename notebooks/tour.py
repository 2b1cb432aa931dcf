# %% [markdown]
# # A tour of one weekly run
#
# This notebook reads the files of a finished run and computes nothing that is not in them. Make a run first, for
# instance `python3 tasks.py weekly experiment=simulated-city`, and set `ILP_RUN` to its folder if it is not the latest
# one. Open it with Jupytext as a notebook, or in an editor as the Python that it is.

# %%
import json
import os
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.scores import ScoreTable
from ilp_models.export.reader import read_forecast

RUN = Path(os.environ.get("ILP_RUN", "../outputs/weekly/latest"))
BASELINE = "ewma"
pd.options.display.max_colwidth = 120

# %% [markdown]
# ## What went in
#
# Every rule of the intake, with how many records it touched. Nothing is dropped in silence.

# %%
intake = json.loads((RUN / "intake.json").read_text(encoding="utf-8"))
print(f"{intake['source']}: {intake['rows_kept']:,} of {intake['rows_read']:,} rows kept")
print(f"{intake['start']} to {intake['end']}")
pd.DataFrame(intake["findings"])

# %% [markdown]
# ## The decision
#
# `Decision.from_dict` works the decision out anew from its findings, and refuses a file that was edited. There is no
# flag to read.

# %%
decision = Decision.from_dict(json.loads((RUN / "decision.json").read_text(encoding="utf-8")))
print("ADMITTED" if decision.admitted else "WITHHELD", "until" if decision.admitted else "", decision.valid_until)
for reason in decision.reasons:
    print("-", reason)

# %% [markdown]
# The findings behind it. `state` was judged from estimate, interval and limit; only `pass` speaks for a model.

# %%
findings = pd.DataFrame([finding.to_dict() for finding in decision.findings])
findings[["check", "crime_type", "group", "state", "estimate", "low", "high", "evidence", "required"]].round(3)

# %% [markdown]
# ## The forecast
#
# `read_forecast` rebuilds the very forecast, and notices when the file was changed. The decision is on this digest and
# no other.

# %%
forecast = read_forecast(RUN / "forecast.parquet")
print(f"{forecast.forecaster}, cutoff {forecast.cutoff:%Y-%m-%d}")
print("Decided on this forecast:", forecast.digest() == decision.forecast)
forecast.expected.sum("cell").to_pandas().round(1)

# %% [markdown]
# The same thing as a risk grid, one row a unit. Read the interval before the rank.

# %%
grid = gpd.read_parquet(RUN / "forecast.parquet")
crime_type = grid.groupby("crime_type", observed=True)["expected"].sum().idxmax()
one = grid[(grid["crime_type"] == crime_type) & (grid["period"] == grid["period"].min())]
one.nsmallest(10, "rank")[["rank", "cell", "area", "expected", "q05", "q50", "q95", "share", "grade"]]

# %%
figure, axes = plt.subplots(figsize=(7, 6))
one.plot("expected", ax=axes, cmap="magma_r", legend=True, legend_kwds={"label": "expected events per cell and period"})
axes.set_title(f"{crime_type}, {forecast.periods[0].start_time:%Y-%m-%d}, grade {one['grade'].iloc[0]}")
axes.set_axis_off()

# %% [markdown]
# ## How good such forecasts were
#
# `scores.csv` holds the scores of stored forecasts by period, unsummarised. A `ScoreTable` pools them and puts an
# interval on every number, from resampling whole periods in blocks.

# %%
scores = ScoreTable(pd.read_csv(RUN / "scores.csv"))
summary = scores.summarise(["forecaster"])
summary.pivot_table(index="forecaster", columns="score", values="value")[
    ["deviance", "log_score", "hit_rate_05", "pei_05", "sum_ratio", "coverage_90"]
].sort_values("deviance").round(4)

# %% [markdown]
# Skill is the share of the baseline's deviance that is saved. An interval that holds 0 is a tie: no difference was
# shown.

# %%
skill = scores.skill(BASELINE)
pooled = skill[(skill["crime_type"] == "all") & (skill["lead"] == 1)].sort_values("skill")
figure, axes = plt.subplots(figsize=(7, 3))
axes.hlines(pooled["forecaster"], pooled["low"], pooled["high"])
axes.plot(pooled["skill"], pooled["forecaster"], "o")
axes.axvline(0, linestyle=":", color="grey")
axes.set_xlabel(f"skill over {BASELINE}, {pooled['n'].iloc[0]} periods")
pooled.round(4)

# %% [markdown]
# The same by period: a mean hides in which weeks a method was worse.

# %%
by_period = scores.summarise(["forecaster", "period"])
deviance = by_period[by_period["score"] == "deviance"].pivot_table(index="period", columns="forecaster", values="value")
axes = deviance[list(scores.forecasters)].plot(figsize=(7, 3), rot=45)
axes.set_ylabel("mean Poisson deviance")

# %% [markdown]
# ## Why a cell is high
#
# The strongest reasons of the highest cell, as multipliers of the expected count. They explain the model, not crime.

# %%
reasons = pd.read_parquet(RUN / "explanation.parquet")
first = one.nsmallest(1, "rank")["cell"].iloc[0]
reasons[(reasons["cell"] == first) & (reasons["crime_type"] == crime_type)][["rank", "words", "multiplier"]].round(2)

# %% [markdown]
# ## What none of this shows

# %%
print(CAVEAT)
