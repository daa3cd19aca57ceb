"""Count and time all pairs of 20 motifs at 20 distances in 4 orientations, and a scan of one pair, with shared parts.

    python tests/benchmark/pairs.py

In processes of their own, one after another, for a small BPNet (32 filters, 5 dilated layers, 600 bp, counts):

- three a row: the pair and either part alone for each row, in groups whose equal ones are computed once;
- by element: each sequence with its N once, as screens did before parts were shared;
- shared: each different change of a background once, as screens do;
- tangermeme: `space`, the pairs alone, and of these only every 20th pair of motifs; all would take 20 times as long.

For each: constructs, and how many for a row of the pairs' table, CPU seconds of one thread, these for 1,000 rows, peak
MiB, and how far effects are from those of "three a row", as a share of the largest. `space` has no scan: one start.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from alone import peak, sequences, timed
from marginalization import stream_motifs
from marginalization.config.sections.keys import read
from marginalization.config.sections.substitutions import Placement
from marginalization.design.pairs import arrange
from marginalization.design.placement import changed_part, distinct_placements, place
from marginalization.sequences.letters import identifier, named_generator, reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from networks import BPNet
from tangermeme.space import space

LENGTH, BACKGROUNDS, DISTANCES, PART = 600, 4, range(20), 20
ORIENTATIONS = ["++", "+-", "-+", "--"]
SCREENS = {"20 motifs, centred": (20, "centre"), "2 motifs, 40 starts": (2, list(range(200, 240)))}
"""By name: how many motifs are paired with each other, and where."""
WAYS = ["three a row", "by element", "shared", "tangermeme"]


def network():
    torch.manual_seed(0)
    return BPNet(32, layers=5, length=LENGTH, out=300, profile=False).eval()


def pairs_of(n):
    """Motifs of 6 to 20 bases, each two of them."""
    widths = named_generator(0, "widths").integers(6, 21, n)
    motifs = [sequences(i + 1, int(width), "motif")[i] for i, width in enumerate(widths)]
    return list(itertools.combinations(motifs, 2))


def constructs_of(way, rows, placement):
    """The placements that a way computes, and which of them each row's pair, first and second is at each start."""
    ids = {sequence: identifier(sequence) for row in rows for sequence in row}
    listed = [sequence for row in rows for sequence in row] if way == "three a row" else sorted(ids, key=ids.get)
    elements = pd.DataFrame({"element_id": [ids[sequence] for sequence in listed], "sequence": listed})
    placed = list(place(elements, placement, LENGTH))
    n = len(placed) // len(listed)
    number = {sequence: i for i, sequence in enumerate(listed)}
    order = range(len(listed)) if way == "three a row" else [number[sequence] for row in rows for sequence in row]
    which = (np.array(order)[:, None] * n + np.arange(n)).reshape(len(rows), 3, n)
    if way == "shared":
        distinct = distinct_placements(placed)
        placed, which = [placed[i] for i in distinct.firsts], distinct.which[which]
    return placed, which


def ours(way, motifs, start):
    """How many constructs there are, and the mean effects over backgrounds (rows, 3, starts)."""
    X = one_hot_encode(sequences(BACKGROUNDS, LENGTH, "background"))
    rows = [arrange(*two, d, o) for two in motifs for d in DISTANCES for o in ORIENTATIONS]
    placed, which = constructs_of(way, rows, read(Placement, {"start": start}))
    model = network()
    with torch.no_grad():
        before = model(X.float())[:, 0].double()
    groups = stream_motifs(model, X, map(changed_part, placed), device="cpu", incremental=True)
    effects = torch.cat([(y[..., 0].double() - before).mean(dim=1) for y in groups])
    return len(placed), effects.numpy()[which]


def theirs(motifs, _):
    """The same of the pairs alone, of some of them."""
    X, effects = one_hot_encode(sequences(BACKGROUNDS, LENGTH, "background")).float(), []
    for two in motifs[::PART]:
        own = []
        for orientation in ORIENTATIONS:
            turned = [m if s == "+" else reverse_complement(m) for m, s in zip(two, orientation, strict=True)]
            before, after = space(network(), X, turned, [[d] for d in DISTANCES], device="cpu")
            own.append((after[..., 0].double() - before.double()).mean(dim=0).numpy())
        effects.append(np.stack(own, axis=1).ravel())
    effects = np.concatenate(effects)
    return len(effects), effects


def child(way, n, start, path):
    """Write what a way finds; print what it took."""
    torch.set_num_threads(1)
    motifs = pairs_of(n)
    run = (lambda: theirs(motifs, start)) if way == "tangermeme" else (lambda: ours(way, motifs, start))
    seconds, (constructs, effects) = timed(run)
    np.save(path, effects)
    print(json.dumps([constructs, seconds, peak()]))


def main():
    for name, (n, start) in SCREENS.items():
        n_rows = len(pairs_of(n)) * len(DISTANCES) * len(ORIENTATIONS)
        n_starts = len(start) if isinstance(start, list) else 1
        print(f"\n{name}: {n_rows:,} pair rows x {n_starts} starts x {BACKGROUNDS} backgrounds")
        print(
            f"{'':<14}"
            + "".join(f"{c:>16}" for c in ("constructs", "for a row", "CPU s", "of 1,000 rows", "MiB", "error"))
        )
        with tempfile.TemporaryDirectory() as folder:
            for way in WAYS[: len(WAYS) - (n_starts > 1)]:
                path = Path(folder) / f"{way}.npy"
                command = [sys.executable, __file__, way, str(n), json.dumps(start), str(path)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                constructs, seconds, memory = json.loads(done.stdout)
                known, found = np.load(Path(folder) / f"{WAYS[0]}.npy"), np.load(path)
                rows = n_rows * n_starts
                if way == "tangermeme":
                    each = len(DISTANCES) * len(ORIENTATIONS)
                    known, rows = known[:, 0, 0].reshape(-1, each)[::PART].ravel(), len(found)
                error = np.abs(found - known).max() / np.abs(known).max()
                print(
                    f"{way:<14}{constructs:>16,}{constructs / rows:>16.3f}{seconds:>16.1f}"
                    f"{1000 * seconds / rows:>16.2f}{memory:>16.0f}{error:>16.1e}",
                    flush=True,
                )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4])
    else:
        main()
