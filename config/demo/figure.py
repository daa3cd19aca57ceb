"""Draw the demo screen: every motif's effect, with what was planted, and what the strongest does to the profile.

Run as `python config/demo/figure.py results/demo docs/demo.png`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

COLOURS = {"CTCF": "#0072B2", "GATA1": "#009E73", "NRF1": "#E69F00", "REST": "#CC79A7"}
"""Of the planted factors, told apart also by the colour-blind (Okabe and Ito 2008)."""


def draw(results: Path, output: Path) -> None:
    """Write the figure; its format goes by the suffix of `output`."""
    summary = pd.read_parquet(results / "summary.parquet")
    counts = summary[summary["readout"] == "counts"].groupby("element_id", observed=True)["effect_mean"].mean()
    motifs = pd.read_parquet(results / "motifs.parquet")
    motifs["effect"] = motifs["element_id"].map(counts)
    motifs["factor"] = motifs["name"].str.split().str[1].str.upper()
    motifs = motifs.sort_values("effect", ignore_index=True)

    figure, (ranked, profile) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[3, 2], layout="constrained")
    ranked.plot(motifs.index, motifs["effect"], ".", color="0.7", markersize=4)
    for factor, colour in COLOURS.items():
        own = motifs[motifs["factor"] == factor]
        ranked.plot(own.index, own["effect"], "o", color=colour, label=f"{factor} (planted)")
    ranked.axhline(0, color="0.4", linewidth=0.8)
    ranked.set(xlabel="JASPAR 2026 vertebrate motifs, by effect", ylabel="mean effect (log counts)")
    ranked.legend(frameon=False)

    strongest = motifs[motifs["name"].str.startswith("MA0139.2")].iloc[0]
    profiles = pd.read_parquet(results / "profiles.parquet")
    rows = profiles[(profiles["element_id"] == strongest["element_id"]) & (profiles["strand"] == "+")]
    for row, sign in zip(rows.sort_values("target").itertuples(), (1, -1), strict=True):
        positions = np.arange(len(row.before)) - len(row.before) // 2
        profile.plot(positions, sign * row.before, color="0.6", label="before" if sign == 1 else None)
        profile.plot(positions, sign * row.after, color=COLOURS["CTCF"], label="after" if sign == 1 else None)
    profile.set(
        title=f"{strongest['name']}, mean profile", xlabel="position (bp)", ylabel="expected counts: + up, - down"
    )
    profile.legend(frameon=False)
    for axes in (ranked, profile):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    draw(arguments.results, arguments.output)
