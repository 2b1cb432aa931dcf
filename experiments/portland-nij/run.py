"""Replay the NIJ challenge in Portland, and score any later period by its rules; needs the package.

python experiments/portland-nij/run.py data.path=CALLS grid.area=DISTRICTS
    writes half_lives.csv, summary.csv, origin.json and the tables of README.md, and what each entry
    caught from each origin to outputs/portland-nij/tallies.parquet
python experiments/portland-nij/run.py data.path=CALLS grid.area=DISTRICTS --evaluate LATER
    prints what forecasts made at the end of CALLS catch in LATER, a file of the same columns; writes nothing

CALLS is a file of calls in the columns of configs/data/portland_parquet.yaml, DISTRICTS the polygon file of the police
districts that the challenge gave out. Further words change settings, such as compute.jobs=2.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import ilp_models as ilp
from ilp_models.pipeline.nij_challenge import ChallengeEntry, evaluate, replay_challenge
from ilp_models.scoring.nij_challenge import FOOT, HORIZONS, least_cells

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
import tables  # noqa: E402 - in this folder
from tables import SIDES  # noqa: E402

CONFIGS = FOLDER.parents[1] / "configs"
HALF_LIVES = (4, 8, 13, 17, 26, 39, 52, 78, 104, 208)  # weeks
ON_FOUND_GRIDS = "empirical_bayes"  # also entered there, with the decayed count
SEARCH_FOR = "1 month"  # whose half-life the search for its grid takes
EVERY, REFIT = 2, 26  # weeks between origins, origins between fits


@dataclass(frozen=True)
class Pool:
    """Crime types forecast from the same records: what they are, and from when settings are chosen and tested."""

    name: str
    data: dict[str, object]
    chosen_from: str
    tested_from: str


CALLS = dict.fromkeys(("BURGLARY", "MOTOR VEHICLE THEFT", "STREET CRIMES", "OTHER"), "All calls")
POOLS = (
    Pool("crimes", {}, "2013-09-04", "2015-03-04"),
    # Other calls are missing from 2013 to 2015; what is left is too short for more than the decayed count.
    Pool("all calls", {"crime_types": CALLS, "start": "2016-01-01"}, "2016-04-06", "2016-08-03"),
)


def main(words: list[str]) -> int:
    """Return an exit code, having replayed the challenge or evaluated a later period."""
    later = None
    if "--evaluate" in words:
        place = words.index("--evaluate")
        if place + 1 == len(words):
            sys.stderr.write("run.py: --evaluate needs the file of the later calls after it\n")
            return 2
        later, words = words[place + 1], words[:place] + words[place + 2 :]
    with initialize_config_dir(str(CONFIGS), version_base=None):
        cfg = compose("backtest", overrides=["experiment=portland-nij", *words])
    try:
        return replay(cfg) if later is None else judge(cfg, later)
    except ilp.InputError as error:
        sys.stderr.write(f"run.py: {error}\n")
        return 1


def replay(cfg: DictConfig) -> int:
    """Choose half-lives on early origins, replay all entries from the later ones, and write the tables."""
    compute, chosen, results, not_run, facts = instantiate(cfg.compute), [], [], {}, {}
    for pool in POOLS:
        events = records(cfg, pool)
        facts[pool.name] = {"data": events.digest()[:16], "events": len(events)}
        tested = pd.Timestamp(pool.tested_from)
        past = events.known_at(tested)
        tried, _ = replay_challenge(
            [one for score in SIDES for one in decays(cfg, score, HALF_LIVES)],
            past,
            origins(pool.chosen_from, past.end),
            REFIT,
            compute,
        )
        settings = tables.choose(tried)
        chosen.append(settings)
        table, reasons = replay_challenge(
            entries(cfg, settings, events), events, origins(pool.tested_from, events.end), REFIT, compute
        )
        results.append(tables.pick(table, settings))
        not_run |= reasons
    kept = Path(cfg.output) / "portland-nij"
    kept.mkdir(parents=True, exist_ok=True)
    pd.concat(results).to_parquet(kept / "tallies.parquet")
    tables.write(FOLDER, pd.concat(chosen), pd.concat(results), not_run, facts, EVERY)
    return 0


def judge(cfg: DictConfig, later: str) -> int:
    """Print what forecasts made at the end of the known records catch in a file of later ones."""
    settings = pd.read_csv(FOLDER / "half_lives.csv")
    results, crimes = [], 0
    for pool in POOLS:
        known = records(cfg, pool)
        after = records(cfg, pool, path=later, start=str(known.end.date()), end=None)
        if len(after) == crimes:
            sys.stderr.write(
                f"{pool.name} not scored: {later} holds no other calls than those of the three categories\n"
            )
            continue
        crimes = len(after)
        table, reasons = evaluate(entries(cfg, settings, known), known, after, instantiate(cfg.compute))
        results.append(tables.pick(table, settings))
        for name, reason in reasons.items():
            sys.stderr.write(f"{name} not run: {reason}\n")
    sys.stdout.write(tables.evaluation(pd.concat(results)))
    return 0


def records(cfg: DictConfig, pool: Pool, **changes: object) -> ilp.Events:
    """Return the events of a pool of crime types."""
    settings = {**OmegaConf.to_container(cfg.data, resolve=True), **pool.data, **changes}
    return instantiate(settings, _convert_="all").read()


def origins(first: str, end: pd.Timestamp) -> list[pd.Timestamp]:
    """Return the origins from a day on whose shortest horizon is over by the end."""
    last = end - pd.Timedelta(days=min(HORIZONS.values()))
    return list(pd.date_range(first, last, freq=f"{7 * EVERY}D"))


def entries(cfg: DictConfig, settings: pd.DataFrame, events: ilp.Events) -> list[ChallengeEntry]:
    """Return everything that is compared on some events: methods on squares, the decayed count on found grids too."""
    made = []
    for score in SIDES:
        mine = settings[(settings["score"] == score) & settings["crime_type"].isin(events.crime_types)]
        made += decays(cfg, score, sorted(mine["half_life"].unique()))
        for kind, of_kind in mine.groupby("crime_type"):
            made += decays(cfg, score, sorted(of_kind["half_life"].unique()), kind)
        if len(events.crime_types) > 1:
            made += [
                ChallengeEntry(
                    name,
                    tables.grid(SIDES[score]),
                    instantiate(one, _convert_="all"),
                    squares(cfg, score),
                    cells(score),
                )
                for name, one in cfg.model.items()
            ]
            made += found(cfg, score, mine[mine["horizon"] == SEARCH_FOR])
    return made


def found(cfg: DictConfig, score: str, settings: pd.DataFrame) -> list[ChallengeEntry]:
    """Return a method on the grid found for each crime type."""
    return [
        ChallengeEntry(
            ON_FOUND_GRIDS,
            tables.grid(SIDES[score], searched=True),
            instantiate(cfg.model[ON_FOUND_GRIDS], _convert_="all"),
            searched(cfg, score, half_life),
            cells(score),
            crime_types=(kind,),
        )
        for kind, half_life in settings[["crime_type", "half_life"]].itertuples(index=False)
    ]


def decays(cfg: DictConfig, score: str, half_lives: list[float], kind: str | None = None) -> list[ChallengeEntry]:
    """Return the decayed counts of some half-lives: on squares, or for one crime type on the grid found for it."""
    return [
        ChallengeEntry(
            tables.named(half_life),
            tables.grid(SIDES[score], searched=kind is not None),
            ilp.EWMA(half_lives=(half_life,), smoothing=(0.0,)),
            squares(cfg, score) if kind is None else searched(cfg, score, half_life),
            cells(score),
            crime_types=None if kind is None else (kind,),
        )
        for half_life in half_lives
    ]


def squares(cfg: DictConfig, score: str) -> ilp.SquareGrid:
    """Return the squares on which a score is taken; n* needs every cell of the city, PAI those with a past or near."""
    active = "all" if score == "PEI" else cfg.grid.active
    return ilp.SquareGrid(SIDES[score] * FOOT, active=active, area=cfg.grid.area)


def searched(cfg: DictConfig, score: str, half_life: float) -> ilp.RandomSearchGrid:
    """Return the search for the grid on which a decayed count is most concentrated."""
    return ilp.RandomSearchGrid(
        SIDES[score] * FOOT,
        cells(score),
        7 * half_life,
        tries=cfg.grid.tries,
        stretch=cfg.grid.stretch,
        seed=cfg.grid.seed,
        active="all" if score == "PEI" else cfg.grid.active,
        area=cfg.grid.area,
        parents={},  # rectangles of this size have too few records to learn a label from
    )


def cells(score: str) -> int:
    """Return how many cells are forecast: as few as the rules admit."""
    return least_cells(SIDES[score] ** 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
