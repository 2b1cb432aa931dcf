"""A strategic threat assessment: evidence, judgement, harm and rank distribution of each crime type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.control_strategy import ControlStrategy
from ilp_models.strategy.threats.gaps import COLUMNS, IntelligenceGap
from ilp_models.strategy.threats.judgements import Judgements
from ilp_models.strategy.threats.threat_draws import ThreatCounts
from ilp_models.strategy.threats.threat_ranking import HarmRanking, rank_by_harm, select_weights
from ilp_models.strategy.yardstick import probability_word

SCHEMA: Final = 1


@dataclass(frozen=True, eq=False, repr=False)
class ThreatAssessment:
    """Threats (crime types) with their evidence, and their ranking under each harm set.

    Attributes
    ----------
    table : DataFrame
        One row for each threat: recorded and expected crimes of 12 months with interval, rate, trend, concentration,
        forecast error and confidence.
    areas : DataFrame
        The same counts for each threat in each area, with the harm under each set, and what a user gave by area.
    area_ranks : DataFrame
        Ranks of the areas with ties: for each threat, and by the harm of all threats under each set.
    rankings : tuple of HarmRanking
        One for each harm set.
    judgements : Judgements
        What analysts scored; unknown stays unknown.
    confidences : tuple of Confidence
        Of each threat, with reasons.
    gaps : sequence of IntelligenceGap
        What is not known, that which would separate the threats most first.
    left_out : mapping of str to str
        Crime types whose records depend on police activity, and the kind of that activity.
    facts : mapping
        Provenance: city, months, method, harm sets, settings and digests.
    """

    table: pd.DataFrame
    areas: pd.DataFrame
    area_ranks: pd.DataFrame
    rankings: tuple[HarmRanking, ...]
    judgements: Judgements
    confidences: tuple[Confidence, ...]
    gaps: Sequence[IntelligenceGap]
    left_out: Mapping[str, str]
    facts: Mapping[str, Any]
    indicators: pd.DataFrame
    counts: ThreatCounts
    strategy: ControlStrategy | None = None
    scenarios: pd.DataFrame | None = None

    @property
    def threats(self) -> tuple[str, ...]:
        """The crime types that are ranked."""
        return tuple(self.table["threat"])

    def ranks(self) -> pd.DataFrame:
        """Return the ranks of every threat under every harm set, side by side in long form.

        ``rank_from`` and ``rank_to`` are the ranks that the evidence leaves open; ``top_three`` is the probability of
        being among the first three, and ``above_next`` that of outranking the next in order.
        """
        rows = []
        for one in self.rankings:
            ranking, order = one.ranking, list(one.ranking.order)
            for place, at in enumerate(order):
                following = order[place + 1] if place + 1 < len(order) else None
                above = float("nan") if following is None else float(ranking.outranks[at, following])
                top = float(ranking.top_shares[at])
                rows.append(
                    {
                        "harm_set": one.weights.name,
                        "threat": ranking.names[at],
                        "order": place + 1,
                        "rank_from": int(ranking.rank_from[at]),
                        "rank_to": int(ranking.rank_to[at]),
                        "top_three": top,
                        "top_three_word": probability_word(top),
                        "next": "" if following is None else ranking.names[following],
                        "above_next": above,
                        "above_next_word": probability_word(above),
                        "tied_with": ", ".join(ranking.ties(at)),
                        **one.table.set_index("threat").loc[ranking.names[at]].to_dict(),
                    }
                )
        return pd.DataFrame(rows)

    def without(self, threat: str) -> tuple[HarmRanking, ...]:
        """Return the rankings of the other threats, from the same draws settings."""
        others = [at for at, name in enumerate(self.threats) if name != threat]
        counts = self.counts.select(others)
        scores = self.judgements.scores.iloc[others]
        judgements = replace(self.judgements, scores=scores)
        settings = RankDraws(int(self.facts["draws"]), float(self.facts["separation"]), int(self.facts["seed"]))
        return tuple(
            rank_by_harm(counts, select_weights(one.weights, others), judgements, settings) for one in self.rankings
        )

    @property
    def first(self) -> tuple[str, ...]:
        """Threats that can be first: those whose best open rank is 1 under at least one harm set."""
        rankings = [one.ranking for one in self.rankings]
        best = np.min([one.rank_from for one in rankings], axis=0)
        found = {name for name, rank in zip(self.threats, best, strict=True) if rank == 1}
        return tuple(threat for threat in self.threats if threat in found)

    def conclusions(self) -> list[str]:
        """Return the key judgements, one sentence each."""
        return [text for text, _ in self.key_judgements()]

    def key_judgements(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return each key judgement with the threats that it is about."""
        agreement = (self._on_agreement(), self.threats)
        return [(self._on_first(), self.first), self._on_change(), agreement, *self._on_gaps()]

    def _on_first(self) -> str:
        sets = ", ".join(one.weights.name for one in self.rankings)
        if len(self.first) == 1:
            return f"{self.first[0]} is the first threat under every harm set ({sets})."
        return f"{_listed(self.first)} can each be the first threat under at least one harm set ({sets})."

    def _on_change(self) -> tuple[str, tuple[str, ...]]:
        outside = self.table[
            (self.table["recorded"] < self.table["low"]) | (self.table["recorded"] > self.table["high"])
        ]
        if outside.empty:
            return "No threat has a forecast that is clearly above or below the last 12 months.", self.threats
        texts = [
            f"{row.threat} ({row.recorded:,.0f} to {row.expected:,.0f})" for row in outside.itertuples(index=False)
        ]
        return f"A clear change is expected for {_listed(texts)}.", tuple(outside["threat"])

    def _on_agreement(self) -> str:
        orders = {tuple(one.ranking.names[at] for at in one.ranking.order) for one in self.rankings}
        if len(orders) == 1:
            return "All harm sets give the same order."
        return "The order depends on the harm set. Read the ranks side by side before one is used."

    def _on_gaps(self) -> list[tuple[str, tuple[str, ...]]]:
        if not self.gaps or not self.gaps[0].gain.bits > 0:
            return []
        first = self.gaps[0]
        return [(f"The missing piece that would separate the threats most is {first.piece}.", (first.threat,))]

    def gaps_frame(self) -> pd.DataFrame:
        """Return what is not known, that which would separate the threats most first.

        ``bits`` is the expected fall of the uncertainty about the order of the threat and each other one, and ``pairs``
        that of the number of ties. ``top_three`` is the probability that the threat is among the first three at one end
        of the unknown range and not at the other. All are of ``harm_set``, where the fall is largest; empty if the gap
        is not part of the draws.
        """
        rows = []
        for gap in self.gaps:
            top = gap.gain.top_three
            gain = (gap.gain.bits, gap.gain.pairs, top, probability_word(top), gap.gain.harm_set)
            rows.append((gap.threat, gap.kind, gap.subject, gap.question, *gain))
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which a later assessment tells what rose and fell."""
        scores = self.judgements.scores.astype(object).where(self.judgements.scores.notna(), None)
        return {
            "schema": SCHEMA,
            "facts": dict(self.facts),
            "threats": _plain(self.table),
            "ranks": _plain(self.ranks()),
            "weights": [one.weights.to_dict() for one in self.rankings],
            "judgements": {str(threat): row.to_dict() for threat, row in scores.iterrows()},
            "left_out": dict(self.left_out),
            "gaps": _plain(self.gaps_frame()),
            "control_strategy": [] if self.strategy is None else _plain(self.strategy.table),
            "conclusions": [{"text": text, "threats": list(threats)} for text, threats in self.key_judgements()],
            "confidence_reasons": {
                name: list(one.reasons) for name, one in zip(self.threats, self.confidences, strict=True)
            },
        }

    def __repr__(self) -> str:
        """Return the key judgements and the ranks."""
        shown = self.ranks()[["harm_set", "threat", "rank_from", "rank_to", "top_three"]]
        return "\n".join([*self.conclusions(), shown.to_string(index=False, float_format="{:.2f}".format)])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    known = table.notna() & ~table.isin([np.inf, -np.inf])
    rows = table.astype(object).where(known, None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
