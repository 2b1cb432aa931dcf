"""Recompute every published weighted displacement difference, and say how far each is from the printed one.

python experiments/wdd-published/run.py COUNTS HARM    writes results.csv and the table of README.md

COUNTS is the file with the published counts, HARM that with the weights of five crime types.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

import ilp_models as ilp
from ilp_models.stats.displacement_difference import displacement_difference

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
PLACES = ("treated", "control", "disp_treated", "disp_control")
PRINTED = {"D": "printed_D", "SE": "printed_SE", "Z": "printed_Z", "ci_low": "printed_low", "ci_high": "printed_high"}


def main(words: list[str]) -> int:
    """Recompute all rows and write the table."""
    published = pd.read_csv(words[0])
    before, after = (published[[f"{one}_{when}" for one in PLACES]].to_numpy(float) for when in ("pre", "post"))
    areas = published[[f"area_w_{one}" for one in PLACES]].to_numpy(float)
    lengths = np.stack([published[f"time_w_{when}"].to_numpy(float)[:, None] for when in ("pre", "post")])
    difference, error = displacement_difference(before, after, areas * lengths)
    width = norm.isf(published["alpha"] / 2) * error
    own = pd.DataFrame(
        {
            "D": difference,
            "SE": error,
            "Z": difference / error,
            "ci_low": difference - width,
            "ci_high": difference + width,
        }
    )
    table = pd.concat([published[["case"]], own, published[list(PRINTED.values())]], axis=1)
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.9g", lineterminator="\n")
    reference = (own - published[list(PRINTED)]).abs().to_numpy().max()
    lines = ["| case | difference | standard error | printed difference | printed error |", "|---" * 5 + "|"]
    for row in table.to_dict("records"):
        printed = [f"{row[name]:g}" if np.isfinite(row[name]) else "-" for name in ("printed_D", "printed_SE")]
        lines.append(f"| {row['case']} | {row['D']:.6f} | {row['SE']:.6f} | {' | '.join(printed)} |")
    text = "\n".join(
        [
            "",
            *lines,
            "",
            harm_line(pd.read_csv(words[1])),
            f"Largest distance from an independent computation of the {len(table)} rows: {reference:.1e}.",
            f"Made with {ilp.describe_code()}.",
            "",
            "",
        ]
    )
    page = FOLDER / "README.md"
    page.write_text(MARKED.sub(lambda found: found[1] + text + found[2], page.read_text("utf-8")), encoding="utf-8")
    return 0


def harm_line(parts: pd.DataFrame) -> str:
    """Return the difference in harm: the weighted sum of the differences of crime types."""
    weights = parts["weight"].to_numpy(float)
    total, error = weights @ parts["D"], np.sqrt(weights**2 @ parts["SE"] ** 2)
    return (
        f"Harm with the weights {', '.join(f'{one:g}' for one in weights)}: {total:,.0f}, standard error {error:.4f}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
