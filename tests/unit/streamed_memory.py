"""How much memory streams of many groups take beyond that of their first groups, in bytes for each network, as JSON.

    python tests/unit/streamed_memory.py

For a process of its own: memory that others give back would hide what a stream keeps.
"""

import ctypes
import gc
import json
import random
import resource
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from marginalization import stream_motifs
from marginalization.inference.incremental import motifs as incremental_motifs
from marginalization.sequences.onehot import one_hot_encode

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "benchmark"))
from networks import Basset, BPNet, DeepSTARR, Enformer, RunningMeans
from toy_models import Centre, Composition, Convolution, Tower, TwoHeads

MOST_BYTES = 2**32
N_BACKGROUNDS, PER_GROUP = 12, 16  # so that both directions occur: motifs at one start outnumber backgrounds
WARM, FURTHER = 2, 3
"""Rounds of groups before memory is measured, and until it is measured again."""

KINDS = ("one", "scan", "random", "widths", "wide")
"""The groups of a round: at one start, a scan over the starts, random starts, and random starts and widths, and so wide
that there is a gap within."""

ZOO = {
    "BPNet": (lambda: BPNet(32, 3, 160, 80), 160),
    "BPNet, counts": (lambda: BPNet(32, 3, 160, 60, profile=False), 160),
    "Basset": (lambda: Basset((16, 16, 16), 16, 96), 96),
    "DeepSTARR": (lambda: DeepSTARR((16, 16, 16, 16), 16, 96), 96),
    "Enformer": (lambda: Enformer(16, 1), 128),
    "running means": (lambda: RunningMeans(32, 3, 5), 160),
    "tower of few channels": (lambda: Tower(3), 100),
    "tower of many channels": (lambda: Tower(16), 100),
    "convolution": (Convolution, 100),
    "two heads": (TwoHeads, 100),
    "composition": (Composition, 100),
    "attention of which few positions are taken": (Centre, 100),
}

IN_FULL = ["BPNet, counts", "two heads"]


def placements(length: int) -> Iterator[tuple[str, int | None]]:
    """Round by round, motifs and where they begin."""
    rng = random.Random(0)
    scanned = 0
    while True:
        for kind in KINDS:
            for _ in range(PER_GROUP):
                width = {"widths": rng.randint(1, 30), "wide": rng.randint(70, 72)}.get(kind, 8)
                motif = "".join(rng.choices("ACGT", k=width))
                last = length - len(motif)
                scanned = (scanned + 1) % (last + 1)
                yield motif, {"one": None, "wide": None, "scan": scanned}.get(kind, rng.randint(0, last))


def resident() -> int:
    """The bytes of memory that this process has now, without what it has to spare."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def growth(name: str, incremental: bool) -> int:
    """By how many bytes a stream grows after its first groups."""
    torch.manual_seed(0)
    make, length = ZOO[name]
    rng = random.Random(1)
    X = one_hot_encode(["".join(rng.choices("ACGT", k=length)) for _ in range(N_BACKGROUNDS)])
    stream = stream_motifs(make().eval(), X, placements(length), device="cpu", incremental=incremental)
    sizes = []
    for rounds in (WARM, FURTHER):
        for _ in islice(stream, rounds * len(KINDS)):
            pass
        sizes.append(resident())
    return sizes[1] - sizes[0]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    incremental_motifs.MOTIFS_PER_GROUP["cpu"] = PER_GROUP
    incremental_motifs.LEAST_GAINED = incremental_motifs.FEWEST_ROWS = 0  # gaps wherever there are any
    torch.set_num_threads(1)
    gc.freeze()  # the libraries, so that collecting garbage is quick
    found = {name: growth(name, incremental=True) for name in ZOO}
    found |= {f"{name}, in full": growth(name, incremental=False) for name in IN_FULL}
    print(json.dumps(found))
