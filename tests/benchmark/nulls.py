"""Simulate screens, most of them of elements that are like their controls, and count what is called significant.

    python tests/benchmark/nulls.py [--full]

Families of an element and its controls have places and scales of their own (lognormal, sigma 0.5); effects on the two
strands correlate (0.8), and so do those of elements, three at a time (0.9), as of motifs of one class. Effects are
normal, or have heavy tails (Student's t with 3 degrees of freedom), or one sequence in 500, element or control, holds a
motif (an effect of 10 with standard deviation 3 more). Each row is of many screens:

- any: the share with any element called significant, all of them nulls; it should be 0.05 or less.
- p < 0.05, p < 0.001: the shares of elements with such an element_p.
- found at 50, 211: the share in which one element that does act, by so many standard deviations of its controls, is
  significant. CTCF's motif does by 211 in a BPNet of CTCF.

Below are screens of pairs that are like one kind of their controls at least, with 20 of each: p < 0.05 and p < 0.01 are
the shares of pairs with such a pair_p. All pairs of some first with some second motifs have interactions that are

- independent: of each pair and control by itself;
- one acts: products of two parts, of which the first is large for the motif and not for its shuffles;
- saturated: what two such parts do together to the hyperbolic tangent, less what each does;
- both weak: products of two parts that are like those of their shuffles.
"""

import argparse

import numpy as np
from marginalization.design.control_pairs import Arranged
from marginalization.merging.verdicts import against_control_pairs
from marginalization.statistics.families import Families
from marginalization.statistics.nulls import compare

ACTS = (50, 211)
SHUFFLES_OF_PAIRS = 20


def draw(rng, n, shuffles, kind):
    """Effects (elements, 1 + shuffles, strands) of families, the element first."""
    shape = (n, shuffles + 1, 1)
    group = np.arange(n) // 3
    of_both = rng.normal(size=shape)
    of_both[:, 0] = np.sqrt(0.9) * rng.normal(size=(n, 1))[group] + np.sqrt(0.1) * of_both[:, 0]
    effect = np.sqrt(0.8) * of_both + np.sqrt(0.2) * rng.normal(size=(n, shuffles + 1, 2))
    if kind == "heavy":
        tails = np.sqrt(3 / rng.chisquare(3, shape))
        tails[:, 0] = tails[group, 0]
        effect *= tails
    if kind == "motifs":
        effect += (rng.random(shape) < 1 / 500) * rng.normal(10, 3, shape)
    scale = rng.lognormal(sigma=0.5, size=(n, 1, 1))
    return 3 * rng.normal(size=(n, 1, 1)) + scale * effect


def screen(seed, n, shuffles, kind):
    """Whether any null is called, how often element_p is under 0.05 and 0.001, and whether those that act are found."""
    effect = draw(np.random.default_rng([seed, n, shuffles]), n, shuffles, kind)
    family = np.repeat(np.arange(n), shuffles + 1)
    is_control = np.tile(np.arange(shuffles + 1) > 0, n)
    among = Families(is_control, family, np.zeros(n, dtype=int), 0.05)

    def found(effect):
        columns = compare(np.ones((effect.size // 2, 2)), effect.reshape(-1, 2), among)
        own = np.flatnonzero(~is_control) * 2
        return columns["element_p"][own], np.asarray(columns["significant"][own], dtype=bool)

    p, called = found(effect)
    shares = [called.any(), (p < 0.05).mean(), (p < 0.001).mean()]
    own = effect[0, 1:]
    for size in ACTS:
        effect[0, 0] = own.mean(axis=0) + size * own.std(axis=0, ddof=1)
        shares.append(found(effect)[1][0])
    return shares


def cooperativity(rng, first, second, kind):
    """Of parts of one shape."""
    if kind == "independent":
        return rng.normal(size=first.shape)
    if kind == "saturated":
        return 100 * (np.tanh((first + second) / 10) - np.tanh(first / 10) - np.tanh(second / 10))
    return first * second


def screen_of_pairs(seed, n, kind):
    """The pair_p of n pairs, of as many first as second motifs; each motif's shuffles are the same in all its pairs."""
    rng = np.random.default_rng([seed, n])
    side = int(np.sqrt(n))
    parts = rng.normal(size=(2, side, 1 + SHUFFLES_OF_PAIRS))
    parts[0, :, 0] += 10 * (kind in ("one acts", "saturated"))
    first, second = parts[0].repeat(side, axis=0), np.tile(parts[1], (side, 1))
    own = np.broadcast_to(first[:, :1], first.shape), np.broadcast_to(second[:, :1], second.shape)
    scale = rng.lognormal(sigma=0.5, size=(n, 1))
    pairs = scale * cooperativity(rng, first[:, :1], second[:, :1], kind)
    controls = [
        scale * cooperativity(rng, *both, kind)
        for both in ((first[:, 1:], own[1][:, 1:]), (own[0][:, 1:], second[:, 1:]))
    ]
    rows = np.arange(2 * n * SHUFFLES_OF_PAIRS).reshape(2, -1, 1)
    of = np.repeat(np.arange(n), SHUFFLES_OF_PAIRS)
    alike = Arranged(np.arange(n)[:, None], {"first": (rows[0], of), "second": (rows[1], of)})
    return against_control_pairs(pairs, np.reshape(controls, (-1, 1)), [alike])[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more sizes and numbers of shuffles: ten minutes")
    full = parser.parse_args().full
    print("effects  elements  shuffles  screens  any             p < 0.05   p < 0.001   found at 50  at 211")
    for kind in ("normal", "heavy", "motifs"):
        for n in (100, 700, 5000) if full else (100, 700):
            screens = 100 if n < 5000 else 10
            for shuffles in (5, 10, 20, 30) if full else (5, 20):
                rows = np.array([screen(seed, n, shuffles, kind) for seed in range(screens)], dtype=float)
                called, often, seldom, *found = rows.mean(axis=0)
                error = np.sqrt(called * (1 - called) / screens)
                print(
                    f"{kind:7s}  {n:8,d}  {shuffles:8d}  {screens:7d}  {called:.3f} +- {error:.3f}  {often:.4f}     "
                    f"{seldom:.5f}     {found[0]:.3f}        {found[1]:.3f}",
                    flush=True,
                )
    print("\ninteractions  pairs  screens  p < 0.05   p < 0.01")
    for kind in ("independent", "one acts", "saturated", "both weak"):
        for n, screens in ((1, 2000), (9, 500), (100, 100)):
            p = np.concatenate([screen_of_pairs(seed, n, kind) for seed in range(screens if full else screens // 5)])
            print(
                f"{kind:12s}  {n:5d}  {len(p) // n:7d}  {(p < 0.05).mean():.4f}     {(p < 0.01).mean():.4f}", flush=True
            )


if __name__ == "__main__":
    main()
