"""The assessment of a matrix of groups: ranking with ties, pairs, requirements and disagreement, as tables."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from html import escape
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.stats.rounding import round_half_up
from ilp_models.strategy.groups.disagreement import disagreement
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.ranking import DrawnScores, GroupRanking
from ilp_models.strategy.groups.requirements import Requirement, find_requirements
from ilp_models.strategy.rank_draws import RankDraws

_REQUIREMENT: Final = ("group", "attribute", "kind", "unknown_share", "bits", "pairs")
_PAIR: Final = ("group", "other", "p_outranks", "p_declared_weights", "verdict")


@dataclass(frozen=True, eq=False)
class GroupAssessment:
    """The ranking of the groups of a matrix, and what would separate them."""

    matrix: GroupMatrix
    settings: RankDraws
    ranking: GroupRanking
    requirements: tuple[Requirement, ...]  # the most useful first

    @classmethod
    def from_matrix(cls, matrix: GroupMatrix, settings: RankDraws) -> "GroupAssessment":
        """Return the assessment of a matrix."""
        drawn = DrawnScores.from_matrix(matrix, settings)
        return cls(matrix, settings, GroupRanking.from_draws(drawn), tuple(find_requirements(drawn)))

    @property
    def order(self) -> list[str]:
        """The groups, that with the lowest mean rank first."""
        return [self.ranking.groups[at] for at in self.ranking.order]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each group, the highest first: open ranks, range of the score, probabilities, evidence."""
        columns = [
            "group",
            *("members_known_at_least", "scorers", "rank_from", "rank_to", "tied_with"),
            *("score_low", "score_high", "draw_low", "draw_high", "p_first", "p_first_three"),
            *("attributes", "unknown", "scorers_differ", "low_confidence"),
        ]
        rows = [(self.ranking.groups[at], *self._rank(at), *self._evidence(at)) for at in self.ranking.order]
        return pd.DataFrame(rows, columns=columns)

    def _rank(self, at: int) -> tuple[object, ...]:
        """Return members, scorers, open ranks, ties, range of the score and probabilities of a group."""
        ranking, scheme, group = self.ranking, self.matrix.scheme, self.ranking.groups[at]
        drawn = (round_half_up(Fraction(str(float(one))), scheme.decimals) for one in ranking.intervals[at])
        return (
            self.matrix.members[group],
            len(self.matrix.by_group[group]),
            int(ranking.rank_from[at]),
            int(ranking.rank_to[at]),
            " ".join(ranking.ties(at)),
            *(float(scheme.rounded(end)) for end in self.matrix.score_range(group)),
            *map(float, drawn),
            float(ranking.rank_shares[at, 0]),
            float(ranking.top_shares[at]),
        )

    def _evidence(self, at: int) -> tuple[object, ...]:
        """Return attributes, how many are open and why, and the share of scores with low confidence."""
        group = self.ranking.groups[at]
        open_ones = [one for one in self.requirements if one.group == group]
        stated = self._confidences[group]
        return (
            len(self.matrix.scheme.marks),
            sum(one.unknown_share > 0 for one in open_ones),
            sum(one.unknown_share == 0 for one in open_ones),
            stated.count("low") / len(stated) if stated else np.nan,
        )

    @cached_property
    def _confidences(self) -> dict[str, list[str]]:
        stated: dict[str, list[str]] = {group: [] for group in self.matrix.groups}
        for one in self.matrix.judgements:
            if one.points is not None:
                stated[one.group].append(one.confidence)
        return stated

    def pairs(self) -> pd.DataFrame:
        """Return one row for each pair: how probable it is that the first group outranks the second.

        ``p_declared_weights`` keeps the declared weights, so that the difference shows how much the weights matter.
        """
        ranking, rows = self.ranking, []
        for place, first in enumerate(ranking.order):
            for second in ranking.order[place + 1 :]:
                one, two = (first, second) if ranking.outranks[first, second] >= 0.5 else (second, first)
                values = (float(ranking.outranks[one, two]), float(ranking.outranks_declared[one, two]))
                verdict = "outranks" if ranking.separated[one, two] else "tie"
                rows.append((ranking.groups[one], ranking.groups[two], *values, verdict))
        return pd.DataFrame(rows, columns=list(_PAIR))

    def requirements_frame(self) -> pd.DataFrame:
        """Return the missing pieces, that which would separate the groups most first."""
        return pd.DataFrame([asdict(one) for one in self.requirements], columns=list(_REQUIREMENT))

    def disagreement(self) -> pd.DataFrame:
        """Return how far scorers differ, by attribute and by group."""
        return disagreement(self.matrix)

    @cached_property
    def conclusions(self) -> tuple[str, ...]:
        """What the matrix shows, in sentences, the most important first."""
        ranking, groups = self.ranking, len(self.ranking.groups)
        best, total = (
            [ranking.groups[at] for at in ranking.order if ranking.rank_from[at] == 1],
            groups * (groups - 1) // 2,
        )
        if total == 0:
            return (f"{best[0]} is the only group, so there is no ranking.", *self._next_piece())
        if len(best) == 1:
            least = f"{100 * ranking.separation:g} %"
            first = f"{best[0]} ranks first: it outranks each other group with a probability of {least} or more."
        else:
            first = f"No evidence separates {', '.join(best[:-1])} and {best[-1]} at the top: each may rank first."
        apart, declared = ranking.count_separated(), ranking.count_separated(declared=True)
        counts = (
            f"{apart} of {total} pairs of groups are separated, and {total - apart} are ties. With the declared "
            f"weights alone, {declared} pairs would be separated."
        )
        return (first, counts, *self._next_piece())

    def _next_piece(self) -> tuple[str, ...]:
        if not self.requirements:
            return ()
        best, total = self.requirements[0], len(self.ranking.groups) * len(self.matrix.scheme.marks)
        unknown = sum(one.unknown_share > 0 for one in self.requirements)
        return (
            f"{unknown} of {total} attributes of groups are not known to all scorers. The piece that would separate "
            f"the groups most is {best.attribute} of {best.group} ({best.kind}).",
        )

    def __repr__(self) -> str:
        """Return the conclusions, after what they may be used for."""
        return f"{GROUP_CAVEAT} {' '.join(self.conclusions)}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.to_frame().to_html(index=False)}"
