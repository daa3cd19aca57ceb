"""What a call takes in a process of its own: CPU seconds, and the peak of its memory in MiB, as JSON.

    python tests/benchmark/alone.py WHAT NETWORK BACKGROUNDS ELEMENTS

WHAT is "tangermeme" or "ours", the first call of either and the next, or "stream", predictions that are dropped as they
come: what a tenth of the elements had taken, and all.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import torch
from marginalization import marginalize_motifs, stream_motifs
from marginalization.sequences.letters import named_generator
from marginalization.sequences.onehot import one_hot_encode
from networks import make
from tangermeme.marginalize import marginalize


def sequences(n, length, name):
    return ["".join(named_generator(0, name, i).choice(list("ACGT"), length)) for i in range(n)]


def timed(function):
    """CPU seconds, which other processes change little, and what a function gives."""
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


def peak():
    """Peak MiB of this process alone: what `getrusage` gives begins with that of the one that started it."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**10


def alone(what, name, n_backgrounds, n_elements):
    """CPU seconds and peak MiB of two things in a process of its own."""
    command = [sys.executable, __file__, what, name, str(n_backgrounds), str(n_elements)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main(what, name, n_backgrounds, n_elements):
    torch.set_num_threads(1)
    network, length = make(name)
    X = one_hot_encode(sequences(int(n_backgrounds), length, "background"))
    motifs = sequences(int(n_elements), 12, "motif")

    def stream():
        begin, done = time.process_time(), 0
        for y in stream_motifs(network, X, ((motif, None) for motif in motifs), device="cpu", incremental=True):
            before, done = done, done + len(y if isinstance(y, torch.Tensor) else y[0])
            if before < len(motifs) // 10 <= done:
                yield time.process_time() - begin, peak()
        yield time.process_time() - begin, peak()

    calls = {
        "tangermeme": lambda: [marginalize(network, X.float(), motif, device="cpu") for motif in motifs],
        "ours": lambda: marginalize_motifs(network, X, motifs, device="cpu"),
    }
    taken = stream() if what == "stream" else ((timed(calls[what])[0], peak()) for _ in range(2))
    print(json.dumps(list(taken)))


if __name__ == "__main__":
    main(*sys.argv[1:])
