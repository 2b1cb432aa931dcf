"""Fast TreeSHAP for LightGBM: rows on the same side of every split are explained once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import beta

Floats = npt.NDArray[np.floating[Any]]
Path = tuple[tuple[int, float, bool, float], ...]  # column, threshold, whether left, share of the rows that go there

_TABLE_SPLITS: Final = 16  # up to here a table of all patterns is faster than sorting
_MOST_SPLITS: Final = 62  # bits of an int64
_ROWS: Final = 500  # at a time
_NUMBERS: Final = 2_000_000  # in one array
_MAX_DISTINCT: Final = 0.5  # larger shares of distinct rows save no time


def tree_contributions(booster: Any, values: Floats) -> npt.NDArray[np.float64]:
    """Return the same as LightGBM's ``predict(values, pred_contrib=True)``, up to rounding.

    Path-dependent TreeSHAP (Lundberg et al. 2020) depends only on the side of each split where a row lies. A tree with
    14 splits sorts any number of rows into a few hundred such patterns. LightGBM explains one row of each pattern.
    """
    trees = _plain_trees(booster, values)
    if trees is None or len(values) < 2:
        return np.asarray(booster.predict(values, pred_contrib=True), dtype=np.float64)
    total = np.zeros((values.shape[1] + 1, len(values)))
    columns = np.asfortranarray(values)
    for place, tree in enumerate(trees):
        splits = list(_splits(tree))
        first, pattern = _patterns(columns, splits)
        one_tree = {"pred_contrib": True, "start_iteration": place, "num_iteration": 1}
        if len(first) > _MAX_DISTINCT * len(values):
            total += booster.predict(values, **one_tree).T
            continue
        phi = np.ascontiguousarray(booster.predict(values[first], **one_tree).T)
        for column in {split["split_feature"] for split in splits}:
            total[column] += phi[column][pattern]
        total[-1] += phi[-1, 0]
    return np.ascontiguousarray(total.T)


def tree_interactions(booster: Any, values: Floats) -> npt.NDArray[np.float64] | None:
    """Return path-dependent SHAP interaction values (rows, columns, columns) of Lundberg et al. (2020).

    Their sums over the last axis are the attributions. None for trees that are not sums of plain splits.

    A leaf is worth a product over columns: 1 or 0 for a known column, for an unknown one the share of the training rows
    that follow its splits. A Shapley value is the integral over the chance with which each other column is known
    (Owen 1972). That of a product is a polynomial, for which Gauss-Legendre nodes are exact.
    """
    trees = _split_trees(booster, values)
    if trees is None:
        return None
    total = np.zeros((len(values), values.shape[1], values.shape[1]))
    for block in _blocks(values):
        for tree in trees:
            first, pattern = _patterns(values[block], list(_splits(tree)))
            columns = _columns(tree)
            total[block, columns[:, None], columns] += _leaf_interactions(tree, columns, values[block][first])[pattern]
    return total


def _leaf_interactions(tree: Mapping[str, Any], columns: npt.NDArray[np.int64], rows: Floats) -> Floats:
    """Return the interactions (rows, columns, columns) of the columns of one tree."""
    total, diagonal = np.zeros((len(rows), len(columns), len(columns))), np.arange(len(columns))
    nodes, weights = np.polynomial.legendre.leggauss((len(columns) + 1) // 2)
    chance = ((nodes + 1) / 2)[:, None]
    for leaves in _leaves(tree, len(rows) * len(nodes) * len(columns)):
        known, unknown = leaves.follows(rows).swapaxes(0, 1)[:, :, None], leaves.shares[:, None]
        mixtures = chance * known + (1 - chance) * unknown  # (rows, leaves, nodes, columns)
        product = leaves.values[:, None] * (weights / 2) * mixtures.prod(axis=3)
        ratios = ((known - unknown) / mixtures).reshape(len(rows), -1, len(columns))
        weighted = product.reshape(len(rows), -1, 1) * ratios
        pairs = 0.5 * weighted.transpose(0, 2, 1) @ ratios
        pairs[:, diagonal, diagonal] = 0.0
        pairs[:, diagonal, diagonal] = weighted.sum(axis=1) - pairs.sum(axis=2)
        total += pairs
    return total


def tree_interventions(booster: Any, values: Floats, background: Floats) -> npt.NDArray[np.float64] | None:
    """Return interventional SHAP values (rows, columns) of Lundberg et al. (2020).

    Background rows replace unknown columns. None for trees that are not sums of plain splits.

    A leaf counts for a pair of rows if one of both follows its path on each column. The Shapley value of a column then
    depends on how many columns follow the path in the explained row alone, and how many in the background row alone.
    """
    trees = _split_trees(booster, values, background)
    if trees is None:
        return None
    total = np.zeros(values.shape)
    for tree in trees:
        splits, columns = list(_splits(tree)), _columns(tree)
        other, number = _patterns(background, splits)
        chance = np.bincount(number) / len(background)
        for block in _blocks(values):
            first, pattern = _patterns(values[block], splits)
            one = _leaf_interventions(tree, columns, values[block][first], background[other], chance)
            total[block, columns] += one[pattern]
    return total


def _leaf_interventions(
    tree: Mapping[str, Any], columns: npt.NDArray[np.int64], rows: Floats, others: Floats, chance: Floats
) -> Floats:
    """Return the attributions (rows, columns) of the columns of one tree; background rows are drawn with a chance."""
    total, drawn, (gains, losses) = np.zeros((len(rows), len(columns))), chance[:, None], _pair_weights(len(columns))
    for leaves in _leaves(tree, len(rows) * len(others)):
        row, other = leaves.follows(rows), leaves.follows(others)
        # how many columns follow the path in one of both rows alone: (leaves, rows, background rows)
        code = (row @ _turned(1 - other)) * len(gains) + (1 - row) @ _turned(other)
        code[(1 - row) @ _turned(1 - other) > 0] = 0  # columns follow it in neither
        places = code.astype(np.intp)
        gain, loss = gains.take(places), losses.take(places)
        one = row * (gain @ (drawn * (1 - other))) - (1 - row) * (loss @ (drawn * other))
        total += np.tensordot(leaves.values, one, axes=1)
    return total


def _pair_weights(columns: int) -> tuple[Floats, Floats]:
    """Return Shapley weights of a column that follows the path in the explained row alone, or in the other row alone.

    Shape (columns + 1, columns + 1), by the numbers of such columns; 0 without any.
    """
    counts = np.arange(columns + 1.0)
    gains = np.zeros((columns + 1, columns + 1))
    gains[1:] = beta(counts[1:, None], counts + 1)  # (a - 1)! b! / (a + b)!
    return gains, gains.T.copy()


@dataclass(frozen=True)
class _Leaves:
    """Some leaves of a tree: a row reaches one if its values lie in an interval for each column of the tree."""

    values: Floats
    columns: npt.NDArray[np.int64]
    lowest: Floats  # (leaves, columns), excluded
    highest: Floats  # (leaves, columns), included
    shares: Floats  # (leaves, columns), of the training rows that follow the splits on the column

    @classmethod
    def from_paths(cls, columns: npt.NDArray[np.int64], paths: Sequence[tuple[Path, float]]) -> Self:
        """Return the leaves at the ends of paths, which have values."""
        shape = len(paths), len(columns)
        lowest, highest, shares = np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape)
        for leaf, (path, _) in enumerate(paths):
            for column, threshold, left, share in path:
                at = leaf, int(np.searchsorted(columns, column))
                shares[at] *= share
                if left:
                    highest[at] = min(highest[at], threshold)
                else:
                    lowest[at] = max(lowest[at], threshold)
        return cls(np.array([value for _, value in paths]), columns, lowest, highest, shares)

    def follows(self, rows: Floats) -> Floats:
        """Return 1 where a row follows the path to a leaf on a column, shape (leaves, rows, columns)."""
        own = rows[:, self.columns]
        return ((own > self.lowest[:, None]) & (own <= self.highest[:, None])).astype(np.float64)


def _blocks(values: Floats) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, len(values), _ROWS))


def _leaves(tree: Mapping[str, Any], numbers: int) -> Iterator[_Leaves]:
    """Yield some leaves of a tree at a time, of which each needs arrays of so many numbers."""
    paths, columns, count = list(_paths(tree, ())), _columns(tree), max(1, _NUMBERS // numbers)
    for start in range(0, len(paths), count):
        yield _Leaves.from_paths(columns, paths[start : start + count])


def _paths(node: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, float]]:
    if "split_feature" not in node:
        yield path, node["leaf_value"]
        return
    for side in ("left_child", "right_child"):
        share = _rows_of(node[side]) / _rows_of(node)
        split = node["split_feature"], node["threshold"], side == "left_child", share
        yield from _paths(node[side], (*path, split))


def _rows_of(node: Mapping[str, Any]) -> int:
    return int(node.get("internal_count", node.get("leaf_count", 0)))


def _columns(tree: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    return np.array(sorted({split["split_feature"] for split in _splits(tree)}), dtype=np.int64)


def _turned(arrays: Floats) -> Floats:
    return arrays.swapaxes(1, 2)


def _plain_trees(booster: Any, *values: Floats) -> list[Mapping[str, Any]] | None:
    """Return the trees if they are sums of leaves that finite values reach by their size alone, else None."""
    dump = booster.dump_model()
    trees = [tree["tree_structure"] for tree in dump["tree_info"]]
    plain = all(_is_plain(split) for tree in trees for split in _splits(tree))
    single = not dump.get("average_output") and dump["num_tree_per_iteration"] == 1
    return trees if plain and single and all(np.isfinite(one).all() for one in values) else None


def _split_trees(booster: Any, *values: Floats) -> list[Mapping[str, Any]] | None:
    """Return the plain trees that have a split, since others attribute nothing, or None."""
    trees = _plain_trees(booster, *values)
    return None if trees is None else [tree for tree in trees if "split_feature" in tree]


def _is_plain(split: Mapping[str, Any]) -> bool:
    children = split["left_child"], split["right_child"]
    constant = all("leaf_coeff" not in child and _rows_of(child) > 0 for child in children)  # no regression in a leaf
    return constant and split["decision_type"] == "<=" and split["missing_type"] != "Zero"


def _splits(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "split_feature" in node:
        yield node
        yield from _splits(node["left_child"])
        yield from _splits(node["right_child"])


def _patterns(columns: Floats, splits: list[Mapping[str, Any]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return one row index for each pattern of sides, and the pattern of each row."""
    rows = len(columns)
    if len(splits) > _MOST_SPLITS:
        return np.arange(rows), np.arange(rows)
    side = np.zeros(rows, dtype=np.int64)
    for bit, split in enumerate(splits):
        side |= (columns[:, split["split_feature"]] <= np.float64(split["threshold"])).astype(np.int64) << bit
    if len(splits) > _TABLE_SPLITS:
        _, first, pattern = np.unique(side, return_index=True, return_inverse=True)
        return first, pattern
    row_of = np.full(1 << len(splits), -1)
    row_of[side] = np.arange(rows)
    met = np.flatnonzero(row_of >= 0)
    number = np.empty(len(row_of), dtype=np.int64)
    number[met] = np.arange(len(met))
    return row_of[met], number[side]
