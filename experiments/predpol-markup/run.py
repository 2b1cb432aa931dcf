"""Measure the exposure of groups to deployed predictions in 38 US jurisdictions, and compare it with published counts.

python experiments/predpol-markup/run.py PATH    writes results.csv, exposure.csv and the tables of README.md

PATH is a folder with `block_groups.csv` and the tables that The Markup published; README.md names them.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.residents import Residents

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
EXCLUDED = "indianapolis"  # as in the study
SHARE = 0.05
RACE = {"White": "white_nh", "African American": "black_nh", "Latino": "hispanic", "Asian": "asian_nh"}
INCOME = {"Less than 45k": "hh_inc_lt45k", "45k or more": "hh_inc_ge45k"}
TOLERANCES = {"White": 0, "African American": 2, "Latino": 2, "Asian": 2, "Less than 45k": 2}
RULES = {"one more than 5 %, as the study's program": 1, "5 % of block groups, rounded": 0}


def main(data: Path) -> None:
    """Write both tables."""
    counts, exposure = reproduce(*read(data))
    counts.to_csv(FOLDER / "results.csv", index=False, lineterminator="\n")
    exposure.to_csv(FOLDER / "exposure.csv", float_format="%.4f", lineterminator="\n")
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: found[1] + format_tables(counts, exposure) + found[2], page.read_text("utf-8"))
    page.write_text(text, encoding="utf-8")


def read(data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return the block groups, and the published number of jurisdictions in which each group is targeted."""
    blocks = pd.read_csv(data / "block_groups.csv")
    tables = [pd.read_csv(data / "published" / f"{name}_at_prank_gt_total.csv") for name in ("race", "income")]
    published = pd.concat(tables)
    targeted = published[published["prank_filter"] == "in_max_tb"].set_index("demo")["num_jur"]
    return blocks[blocks["agency"] != EXCLUDED], targeted


def reproduce(blocks: pd.DataFrame, published: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return jurisdictions where a group is over-represented in the most targeted block groups, and exposures.

    A group's share of residents is larger there than in the jurisdiction if and only if its exposure ratio to all other
    residents is above 1.
    """
    agencies = dict(list(blocks.groupby("agency")))
    rows = []
    for rule, extra in RULES.items():
        ratios = pd.DataFrame({name: targeting(own, extra) for name, own in agencies.items()}).T
        for group, tolerance in TOLERANCES.items():
            ours, stated = int((ratios[group] > 1).sum()), int(published[group])
            rows.append([rule, group, stated, ours, len(ratios), tolerance, abs(ours - stated) <= tolerance])
    columns = ["rule", "group", "published", "ours", "jurisdictions", "tolerance", "met"]
    exposure = pd.DataFrame({name: predictions(own) for name, own in agencies.items()}).T
    return pd.DataFrame(rows, columns=columns), exposure.rename_axis("agency")


def residents(blocks: pd.DataFrame, groups: dict[str, str], total: np.ndarray) -> Residents:
    """Return the residents or households of each block group."""
    table = blocks[list(groups.values())].to_numpy(dtype=float)
    return Residents("group", tuple(groups), table, total.astype(float), table, 0.0)


def dimensions(blocks: pd.DataFrame) -> tuple[Residents, Residents]:
    """Return residents by race, and households by income if their income band is known."""
    households = blocks[list(INCOME.values())].to_numpy().sum(axis=1)
    return residents(blocks, RACE, blocks["pop"].to_numpy()), residents(blocks, INCOME, households)


def targeting(blocks: pd.DataFrame, extra: int) -> pd.Series:
    """Return exposure to the most targeted block groups over that of all others, by group."""
    order = np.argsort(-blocks["predictions"].to_numpy(), kind="stable")
    top = np.zeros((1, len(blocks), 1))
    top[0, order[: max(1, round(SHARE * len(blocks)) + extra)]] = 1
    parts = [pd.Series(formulas.exposure_ratio(sums(top, people))[0], people.groups) for people in dimensions(blocks)]
    return pd.concat(parts)


def sums(counts: np.ndarray, people: Residents) -> formulas.Totals:
    """Return sums of counts by group; one map has no interval over periods."""
    return tally_flags(Basis.from_residents(people), counts, counts).whole


def predictions(blocks: pd.DataFrame) -> pd.Series:
    """Return predictions in the block group of the average resident of each group, and ratios of them."""
    counts = blocks["predictions"].to_numpy(dtype=float)[None, :, None]
    race, income = (sums(counts, people) for people in dimensions(blocks))
    white = list(RACE).index("White")
    exposure = pd.Series(formulas.exposure(race)[0], list(RACE))
    ratio = pd.Series(formulas.exposure_ratio(race, reference=white)[0], list(RACE))
    ratio["Less than 45k"] = formulas.exposure_ratio(income)[0, 0]
    return pd.concat([exposure, ratio.drop("White").add_suffix(", ratio")])


def format_tables(counts: pd.DataFrame, exposure: pd.DataFrame) -> str:
    """Return the tables as Markdown."""
    ratios = exposure.filter(like=", ratio")
    angeles = ", ".join(f"{group} {exposure.loc['la', group]:.1f}" for group in RACE)
    lines = [
        "",
        "| most targeted | group | published | ours | of | tolerance | met |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.rule} | {row.group} | {row.published} | {row.ours} | {row.jurisdictions} | {row.tolerance} "
            f"| {'yes' if row.met else 'no'} |"
            for row in counts.itertuples()
        ),
        "",
        "| exposure to predictions over that of white residents (income: of other households) "
        "| median | lowest | highest | above 1.25 |",
        "|---|---|---|---|---|",
        *(
            f"| {name.removesuffix(', ratio')} | {one.median():.2f} | {one.min():.2f} | {one.max():.2f} "
            f"| {(one > 1.25).sum()} of {len(one)} |"
            for name, one in ratios.items()
        ),
        "",
        f"Los Angeles: predictions in the block group of the average resident: {angeles}.",
        "",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
