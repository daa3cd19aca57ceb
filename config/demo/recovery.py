"""Print how well the demo screen recovers what was planted in the demo's genome.

`genome.py` planted sites of four factors, `train.py` taught a model what they do, and the screen asked that model
about a whole motif database and about the planted sites. Three questions follow:

1. Does each factor's own matrix come out near the top of all screened motifs, with the right sign?
2. Are the motifs that move the model those that resemble a planted matrix, and no others?
   *Resembles* is judged from the matrices alone, without the model: slide the motif along the planted matrix
   without gaps, on either strand; at each shift take the Pearson correlation of the columns that face each other,
   average over the planted matrix's columns weighted by their information, an uncovered column counting zero.
   The best shift is the similarity, and 0.75 or more resembles. K motifs do; precision at K is the share of them
   among the K largest effects, and AUROC the chance that a motif that resembles has a larger effect than one
   that does not.
3. Does each planted site, substituted by itself, move the model in its factor's direction?

    python config/demo/recovery.py results/demo [--truth config/demo/data/truth.tsv]

Effects are mean effects on the readout "counts", in natural-log counts, averaged over the strands.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

RESEMBLES = 0.75  # set by eye on this demo, so the figures describe it and are no test of the threshold


def information(matrix: np.ndarray) -> np.ndarray:
    """Bits of information of each column of a probability matrix, (width,)."""
    return 2 + (matrix * np.log2(np.clip(matrix, 1e-9, None))).sum(axis=1)


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation of every column of one matrix with every column of another."""
    one, other = (m - m.mean(axis=1, keepdims=True) for m in (one, other))
    lengths = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    return one @ other.T / np.maximum(lengths, 1e-9)


def similarity(planted: np.ndarray, motif: np.ndarray) -> float:
    """How well a motif covers a planted matrix, at most 1; both are (width, 4)."""
    weights = information(planted) / information(planted).sum()
    shifts = range(1 - len(planted), len(motif))
    strands = [weights[:, None] * correlations(planted, strand) for strand in (motif, motif[::-1, ::-1])]
    return max(np.trace(facing, shift) for facing in strands for shift in shifts)


def auroc(values: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive's value exceeds a negative's, ties counting half."""
    ranks = pd.Series(values).rank().to_numpy()
    positives, negatives = positive.sum(), (~positive).sum()
    if positives == 0 or negatives == 0:
        return float("nan")
    return (ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def read_effects(results: Path) -> pd.Series:
    """The mean effect of each element, averaged over the strands."""
    keys = [("model", "==", "demo"), ("readout", "==", "counts"), ("target", "==", "counts")]
    columns = ["element_id", "effect_mean"]
    summary = pd.read_parquet(results / "summary.parquet", columns=columns, filters=keys)
    return summary.groupby("element_id")["effect_mean"].mean()


def rank_motifs(results: Path, effects: pd.Series, truth: pd.DataFrame) -> pd.DataFrame:
    """The screened motifs, largest effect first, each with its rank and the planted factor it is most like."""
    motifs = pd.read_parquet(results / "motifs.parquet", columns=["name", "element_id", "matrix"])
    motifs["matrix_id"] = motifs["name"].str.split().str[0]  # of "MA0139.2 CTCF"
    motifs["matrix"] = motifs["matrix"].map(np.stack)
    motifs["effect"] = motifs["element_id"].map(effects)
    motifs = motifs.sort_values("effect", ascending=False, key=abs, kind="stable", ignore_index=True)
    motifs["rank"] = motifs.index + 1

    planted = truth.merge(motifs, on="matrix_id")
    likeness = pd.DataFrame(
        {row.factor: [similarity(row.matrix, matrix) for matrix in motifs["matrix"]] for row in planted.itertuples()},
        index=motifs.index,
    )
    motifs["similarity"] = likeness.max(axis=1)
    motifs["like"] = likeness.idxmax(axis=1)
    return motifs


def read_sites(results: Path, effects: pd.Series) -> pd.DataFrame:
    """The planted sites, each with its effect."""
    sites = pd.read_parquet(results / "annotations.parquet", columns=["name", "element_id"])
    return sites.assign(effect=sites["element_id"].map(effects))


def factor_table(truth: pd.DataFrame, motifs: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """One row per planted factor: its own matrix, the best of those that resemble it, and its sites."""
    rows = []
    for factor in truth.itertuples():
        sign = 1 if factor.direction == "up" else -1
        own = motifs[motifs["matrix_id"] == factor.matrix_id]
        family = motifs[(motifs["like"] == factor.factor) & (motifs["similarity"] >= RESEMBLES)]
        its_sites = sites[sites["name"] == factor.factor]
        rows.append(
            {
                "factor": factor.factor,
                "matrix": factor.matrix_id,
                "planted": factor.effect,
                "effect": own["effect"].max(),
                "sign": "right" if (sign * own["effect"] > 0).any() else "wrong",
                "rank": own["rank"].min(),
                "family": len(family),
                "family's best rank": family["rank"].min(),
                "sites": len(its_sites),
                "sites with right sign": (sign * its_sites["effect"] > 0).mean(),
            }
        )
    return pd.DataFrame(rows)


def report(results: Path, truth: pd.DataFrame) -> str:
    """The answers to the three questions, as text."""
    effects = read_effects(results)
    motifs = rank_motifs(results, effects, truth)
    table = factor_table(truth, motifs, read_sites(results, effects))
    resembles = (motifs["similarity"] >= RESEMBLES).to_numpy()
    k = resembles.sum()
    precision = resembles[:k].mean() if k else float("nan")
    return "\n".join(
        [
            table.to_string(index=False, float_format="{:.2f}".format),
            "",
            f"{len(motifs)} motifs screened, {k} of them resemble a planted matrix (similarity >= {RESEMBLES})",
            f"precision among the {k} largest effects: {precision:.3f}",
            f"AUROC of |effect| for resembling a planted matrix: {auroc(motifs['effect'].abs(), resembles):.3f}",
        ]
    )


def main(results: Path, truth: Path) -> None:
    needed = [truth, *(results / f"{name}.parquet" for name in ("summary", "motifs", "annotations"))]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        sys.exit(f"recovery.py: no such file: {', '.join(missing)}")
    print(report(results, pd.read_csv(truth, sep="\t")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="folder of the screen's results, such as results/demo")
    default = Path(__file__).parent / "data" / "truth.tsv"
    parser.add_argument("--truth", type=Path, default=default, help="what genome.py wrote about the factors")
    arguments = parser.parse_args()
    main(arguments.results, arguments.truth)
