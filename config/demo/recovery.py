"""Print how well the demo screen recovers what was planted in the demo's genome.

`genome.py` planted sites of four factors, `train.py` taught a model what they do, and the screen asked that model
about a whole motif database and about the planted sites. As `train.py` simulates the signal of any sequence, the truth
is known of every one of them: the mean difference of the simulated log counts of the screen's backgrounds with and
without it. (So a GATA motif counts as what it is, though GATA1's matrix was planted alone.) Six questions follow:

1. Is each factor's own matrix significant, with the right sign, and near the top?
2. Are the significant motifs those that act? *Precision* is the share of significant motifs that change the simulated
   counts by a tenth or more. *Recall* is the share of significant motifs among those that do at least half of what the
   weakest factor's site does. Those between are neither missed nor wrong.
3. Is each planted site, substituted by itself, significant, in its factor's direction?
4. Are the planted sites needed where they are? Replaced in their own loci, they should take away what they add.
5. What does the model read in the motifs that act? Whatever they are called, the matrices that were planted.
6. What do several copies of a site do? As log counts add up, as many times what one does.

    python config/demo/recovery.py results/demo [--truth config/demo/data/truth.tsv]

Effects are mean effects on the readout "counts", in natural-log counts, averaged over the strands. An element is
significant as the summary has it, over both strands. Ablations are judged over the sites of a factor.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from genome import FACTORS, log_odds, probabilities
from train import OUTPUT, occupancy

CHANGED = 0.1  # log counts: a tenth of the counts
ACTS = min(abs(factor.effect) for factor in FACTORS) / 2
BINS = [0, CHANGED / 2, CHANGED, 0.2, ACTS, np.inf]


def simulated_log_counts(sequences: list[str]) -> np.ndarray:
    """What the sites in each sequence's central positions add to its log counts, (sequences,)."""
    codes = torch.tensor([["ACGT".index(letter) for letter in sequence] for sequence in sequences])
    X = torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()
    outside = (X.shape[-1] - OUTPUT) // 2
    total = torch.zeros(len(X))
    for factor in FACTORS:
        bits = torch.from_numpy(log_odds(probabilities(factor.matrix_id))).T.float()
        bound = torch.vmap(occupancy, (0, None))(X, bits)
        total += factor.effect * bound[:, outside : outside + OUTPUT].sum(dim=1)
    return total.numpy()


def simulated_effects(elements: list[str], backgrounds: list[str]) -> np.ndarray:
    """The mean effect of each element on the simulated log counts, in the middle of each background, (elements,)."""
    before = simulated_log_counts(backgrounds)
    constructs = ([substituted(letters, element) for letters in backgrounds] for element in elements)
    return np.array([(simulated_log_counts(each) - before).mean() for each in constructs])


def substituted(letters: str, element: str) -> str:
    """A background with an element in its middle, where an N keeps the background's letter."""
    start = len(letters) // 2 - len(element) // 2
    end = start + len(element)
    kept = (own if letter == "N" else letter for letter, own in zip(element, letters[start:end], strict=True))
    return letters[:start] + "".join(kept) + letters[end:]


def read_elements(results: Path) -> pd.DataFrame:
    """A row for each element but controls, by element_id: sequence, effect, element_q and significant."""
    columns = ["element_id", "kind", "sequence", "effect_mean", "element_q", "significant"]
    filters = [("model", "==", "demo"), ("readout", "==", "counts"), ("kind", "!=", "control")]
    summary = pd.read_parquet(results / "summary.parquet", columns=columns, filters=filters)
    by_element = summary.groupby("element_id").agg(
        sequence=("sequence", "first"),
        effect=("effect_mean", "mean"),
        element_q=("element_q", "min"),
        significant=("significant", "any"),
    )
    backgrounds = pd.read_parquet(results / "backgrounds.parquet")["sequence"].tolist()
    return by_element.assign(simulated=simulated_effects(by_element["sequence"].tolist(), backgrounds))


def factor_table(truth: pd.DataFrame, motifs: pd.DataFrame, sites: pd.DataFrame, ablated: pd.DataFrame) -> pd.DataFrame:
    """One row per planted factor: its own matrix, its sites, and what their loci lose with them."""
    rows = []
    for factor in truth.itertuples():
        sign = 1 if factor.direction == "up" else -1
        own = motifs[motifs["name"].str.split().str[0] == factor.matrix_id].iloc[0]  # of "MA0139.2 CTCF"
        its_sites = sites[sites["name"] == factor.factor]
        rows.append(
            {
                "factor": factor.factor,
                "matrix": factor.matrix_id,
                "planted": factor.effect,
                "effect": own["effect"],
                "element_q": own["element_q"],
                "sign": "right" if sign * own["effect"] > 0 else "wrong",
                "rank": own["rank"],
                "sites": len(its_sites),
                "significant": its_sites["significant"].mean(),
                "right sign": (sign * its_sites["effect"] > 0).mean(),
                "ablated": ablated.loc[factor.factor, "effect_mean"],
                "needed": "yes" if ablated.loc[factor.factor, "significant"] else "no",
            }
        )
    return pd.DataFrame(rows)


def copies_of_sites(copies: pd.DataFrame, elements: pd.DataFrame) -> str:
    """Of each motif how many times what one copy does the most copies do, and in the simulation."""
    told = []
    for motif, rows in copies.groupby("motif", sort=False):
        means = rows.assign(simulated=rows["element_id"].map(elements["simulated"]))
        means = means.groupby("n_copies")[["effect_mean", "simulated"]].mean()
        times, simulated = means.iloc[-1] / means.loc[1]
        told.append(f"{motif.split()[-1]} {times:.2f} ({simulated:.2f})")
    return f"{copies['n_copies'].max()} copies do, in multiples of one (simulated): {', '.join(told)}"


def share(part: pd.Series) -> str:
    """Such as "0.950 (19 of 20)"."""
    return f"{part.mean() if len(part) else float('nan'):.3f} ({part.sum()} of {len(part)})"


def report(results: Path, truth: pd.DataFrame) -> str:
    """The answers to the six questions, as text."""
    elements = read_elements(results)
    motifs = pd.read_parquet(results / "motifs.parquet", columns=["name", "element_id"])
    sites = pd.read_parquet(results / "annotations.parquet", columns=["name", "element_id"])
    motifs, sites = (table.join(elements, on="element_id") for table in (motifs, sites))
    filters = [("model", "==", "demo"), ("readout", "==", "counts")]
    ablated = pd.read_parquet(results / "ablations_summary.parquet", filters=filters).set_index("name")
    motifs["rank"] = motifs["effect"].abs().rank(ascending=False, method="min").astype(int)

    size = motifs["simulated"].abs()
    by_size = motifs.groupby(pd.cut(size, BINS, right=False), observed=False)["significant"].agg(["size", "sum"])
    by_size.columns = ["motifs", "significant"]
    measured = pd.read_parquet(results / "measured.parquet", filters=filters).iloc[0]
    read = pd.read_parquet(results / "maps_summary.parquet", filters=filters)
    copies = pd.read_parquet(results / "copies.parquet", filters=filters)
    planted = read["closest"].str.split().str[0].isin(truth["matrix_id"]) & (read["reads"] != "unclear")
    return "\n".join(
        [
            factor_table(truth, motifs, sites, ablated).to_string(index=False, float_format="{:.2f}".format),
            "",
            f"{len(motifs)} motifs screened, by the size of their simulated effect:",
            by_size.rename_axis(None).to_string(),
            "",
            f"precision of significant motifs: {share((size >= CHANGED)[motifs['significant']])}",
            f"recall of motifs that act: {share(motifs['significant'][size >= ACTS])}",
            f"recall of planted sites: {share(sites['significant'])}",
            f"mapped motifs in which a planted matrix is read: {share(planted)}",
            copies_of_sites(copies, elements),
            f"correlation of {measured['n_measured']} planted sites' effects with what each adds: "
            f"{measured['pearson']:.3f}, of ranks {measured['spearman']:.3f}",
        ]
    )


def main(results: Path, truth: Path) -> None:
    tables = (
        "summary",
        "motifs",
        "annotations",
        "backgrounds",
        "ablations_summary",
        "measured",
        "maps_summary",
        "copies",
    )
    needed = [truth, *(results / f"{name}.parquet" for name in tables)]
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
