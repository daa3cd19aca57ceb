"""Time marginals and edits, side by side with tangermeme in one process, and take the memory of streams.

    python tests/benchmark/marginals.py [--full] [--only NETWORK] [--rates]

For each network: medians over pairs of runs of the time per marginal (element x background) by tangermeme and by
`marginalize_motifs`, their ratio, their operations (counted by PyTorch), and how far the effects of either are from the
same in float64, as a share of the largest effect, ours also with `precision="medium"` and, in full, with
`dtype="bfloat16"`. Then how many operations a second ours makes, beside a matrix product on the same thread, and how
many times as fast two threads are by the clock, which tells nothing on a busy machine. Then, each in a process of its
own, a first call of few motifs and the next by either, and the peak memory of a stream of elements and by how much it
grows when there are ten times as many. Then how long whole screens take by these times, and the time of saturation
mutagenesis, against tangermeme's with `fast=True`. All times are CPU seconds of one thread but for those of two, as
threads that wait for one another spin on a busy machine.
"""

import argparse
import statistics
import time

import tangermeme.saturation_mutagenesis as tangermeme_edits
import torch
from alone import alone, sequences, timed
from marginalization import marginalize_motifs, saturation_mutagenesis
from marginalization.inference.incremental.checking import checked_engine
from marginalization.inference.incremental.motifs import run_group
from marginalization.sequences.constructs import place_motif
from marginalization.sequences.onehot import one_hot_encode
from marginalization.view.disk import BYTES_PER_ROW
from networks import NETWORKS, make
from tangermeme.marginalize import marginalize
from torch.utils.flop_counter import FlopCounterMode

GOALS = {
    "BPNet 64 x 8": 15,
    "BPNet 64 x 8, counts": 25,
    "ChromBPNet 512 x 8": 18,
    "Basset": 10,
    "DeepSTARR": 6,
    "Enformer in small": 1.9,
}


FLOORS = {"BPNet 64 x 8": 0.6, "ChromBPNet 512 x 8": 0.6, "Basset": 0.35, "DeepSTARR": 0.35}
"""Goals for the operations a second, as a share of a matrix product's."""

METHODS = "tangermeme", "ours"

SCREENS = {
    "1k motifs": 1000 * 21 * 2 * 100,  # each with 20 controls
    "100k sites": 100_000 * 2 * 100,  # whose controls, of a stratum, are few beside them
    "1M sites": 1_000_000 * 2 * 100,
}
"""Marginals of screens on both strands in 100 backgrounds."""


def leaves(y):
    return [y] if isinstance(y, torch.Tensor) else list(y)


def largest_error(marginals, exact):
    """The largest error of any effect, each output's as a share of its largest effect on any motif."""
    effects, errors = [], []
    for (before, after), (exact_before, exact_after) in zip(marginals, exact, strict=True):
        pairs = list(zip(leaves(before), leaves(after), leaves(exact_before), leaves(exact_after), strict=True))
        effects.append([(true_after - true_before).abs().max() for _, _, true_before, true_after in pairs])
        errors.append([(a.double() - b.double() - (ta - tb)).abs().max() for b, a, tb, ta in pairs])
    return (torch.tensor(errors).amax(0) / torch.tensor(effects).amax(0)).max().item()


def compare(name, n_backgrounds, n_motifs, n_reference, pairs):
    """A row of the table."""
    network, length = make(name)
    X = one_hot_encode(sequences(n_backgrounds, length, "background"))
    motifs = sequences(n_motifs, 12, "motif")

    def reference():
        return [marginalize(network, X.float(), motif, device="cpu") for motif in motifs[:n_reference]]

    def ours():
        return marginalize_motifs(network, X, motifs, device="cpu", incremental=True)

    ratios, times = [], []
    timed(lambda: marginalize_motifs(network, X, motifs[:8], device="cpu", incremental=True))
    for _ in range(pairs):
        t_reference, y_reference = timed(reference)
        t_ours, y_ours = timed(ours)
        t_reference /= n_reference * n_backgrounds
        t_ours /= n_motifs * n_backgrounds
        times.append((t_reference, t_ours))
        ratios.append(t_reference / t_ours)

    exact = [marginalize(network.double(), X.double(), motif, device="cpu") for motif in motifs[:n_reference]]
    network.float()
    ours = [(y_ours.y_before, [y[i] for y in leaves(y_ours.y_afters)]) for i in range(n_reference)]
    errors = [largest_error(y_reference, exact), largest_error(ours, exact)]
    for options in ({"incremental": True, "precision": "medium"}, {"incremental": False, "dtype": "bfloat16"}):
        y = marginalize_motifs(network, X, motifs[:n_reference], device="cpu", **options)
        halves = [(y.y_before, [after[i] for after in leaves(y.y_afters)]) for i in range(n_reference)]
        errors.append(largest_error(halves, exact))

    with FlopCounterMode(display=False) as counted:
        marginalize(network, X.float(), motifs[0], device="cpu")
    flops_reference = counted.get_total_flops() / n_backgrounds
    run = running(network, X, motifs[:64])
    once, each = flops_of(run), flops_of(run)  # the backgrounds are there now
    flops_ours = each / (64 * n_backgrounds) + (once - each) / (n_motifs * n_backgrounds)
    t_reference, t_ours = (statistics.median(column) for column in zip(*times, strict=True))
    return statistics.median(ratios), t_reference, t_ours, flops_reference, flops_ours, *errors


def running(network, X, motifs):
    """A function that runs a group of motifs through a captured network; at first the backgrounds too."""
    inputs, placements = [X.float()], [place_motif(X, motif, None, "ACGT") for motif in motifs]

    @torch.no_grad()
    def run():
        return run_group(engine, inputs, placements, None, 32)

    with torch.no_grad():
        engine = checked_engine(network, inputs, placements[:2], 32)
    return run


def flops_of(function):
    with FlopCounterMode(display=False) as counted:
        function()
    return counted.get_total_flops()


def fastest(function, clock, repeats=5):
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        begin = clock()
        function()
        times.append(clock() - begin)
    return min(times)


def matrix_rate(n=2048, channels=512):
    """Operations a second of a matrix product, of positions x channels with channels x channels, on this thread."""
    x, weight = torch.randn(n, channels), torch.randn(channels, channels)
    return 2 * n * channels**2 / fastest(lambda: torch.mm(x, weight), time.process_time, 50)


def rates(name):
    """A row: GFLOP/s of groups of motifs, of a matrix product, the share, its goal, and two threads against one."""
    network, length = make(name)
    n_backgrounds, n_motifs = (2, 48) if name.startswith("ChromBPNet") else (8, 256)
    X = one_hot_encode(sequences(n_backgrounds, length, "background"))
    run = running(network, X, sequences(n_motifs, 12, "motif"))
    run()
    rate, machine = flops_of(run) / fastest(run, time.process_time), matrix_rate()
    one = fastest(run, time.perf_counter)
    torch.set_num_threads(2)
    two = fastest(run, time.perf_counter)
    torch.set_num_threads(1)
    goal = f"{FLOORS[name]:.0%}" if name in FLOORS else ""
    return [f"{rate / 1e9:.1f}", f"{machine / 1e9:.1f}", f"{rate / machine:.0%}", goal, f"{one / two:.2f} x", "1.7 x"]


def compare_edits(n_sequences, width):
    """A row for saturation mutagenesis of the middle `width` positions: seconds by tangermeme, by ours, difference."""
    network, length = make("BPNet 64 x 8, counts")
    X = one_hot_encode(sequences(n_sequences, length, "sequence"))
    options = {"start": (length - width) // 2, "end": (length + width) // 2, "device": "cpu"}
    before, reference = timed(lambda: tangermeme_edits.saturation_mutagenesis(network, X, fast=True, **options))
    after, ours = timed(lambda: saturation_mutagenesis(network, X, incremental=True, **options))
    return before, after, ((ours - reference).abs().max() / reference.abs().max()).item()


def calls(name, n_backgrounds, n_motifs):
    """A row: seconds of the first call in a process and of the next, by tangermeme and by ours, and their ratios."""
    theirs, ours = ([seconds for seconds, _ in alone(what, name, n_backgrounds, n_motifs)] for what in METHODS)
    figures = [f"{n_motifs} x {n_backgrounds}"]
    for reference, seconds in zip(theirs, ours, strict=True):
        figures += [f"{reference:.2f} s", f"{seconds:.2f} s", f"{reference / seconds:.1f} x"]
    return figures


def memory(name, n_elements):
    """A row: seconds and peak MiB of a stream of a tenth of the elements and of all, and the growth."""
    taken = alone("stream", name, 2, n_elements)
    figures = []
    for n, (seconds, peak) in zip((n_elements // 10, n_elements), taken, strict=True):
        figures += [f"{n:,}", f"{seconds:.0f} s", f"{peak:.0f}"]
    return [*figures, f"{taken[1][1] / taken[0][1] - 1:.1%}"]


def print_row(name, figures):
    print(f"{name:22}", *(f"{figure:>10}" for figure in figures), flush=True)


def print_rates(names):
    print("GFLOP/s of groups of motifs, beside a matrix product's, and how many times as fast two threads are")
    print_row("network", ["GFLOP/s", "product", "share", "goal", "2 threads", "goal"])
    for name in names:
        print_row(name, rates(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more motifs, backgrounds, pairs and elements")
    parser.add_argument("--only", help="one network of the table")
    parser.add_argument("--rates", action="store_true", help="the operations a second alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = [arguments.only] if arguments.only else list(NETWORKS)
    if arguments.rates:
        print_rates(names)
        return
    columns = ["tangermeme", "ours", "ratio", "goal", "MFLOP", "ours", "error", "ours", "medium", "bfloat16"]
    print_row("network", columns)
    seconds = {}
    for name in names:
        large = name.startswith("ChromBPNet")
        n_backgrounds = (4 if large else 20) * (2 if arguments.full else 1)
        n_motifs = (200 if large else 1000) * (4 if arguments.full else 1)
        n_reference = 2 if large else 5
        ratio, before, after, flops, flops_ours, *errors = compare(
            name, n_backgrounds, n_motifs, n_reference, 5 if arguments.full else 3
        )
        seconds[name] = after
        figures = [
            f"{before * 1e3:.3f} ms",
            f"{after * 1e3:.3f} ms",
            f"{ratio:.1f} x",
            f"{GOALS[name]:g} x" if name in GOALS else "",
        ]
        figures += [f"{flops / 1e6:.1f}", f"{flops_ours / 1e6:.1f}", *(f"{error:.0e}" for error in errors)]
        print_row(name, figures)
    print()
    print_rates(names)
    print("\neach in a process of its own: its first call, and the next")
    print_row("network", ["motifs x b", "tangermeme", "ours", "ratio", "tangermeme", "ours", "ratio"])
    for name in names:
        print_row(name, calls(name, *((4, 8) if name.startswith("ChromBPNet") else (16, 24))))
    print("\neach in a process of its own: a stream of elements (x 2; growth at most 5 %)")
    print_row("network", ["elements", "time", "peak MiB", "elements", "time", "peak MiB", "growth"])
    for name in names:
        n_elements = 10_000 if arguments.full or not name.startswith("ChromBPNet") else 1000
        print_row(name, memory(name, n_elements))
    print("\nhours of one core for screens in 100 backgrounds on both strands, and GB of effects for a target")
    print_row("network", SCREENS)
    for name in names:
        print_row(name, [f"{n * seconds[name] / 3600:.3g} h" for n in SCREENS.values()])
    print_row("effects", [f"{n * BYTES_PER_ROW / 1e9:.2g} GB" for n in SCREENS.values()])
    if not arguments.only:
        width = 2114 if arguments.full else 600
        before, after, difference = compare_edits(8, width)
        print(f"\nsaturation mutagenesis of 8 x {width} bp, BPNet 64 x 8, counts, in seconds:")
        print(
            f"tangermeme {before:.1f}, ours {after:.1f}: {before / after:.1f} x (goal 2 x), difference {difference:.0e}"
        )


if __name__ == "__main__":
    main()
