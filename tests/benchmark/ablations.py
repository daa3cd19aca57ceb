"""Time the ablation of annotations in their own sequences, side by side with tangermeme in one process.

    python tests/benchmark/ablations.py

For each network: CPU seconds of one thread for some annotations, each shuffled 20 times by the same draws, by either's
`ablate_annotations`, first call and next; their ratio; the largest difference as a share of the largest effect; and
the process's peak memory after each.
"""

import torch
from alone import peak, sequences, timed
from marginalization import ablate_annotations
from marginalization.sequences.onehot import one_hot_encode
from networks import make
from tangermeme.ablate import ablate_annotations as reference

N, SHUFFLES, WIDTH = 40, 20, 19
NETWORKS = {"BPNet 64 x 8": N, "BPNet 64 x 8, counts": N, "ChromBPNet 512 x 8": 4, "Basset": N, "DeepSTARR": N}


def last(y):
    """The last output, which has the network's scalars."""
    return y if isinstance(y, torch.Tensor) else y[-1]


def compare(name, n):
    """What a row of the table holds."""
    network, length = make(name)
    X = one_hot_encode(sequences(n, length, "locus"))
    start = length // 2 - WIDTH // 2
    rows = [(i, start, start + WIDTH) for i in range(n)]
    options = {"n": SHUFFLES, "random_state": 0, "device": "cpu"}
    first, _ = timed(lambda: ablate_annotations(network, X, rows, **options))
    next_one, ours = timed(lambda: ablate_annotations(network, X, rows, **options))
    memory = peak()
    theirs_seconds, theirs = timed(lambda: reference(network, X, rows, **options))
    (before, after), (before0, after0) = ([last(y) for y in result] for result in (ours, theirs))
    effect = (after0 - before0.unsqueeze(2)).abs().max()
    error = ((after - before.unsqueeze(2)) - (after0 - before0.unsqueeze(2))).abs().max() / effect
    return first, next_one, theirs_seconds, error.item(), memory, peak()


def main():
    torch.set_num_threads(1)
    print(f"{SHUFFLES} shuffles of {WIDTH} bases, CPU s of one thread\n")
    columns = ("annotations", "first", "next", "tangermeme", "ratio first", "next", "error", "MiB", "MiB after it")
    print(f"{'network':<24}" + "".join(f"{column:>13}" for column in columns))
    for name, n in NETWORKS.items():
        first, next_one, theirs, error, memory, after = compare(name, n)
        figures = (
            f"{n:>13}{first:>13.2f}{next_one:>13.2f}{theirs:>13.2f}{theirs / first:>13.1f}{theirs / next_one:>13.1f}"
        )
        print(f"{name:<24}{figures}{error:>13.1e}{memory:>13.0f}{after:>13.0f}", flush=True)


if __name__ == "__main__":
    main()
