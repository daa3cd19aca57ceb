"""Control pairs: a pair with one of its motifs shuffled, at the same distance and in the same orientation.

They tell what one motif does beside any sequence of the other's letters; `verdicts` is the comparison.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..config.sections.substitutions import Controls
from ..statistics.tails import least_p
from .controls import draw_controls
from .pairs import COLUMNS, PairSequences, arrange

SHUFFLED = ["first", "second"]
"""Which motif of a pair a control pair has shuffled."""


def draw_control_pairs(pairs: pd.DataFrame, motifs: pd.DataFrame, spec: Controls | None, seed: int) -> pd.DataFrame:
    """The control pairs of a screen, in the order of its pairs.

    Shuffles of a motif are the same at all distances, in all orientations and beside all partners.

    Args:
        pairs: as `read_pairs` gives them.
        motifs: all, with name, element_id, sequence and source.
        spec: the section `controls` of the config, if there is one.
        seed: the screen's.

    Returns:
        A table with the columns of `pairs`, and before these which motif is `shuffled` and the number of the `shuffle`;
        of motifs whose letters have no other order there are none.
    """
    named = motifs.set_index("name")[["element_id", "sequence"]]
    used = motifs[motifs["name"].isin([*pairs["first"], *pairs["second"]])]
    shuffles = _shuffles(used, spec, seed) if spec and len(used) else {}
    rows = []
    for pair in pairs.itertuples(index=False):
        sequences = [named.at[pair.first, "sequence"], named.at[pair.second, "sequence"]]
        for which, shuffled in enumerate(SHUFFLED):
            for number, sequence in enumerate(shuffles.get(named.at[getattr(pair, shuffled), "element_id"], []), 1):
                both, names = list(sequences), [pair.first, pair.second]
                both[which] = sequence
                names[which] += f"/shuffle {number}"
                of = pair.distance, pair.orientation, pair.source, pair.first_source, pair.second_source
                arranged = arrange(both[0], both[1], pair.distance, pair.orientation)
                rows.append((shuffled, number, pair.pair_id, *names, *of, *arranged))
    columns = ["shuffled", "shuffle", "pair_id", *COLUMNS, *(f"{which}_sequence" for which in PairSequences._fields)]
    return pd.DataFrame(rows, columns=columns)


def _shuffles(motifs: pd.DataFrame, spec: Controls, seed: int) -> dict[str, list[str]]:
    """Shuffles of each motif by its element_id; the first ones are its controls as an element."""
    distinct = motifs.drop_duplicates("element_id").sort_values("element_id", ignore_index=True)
    drawn = draw_controls(distinct, replace(spec, per="element", shuffles=spec.pairs), seed)
    return drawn.groupby("control_of")["sequence"].agg(list).to_dict()


class Arranged(NamedTuple):
    """Pairs of motifs in the same arrangements (distances and orientations).

    Fields:
        pairs: int64 (pairs of motifs, arrangements), rows of the table of pairs.
        controls: by which motif is shuffled, int64 (controls, arrangements), rows of the table of control pairs, and
            int64 (controls,), of which pair of motifs each is.
    """

    pairs: np.ndarray
    controls: dict[str, tuple[np.ndarray, np.ndarray]]


def arranged_alike(pairs: pd.DataFrame, control_pairs: pd.DataFrame) -> list[Arranged]:
    """The pairs of motifs of a screen, those in the same arrangements together; pair_ids are rows of `pairs`."""
    alike: dict[tuple, list[np.ndarray]] = {}
    ordered = pairs.sort_values(["distance", "orientation"], kind="stable")
    for _, rows in ordered.groupby(["first", "second"], sort=False):
        key = tuple(zip(rows["distance"], rows["orientation"], strict=True))
        alike.setdefault(key, []).append(rows["pair_id"].to_numpy())
    of = control_pairs.reset_index(drop=True).astype({"shuffled": str}).groupby(["shuffled", "pair_id"]).indices
    none = np.zeros(0, dtype=np.int64)
    found = []
    for members in alike.values():
        controls = {}
        for shuffled in SHUFFLED:
            rows = [np.stack([of.get((shuffled, i), none) for i in ids], axis=1) for ids in members]
            controls[shuffled] = np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        found.append(Arranged(np.stack(members), controls))
    return found


def pairs_resolution(pairs: pd.DataFrame, control_pairs: pd.DataFrame) -> str:
    """How small a q pairs of motifs can reach, in words; empty where they have no controls."""
    if control_pairs.empty:
        return ""
    alike = arranged_alike(pairs, control_pairs)
    n_pairs = sum(len(arranged.pairs) for arranged in alike)
    n_controls = [min(len(rows) for rows, _ in arranged.controls.values()) for arranged in alike]
    smallest = [min(1.0, float(n_pairs * least_p(n))) for n in n_controls]
    apart = (
        f" ({max(smallest):.2g} for one in arrangements that few others have: give all pairs the same distances and "
        f"orientations)"
        if len(set(n_controls)) > 1
        else ""
    )
    return (
        f"with {max(n_controls):,} controls of each motif the smallest q of a lone one among {n_pairs:,} pairs of "
        f"motifs is {min(smallest):.2g}{apart}; more controls.pairs reach less"
    )
