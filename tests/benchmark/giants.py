"""What Enformer and Borzoi take in full size: seconds for a marginal, and peak memory, in full and incrementally.

    python tests/benchmark/giants.py [--only NAME] [--motifs N] [--gib LIMIT]

One background and motifs around its centre; the readout is the mean of 16 central bins in all tracks. All times are CPU
seconds of one thread; each row is a process of its own, which may not take more memory than the limit. The columns: the
seconds until the background has run and the first motif is done, and of each motif from then on; and the peak of memory
in GiB, of which the weights are the first part.
"""

import argparse
import json
import logging
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))

import giants
from marginalization.config.sections import Readout
from marginalization.inference.session import session
from marginalization.models.readouts import ReadoutModel
from marginalization.sequences.constructs import place_motif
from marginalization.sequences.letters import DNA, named_generator
from marginalization.sequences.onehot import one_hot_encode

READOUTS = {
    "Enformer": Readout(layout=("positions", "tracks"), positions=16, reduce="mean"),
    "Borzoi": Readout(layout=("tracks", "positions"), positions=16, reduce="mean"),
}
GIB = 2**30


def letters(n, name):
    return "".join(named_generator(0, name).choice(list("ACGT"), n))


def peak():
    """Peak GiB of this process alone: what `getrusage` gives begins with that of the one that started it."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**20


def measure(name, way, n_motifs, limit):
    """A row, printed as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (int(limit * GIB),) * 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = ReadoutModel(giants.FULL[name]().eval(), {"bins": READOUTS[name]})
    weights = sum(p.numel() * p.element_size() for p in model.parameters()) / GIB
    length = giants.LENGTHS[name]
    X = one_hot_encode([letters(length, "background")])
    placed = [place_motif(X, letters(12, f"motif {i}"), length // 2 + i % 100, DNA) for i in range(n_motifs)]
    begin = time.process_time()
    with session(model, X, placed, n_motifs, device="cpu", incremental=way == "incremental") as opened:
        opened.before()
        ready = time.process_time() - begin
        if way == "incremental" and opened.engine is None:
            print(json.dumps({"weights": weights, "ready": ready, "peak": peak(), "seconds": None}))
            return
        times = []
        for motif in placed[:1], placed[1:]:
            begin = time.process_time()
            for _ in opened.after(motif):
                pass
            times.append(time.process_time() - begin)
    seconds = times[1] / (n_motifs - 1)
    print(json.dumps({"weights": weights, "ready": ready + times[0], "seconds": seconds, "peak": peak()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(giants.FULL))
    parser.add_argument("--motifs", type=int, default=100)
    parser.add_argument("--gib", type=float, default=16)
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        measure(*arguments.row, arguments.motifs, arguments.gib)
        return
    print(f"{'':22}{'ready':>8} {'a motif':>8} {'peak':>6} {'weights':>8}")
    for name in [arguments.only] if arguments.only else giants.FULL:
        for way in ("full", "incremental"):
            n = arguments.motifs if way == "incremental" else 2
            command = [sys.executable, __file__, "--row", name, way, "--motifs", str(n), "--gib", str(arguments.gib)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                print(f"{name + ', ' + way:22} ended with {done.returncode}")
                continue
            row = json.loads(done.stdout)
            seconds = "none" if row["seconds"] is None else f"{row['seconds']:.1f} s"
            told = f"{row['ready']:>6.0f} s {seconds:>8} {row['peak']:>6.1f} {row['weights']:>8.1f}"
            print(f"{name + ', ' + way:22}{told}", flush=True)


if __name__ == "__main__":
    main()
