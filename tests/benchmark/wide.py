"""Time wide annotations and far pairs, with their gaps and without, side by side with tangermeme in one process.

    python tests/benchmark/wide.py [--only NETWORK]

A gap is what need not be computed of a window: within a wide element no background is seen, and between two motifs far
apart nothing differs. For each network, annotations of several widths in 20 backgrounds and 8, and pairs of two motifs
of 10 bases in 8: CPU milliseconds of one thread a marginal by tangermeme's `marginalize_annotations`, by ours without
gaps, and by ours; how many times as fast ours is as either; whether its plan has gaps, which it has where they leave
out enough; and how far it is from itself without gaps, as a share of the largest effect. Ours are the fastest of
alternating runs of a captured network.
"""

import argparse

import torch
from alone import sequences, timed
from marginalization.inference.incremental import motifs as incremental_motifs
from marginalization.inference.incremental.checking import checked_engine
from marginalization.inference.incremental.motifs import run_group
from marginalization.models.outputs import leaves
from marginalization.sequences.constructs import place_motif
from marginalization.sequences.onehot import one_hot_encode
from networks import make
from tangermeme.marginalize import marginalize_annotations

WIDTHS, DISTANCES, PART = (50, 150, 300, 500, 1000), (100, 200, 400), 10
NETWORKS = {"BPNet 64 x 8": 32, "BPNet 64 x 8, counts": 32, "ChromBPNet 512 x 8": 4, "Basset": 64, "DeepSTARR": 64}
"""How many elements of each width."""
REPEATS = 3


def elements(n, width, far):
    """Sequences of letters, or with nothing but two parts at the ends."""
    whole = sequences(n, width, "element")
    return [x[:PART] + "N" * (width - 2 * PART) + x[-PART:] for x in whole] if far else whole


@torch.no_grad()
def compare(name, width, far, n_backgrounds, n_elements):
    """A row of the table."""
    network, length = make(name)
    X = one_hot_encode(sequences(n_backgrounds, length, "background")).float()
    motifs = elements(n_elements, width, far)
    placed = [place_motif(X, motif, None, "ACGT") for motif in motifs]
    engine = checked_engine(network, [X], placed[:2], 32)
    gaps, ways = incremental_motifs.gap_of, {"without": lambda placements: None, "ours": incremental_motifs.gap_of}
    seconds, results = {way: [] for way in ways}, {}
    used = any(place.gap for place in incremental_motifs.places_of(engine, placed, X))
    for _ in range(1 + REPEATS):  # of which the first plans
        for way, of_way in ways.items():
            incremental_motifs.gap_of = of_way
            took, results[way] = timed(lambda: run_group(engine, [X], placed, None, 32))
            seconds[way].append(took)
    incremental_motifs.gap_of = gaps
    annotated = one_hot_encode(elements(1, width, far=False)).float()  # letters, which take it as long
    annotations = torch.tensor([[0, 0, width]])
    theirs, _ = timed(lambda: marginalize_annotations(network, annotated, X, annotations, device="cpu"))
    before = leaves(network(X))[-1]
    ours, without = (leaves(results[way])[-1] - before for way in ("ours", "without"))
    n = n_backgrounds * n_elements
    each = [theirs / n_backgrounds, min(seconds["without"]) / n, min(seconds["ours"]) / n]
    return *each, used, ((ours - without).abs().max() / without.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one network of the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = ("elements", "backgrounds", "tangermeme", "without", "ours", "to theirs", "to without", "gaps", "error")
    print(f"{'network':<22}" + "".join(f"{column:>16}" for column in columns))
    rows = [(width, False, n) for width in WIDTHS for n in (20, 8)] + [(PART + d, True, 8) for d in DISTANCES]
    for name in [arguments.only] if arguments.only else NETWORKS:
        length = make(name)[1]
        for width, far, n_backgrounds in rows:
            if width > length:
                continue
            theirs, without, ours, used, error = compare(name, width, far, n_backgrounds, NETWORKS[name])
            what = f"pair at {width - PART}" if far else f"{width} bases"
            figures = [what, n_backgrounds, *(f"{1e3 * each:.2f} ms" for each in (theirs, without, ours))]
            figures += [f"{theirs / ours:.1f} x", f"{without / ours:.2f} x", "yes" if used else "no", f"{error:.0e}"]
            print(f"{name:<22}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
