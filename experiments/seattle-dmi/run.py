"""Estimate the effect of Seattle's Drug Market Intervention, and compare it with the published values.

python experiments/seattle-dmi/run.py PATH    writes results.csv and the table of README.md

PATH is a folder with blocks.parquet and panel.parquet.
"""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp
from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.displacement import DisplacementDifference
from ilp_models.evaluation.synthetic_control import SyntheticControl
from ilp_models.stats.minimum_norm import minimum_norm_weights

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
BEFORE = 12  # quarters
JOINT = ("i_felony", "i_misdemea", "i_drugs", "any_crime")
NINE = ("i_robbery", "i_aggassau", "i_burglary", "i_larceny", "i_felony", "i_misdemea", "i_drugsale", "i_drugposs")
PUBLISHED = {  # change of the treated total, quarters 13 to 16: Robbins, Saunders and Kilmer 2017, and its R package
    ("synthetic control, any crime matched", "any_crime"): -0.2165,
    ("synthetic control, four outcomes matched", "i_felony"): -0.326,
    ("synthetic control, four outcomes matched", "i_misdemea"): -0.373,
    ("synthetic control, four outcomes matched", "i_drugs"): -0.158,
    ("synthetic control, four outcomes matched", "any_crime"): -0.201,
    ("synthetic control, nine outcomes matched", "any_crime"): -0.145,
}


def main(words: list[str]) -> int:
    """Estimate all effects and write the table."""
    began = time.process_time()
    folder = Path(words[0])
    blocks = pd.read_parquet(folder / "blocks.parquet").set_index("block")
    panel = pd.read_parquet(folder / "panel.parquet")
    counts = {
        one: panel.pivot_table(index="block", columns="quarter", values=one).loc[blocks.index].to_numpy(float)
        for one in {*JOINT, *NINE}
    }
    treated, covariates = blocks["treated"].to_numpy() == 1, blocks.drop(columns="treated").to_numpy(float)
    rows = list(estimates(counts["any_crime"], treated, covariates))
    for name, matched, shown in (
        ("any crime matched", ("any_crime",), ("any_crime",)),
        ("four outcomes matched", JOINT, JOINT),
        ("nine outcomes matched", (*NINE, "any_crime"), ("any_crime",)),
    ):
        rows += matched_effects(
            name, [counts[one] for one in matched], {one: counts[one] for one in shown}, treated, covariates
        )
    table = pd.DataFrame(rows)
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.8g", lineterminator="\n")
    lines = ["| method | outcome | treated | expected | change | 90 % interval | published |", "|---" * 7 + "|"]
    for row in rows:
        interval = f"[{row['low']:+.1%}, {row['high']:+.1%}]" if np.isfinite(row["low"]) else "-"
        known = PUBLISHED.get((row["method"], row["outcome"]))
        cells = [f"{row['treated']:.0f}", "no weights", "-"]
        if np.isfinite(row["expected"]):
            cells[1:] = [f"{row['expected']:.2f}", f"{row['change']:+.1%}"]
        published = "-" if known is None else f"{known:+.1%}"
        lines.append(f"| {row['method']} | `{row['outcome']}` | {' | '.join(cells)} | {interval} | {published} |")
    seconds = time.process_time() - began
    text = "\n".join(["", *lines, "", f"{seconds:.0f} CPU seconds. Made with {ilp.describe_code()}.", "", ""])
    page = FOLDER / "README.md"
    page.write_text(MARKED.sub(lambda found: found[1] + text + found[2], page.read_text("utf-8")), encoding="utf-8")
    return 0


def estimates(counts: np.ndarray, treated: np.ndarray, covariates: np.ndarray) -> list[dict[str, object]]:
    """Return the effect on one outcome by each estimator of an observational design."""
    given = np.repeat(treated[:, None], counts.shape[1] - BEFORE, axis=1)
    trial = TrialData(
        counts[:, :BEFORE], counts[:, BEFORE:], given, ilp.Observational(), np.zeros(len(counts), dtype=int)
    )
    seen = float(counts[treated, BEFORE:].sum())
    found = {
        "synthetic control": SyntheticControl().estimate(trial, 0.9, covariates),
        "difference in differences": DifferenceInDifferences().estimate(trial, 0.9),
        "displacement difference": DisplacementDifference().estimate(trial, 0.9),
        "displacement difference, Poisson": DisplacementDifference(poisson=True).estimate(trial, 0.9),
    }
    return [
        {
            "method": name,
            "outcome": "any_crime",
            "treated": seen,
            "expected": seen - one.events,
            "change": one.ratio - 1,
            "low": one.ratio_low - 1,
            "high": one.ratio_high - 1,
        }
        for name, one in found.items()
    ]


def matched_effects(
    name: str, matched: list[np.ndarray], shown: dict[str, np.ndarray], treated: np.ndarray, covariates: np.ndarray
) -> list[dict[str, object]]:
    """Return the change of each shown outcome under the weights that match some outcomes in all quarters before."""
    rows = np.vstack([np.ones(len(treated)), covariates.T, *[one[:, :BEFORE].T for one in matched]])
    weights = minimum_norm_weights(rows[:, ~treated], rows[:, treated].sum(axis=1))
    found = []
    for outcome, counts in shown.items():
        seen = counts[treated, BEFORE:].sum()
        expected = np.nan if weights is None else weights @ counts[~treated, BEFORE:].sum(axis=1)
        sums = {"treated": seen, "expected": expected, "change": seen / expected - 1, "low": np.nan, "high": np.nan}
        found.append({"method": f"synthetic control, {name}", "outcome": outcome, **sums})
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
