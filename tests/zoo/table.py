"""A row for each architecture of the zoo: whether the engine takes it, what it saves, how right and how fast it is.

    python tests/zoo/table.py [--only NAME ...]

Motifs lie in the centre, at both ends, and three letters from one. All times are CPU seconds of one thread, each
architecture in a process of its own. The columns:

captured    whether a stream of motifs runs incrementally; below the row, what failed, `program` being the capture
saved       share of a full pass's FLOPs that a motif in the centre does not cost (PyTorch counts no FFT, no LSTM)
error       of effects in float32 from those of full passes in float64, as a share of the largest effect; beside it that
            of full passes in float32
running     how many times as fast as the package's own full passes, and as `tangermeme.marginalize`, once all is ready
first       the same of the first call with the network: 16 motifs in 8 backgrounds, which chooses itself how to run,
            beside a first call in full and one of tangermeme, each the first of its process; medians of three
ready       seconds until the first group of the stream is there, less what such a group takes once running
memory      peak MiB of a stream of 400 motifs less that of 100
without     the first operation without a rule on what differs, and the module it is in
"""

import argparse
import itertools
import logging
import multiprocessing
import re
import statistics
import time
import warnings
from pathlib import Path

import torch
from architectures import ARCHITECTURES, WIDTH, make, one_hot, starts
from marginalization import marginalize_motifs, stream_motifs
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.incremental.saving import saving
from marginalization.models.outputs import as_callable, leaves
from marginalization.sequences.constructs import constructs
from tangermeme.marginalize import marginalize
from torch.utils.flop_counter import FlopCounterMode

BACKGROUNDS, FIRST_BACKGROUNDS, FIRST_MOTIFS = 2, 8, 16

TRIES = 3
"""How many first calls are timed: that in which a process first needs a kernel varies."""


def timed(function):
    """CPU seconds, which other processes change little, and what a function gives."""
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


class Reasons(logging.Handler):
    """What the package's log says of how models were run."""

    def __init__(self):
        super().__init__()
        self.facts = {}

    def emit(self, record):
        self.facts |= getattr(record, "facts", {})


class Subject:
    """A network under test, and its backgrounds and motifs."""

    def __init__(self, name):
        network, self.length = make(name)
        self.name, self.network = name, as_callable(network)
        self.X = one_hot(BACKGROUNDS, self.length, 1)
        places = itertools.cycle(starts(self.length))
        self.placements = [(one_hot(1, WIDTH, 2 + i), start) for i, start in zip(range(400), places, strict=False)]
        self.reasons = Reasons()
        logger = logging.getLogger("marginalization")
        logger.addHandler(self.reasons)
        logger.setLevel(logging.INFO)

    def first_call(self):
        """CPU seconds of the first call, which is to be the first thing that is done."""
        return {"first": self.call()}

    def first_in_full(self):
        """The same in full."""
        return {"full_first": self.call(incremental=False)}

    def first_of_reference(self):
        """The same by tangermeme."""
        return {"reference_first": self.by_reference()}

    def call(self, **options):
        """CPU seconds of a call."""
        X, motifs = one_hot(FIRST_BACKGROUNDS, self.length, 0), [motif for motif, _ in self.placements[:FIRST_MOTIFS]]
        seconds, _ = timed(lambda: marginalize_motifs(self.network, X, motifs, device="cpu", **options))
        return seconds

    def stream(self):
        """Of streams: whether captured, CPU seconds a marginal and until the first group, and the growth of memory."""
        self.reasons.facts.clear()
        peaks = []
        for n in (100, 400):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
            network, _ = make(self.name)  # another, so that it is captured again
            times, sizes = [time.process_time()], []
            groups = stream_motifs(network, self.X, self.placements[:n], device="cpu", incremental=True)
            for y in groups:
                times.append(time.process_time())
                sizes.append(len(leaves(y)[0]))
                if len(sizes) == 1:
                    self.afters = [leaf[:4] for leaf in leaves(y)]
            peaks.append(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**10)
        once = 1 if len(sizes) > 1 else 0  # groups whose time is not that of running; full passes are as ever
        running = (times[-1] - times[once]) / sum(sizes[once:])
        return {
            "captured": self.reasons.facts.get("incremental"),
            "running": running / BACKGROUNDS,
            "ready": max(0.0, times[1] - times[0] - sizes[0] * running),
            "memory": peaks[1] - peaks[0],
        }

    def full(self):
        """CPU seconds of the package's full passes, a marginal."""
        return {"full": self.call(incremental=False) / (FIRST_MOTIFS * FIRST_BACKGROUNDS)}

    def reference(self):
        """CPU seconds of tangermeme, a marginal."""
        return {"reference": self.by_reference() / (FIRST_MOTIFS * FIRST_BACKGROUNDS)}

    def by_reference(self):
        """CPU seconds of tangermeme, for what a call computes."""
        X = one_hot(FIRST_BACKGROUNDS, self.length, 0).float()
        motifs = [motif for motif, _ in self.placements[:FIRST_MOTIFS]]
        return timed(lambda: [marginalize(self.network, X, motif, device="cpu") for motif in motifs])[0]

    @torch.no_grad()
    def program(self):
        """The share of FLOPs saved, and the first operation without a rule."""
        X = self.X.float()
        lo = starts(self.length)[0]
        engine = Incremental(self.network, [X])
        engine.prepare([X], (0, len(X)), lo, lo + WIDTH, len(X))
        delta = torch.cat([motif.float() for motif, _ in self.placements[:16]]) - X[0, :, lo : lo + WIDTH]
        engine.after(delta, lo, slice(0, 1))  # which makes what all motifs of a background share
        with FlopCounterMode(display=False) as ours:
            engine.after(delta, lo, slice(0, 1))
        with FlopCounterMode(display=False) as full:
            self.network(X[:1])
        saved = 1 - ours.get_total_flops() / len(delta) / max(1, full.get_total_flops())
        return {"saved": saved, "without": saving(engine.nodes, engine.program(lo, lo + WIDTH)).whole_from}

    @torch.no_grad()
    def errors(self):
        """The largest errors of effects: ours, and those of full passes, both in float32."""
        after_full, before = [], leaves(self.network(self.X.float()))
        for placement in self.placements[:4]:
            y = leaves(self.network(constructs(self.X, [placement], 0, BACKGROUNDS).float()))
            after_full.append(y)
        self.network.double()
        exact_before, largest = leaves(self.network(self.X.double())), []
        exact = [leaves(self.network(constructs(self.X, [p], 0, BACKGROUNDS).double())) for p in self.placements[:4]]
        self.network.float()
        for i, base in enumerate(exact_before):
            effects = torch.stack([y[i] for y in exact]) - base
            for found in (self.afters[i], torch.stack([y[i] for y in after_full])):
                error = (found.double() - before[i].double() - effects).abs().max() / effects.abs().max()
                largest.append(error.item())
        return {"error": max(largest[::2]), "error_full": max(largest[1::2])}


def measure(name, parts, results):
    """Send what some parts find of an architecture; under `failed` what was not found, by the reason."""
    subject, found, failed = Subject(name), {}, {}
    for part in parts:
        try:
            found |= getattr(subject, part)()
        except Exception as error:  # a row that fails says why
            lines = [line.strip() for line in str(error).splitlines()]
            failed.setdefault(f"{type(error).__name__}: {' '.join(lines)}"[:300], []).append(part)
    results.send(found | {"failed": failed})


def warm_up():
    """Capture something: what PyTorch then imports is the same for all networks."""
    Incremental(torch.nn.Conv1d(4, 2, 3).requires_grad_(False), [one_hot(2, 40, 0).float()])


def alone(name, *parts):
    """The same from a process of its own, which has imported all and run no network yet."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, parts, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return {"failed": {f"its process ended with exit code {process.exitcode}": ["row"]}}


def firsts(name):
    """What first calls take, the medians of some, each alone, the ways of them in turn."""
    ways = "first_call", "first_in_full", "first_of_reference"
    times = [{} for _ in range(TRIES)]
    for each in times:
        for way in ways:
            each |= {key: value for key, value in alone(name, way).items() if key != "failed"}
    common = set.intersection(*map(set, times))
    return {key: statistics.median(each[key] for each in times) for key in common}


def row(found):
    """The cells of a row."""

    def ratio(slow, fast):
        return f"{found[slow] / found[fast]:.1f} x" if slow in found and fast in found else "-"

    def cell(key, form):
        return form.format(found[key]) if found.get(key) is not None else "-"

    found = {key: value for key, value in found.items() if value is not None}
    return [
        *({True: "yes", False: "no", None: "-"}[found.get("captured")], cell("saved", "{:.0%}")),
        *(cell("error", "{:.0e}"), cell("error_full", "{:.0e}"), ratio("full", "running")),
        *(ratio("reference", "running"), ratio("full_first", "first"), ratio("reference_first", "first")),
        *(cell("ready", "{:.1f} s"), cell("memory", "{:+.0f}"), "  " + found.get("without", "-")),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=ARCHITECTURES, metavar="NAME", help="these rows alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    seconds, _ = timed(warm_up)
    print(f"the first capture of a process, which imports PyTorch's exporter: {seconds:.1f} s\n")
    columns = ["captured", "saved", "error", "in full", "running", "", "first", "", "ready", "memory"]
    print(f"{'architecture':20}", *(f"{column:>9}" for column in columns), "   without a rule")
    for name in arguments.only or ARCHITECTURES:
        found = alone(name, "stream", "reference", "full", "program", "errors") | firsts(name)
        *cells, without = row(found)
        print(f"{name:20}", *(f"{figure:>9}" for figure in cells), without, flush=True)
        for reason, parts in found["failed"].items():
            print(f"    no {', '.join(parts)}: {reason}", flush=True)


if __name__ == "__main__":
    main()
