"""The tables of maps: what each base of a motif does, and what the model reads in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..config.sections import Readout
from ..merging.derived.clusters import clusters_of_motifs
from ..sequences.letters import DNA
from ..statistics.scales import Scale, effect
from ..statistics.summary import spread
from ..store.other_schemas import MAP_OUTPUTS, MAPS, MAPS_SUMMARY
from ..store.paths import part_name
from ..store.reading import read_table
from .chosen import AS_IT_IS, PLACE, VIEW
from .likeness import (
    AS_STRONG,
    Match,
    Read,
    best_match,
    carried_stretch,
    contributions,
    similarity,
    weights,
    what_is_read,
)


class Map(NamedTuple):
    """What each change of an element in place does on a target, over backgrounds.

    Fields:
        position, base: of each change, int64 (changes,) and letters.
        n: how many backgrounds there are.
        mean, std: of the effect with the change less that of the element as it is, float64 (changes,).
    """

    position: np.ndarray
    base: np.ndarray
    n: int
    mean: np.ndarray
    std: np.ndarray

    def matrix(self, width: int) -> np.ndarray:
        """The means by position and base, (width, 4), 0 for the element's own bases and where nothing is changed."""
        found = np.zeros((width, len(DNA)))
        found[self.position, [DNA.index(base) for base in self.base]] = self.mean
        return found


def merge_maps(
    chosen: pd.DataFrame,
    acting: pd.DataFrame,
    outputs: Sequence[str],
    motifs: pd.DataFrame,
    sequences: Mapping[str, str],
    readouts: Mapping[str, Readout],
    groups: Mapping[str, Sequence[str]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of maps.parquet and of maps_summary.parquet, sorted by their keys.

    Args:
        chosen: as `chosen_motifs` gives it.
        acting: what it was chosen from.
        outputs: the files of all models.
        motifs: rows of motifs.parquet.
        sequences: of the elements, as written, by element_id.
        readouts: their sections of the config by name, for the scales of effects.
        groups: models by the name of their group.
    """
    known = _Known.of(motifs)
    acting = acting.merge(chosen[VIEW].drop_duplicates())
    tables, summary = [], []
    for row, found in _maps(chosen, outputs, readouts, groups):
        sequence, scale = sequences[row.element_id], readouts[row.readout].scale
        keys = {name: getattr(row, name) for name in VIEW} | {"element_id": row.element_id, "name": row.motif}
        keys |= {"strand": row.strand, "start": row.start}
        columns = {
            "position": found.position,
            "reference": [sequence[i] for i in found.position],
            "base": found.base,
            "n_backgrounds": found.n,
            "effect_mean": found.mean,
            "effect_std": found.std,
        }
        tables.append(pd.DataFrame({**keys, **columns}))
        raises = row.effect_mean > scale.neutral
        said = known.of_map(row, contributions(found.matrix(len(sequence)), 1 if raises else -1), sequence, acting)
        summary.append({**keys, "effect_mean": row.effect_mean, **said})
    maps = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=MAPS.names)
    return maps, pd.DataFrame(summary, columns=MAPS_SUMMARY.names)


def _maps(
    chosen: pd.DataFrame, outputs: Sequence[str], readouts: Mapping[str, Readout], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Any, Map]]:
    """Each row of `chosen`, and its map."""
    files = {part_name(path)[:2]: path for path in outputs}
    for (model, readout), rows in chosen.groupby(["model", "readout"], sort=False):
        tables = [
            read_table(files[name, readout], MAP_OUTPUTS).astype({"target": str, "strand": str, "base": str})
            for name in groups.get(model, [model])
        ]
        by_place = [table.set_index(["target", *PLACE]).sort_index() for table in tables]
        for row in rows.itertuples(index=False):
            of_models = [table.loc[[(row.target, row.element_id, row.strand, row.start)]] for table in by_place]
            yield row, _map(of_models, readouts[readout].scale)


def _map(of_models: Sequence[pd.DataFrame], scale: Scale) -> Map:
    """The map of an element in place on a target, from the outputs of models, which are averaged before any effect."""
    ordered = [table.sort_values(["position", "base"], kind="stable") for table in of_models]
    before, after = (
        np.mean([np.stack(table[name].to_list()).astype(np.float64) for table in ordered], axis=0)
        for name in ("before", "after")
    )
    effects = effect(before, after, scale)
    is_changed = ordered[0]["position"].to_numpy() != AS_IT_IS
    mean, std = spread(effects[is_changed] - effects[~is_changed])[:2]
    position, base = (ordered[0][name].to_numpy()[is_changed] for name in ("position", "base"))
    return Map(position, base, effects.shape[1], mean, std)


class _Known(NamedTuple):
    """The distinct motifs of a screen: their names, clusters, and what their matrices say, None without one.

    `own` is of each element which of them it is.
    """

    names: list[str]
    clusters: np.ndarray
    weights: list[np.ndarray | None]
    own: dict[str, int]

    @classmethod
    def of(cls, motifs: pd.DataFrame) -> _Known:
        distinct = motifs.drop_duplicates("element_id")
        matrices = [None if matrix is None else weights(np.stack(matrix)) for matrix in distinct["matrix"]]
        return cls(
            distinct["name"].tolist(),
            clusters_of_motifs(motifs)["cluster"].to_numpy(),
            [None if matrix is None or not matrix.any() else matrix for matrix in matrices],
            {element_id: i for i, element_id in enumerate(distinct["element_id"])},
        )

    def of_map(self, row: Any, map_of: np.ndarray, sequence: str, acting: pd.DataFrame) -> dict[str, Any]:
        """What there is to say of an element's map, (width, 4): the columns of the summary beside its keys.

        Args:
            row: of `chosen`.
            map_of: as `contributions` gives it.
            sequence: of the element.
            acting: the motifs that act, of which those on the same target count.
        """
        own = self.weights[self.own[row.element_id]]
        losses = np.array(
            [of_base[DNA.index(x)] if x in DNA else 0 for of_base, x in zip(map_of, sequence, strict=True)]
        )
        stretch = carried_stretch(losses)
        acting = acting[(acting[VIEW] == [getattr(row, name) for name in VIEW]).all(axis=1)]
        others = acting[(acting["size"] >= AS_STRONG * row.size) & (acting["direction"] == row.direction)]
        read = self._read(map_of, row.cluster, others["cluster"])
        match = read.match or Match(np.nan, 0, "")
        return {
            "similarity": similarity(map_of, own) if own is not None and own.shape == map_of.shape else np.nan,
            "carried_start": stretch and stretch[0],
            "carried_end": stretch and stretch[1],
            "carried": stretch and sequence[slice(*stretch)],
            "closest": None if read.closest is None else self.names[read.closest],
            "closest_similarity": match.similarity,
            "closest_offset": match.offset if read.match else None,
            "closest_strand": match.strand if read.match else None,
            "reads": read.reads,
        }

    def _read(self, map_of: np.ndarray, cluster: int, others: pd.Series) -> Read:
        if not map_of.any():
            return Read("unclear", None, None)
        matches = [None if matrix is None else best_match(map_of, matrix) for matrix in self.weights]
        return what_is_read(matches, self.clusters == cluster, np.isin(self.clusters, others))
