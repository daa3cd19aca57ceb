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
"""

import argparse

import numpy as np
from marginalization.statistics.families import Families
from marginalization.statistics.nulls import compare

ACTS = (50, 211)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more sizes and more screens: ten minutes")
    full = parser.parse_args().full
    print("effects  elements  shuffles  screens  any             p < 0.05   p < 0.001   found at 50  at 211")
    for kind in ("normal", "heavy", "motifs"):
        for n in (100, 700, 5000) if full else (100, 700):
            screens = (400 if n < 5000 else 50) if full else 100
            for shuffles in (5, 10, 20, 30) if full else (5, 20):
                rows = np.array([screen(seed, n, shuffles, kind) for seed in range(screens)], dtype=float)
                called, often, seldom, *found = rows.mean(axis=0)
                error = np.sqrt(called * (1 - called) / screens)
                print(
                    f"{kind:7s}  {n:8,d}  {shuffles:8d}  {screens:7d}  {called:.3f} +- {error:.3f}  {often:.4f}     "
                    f"{seldom:.5f}     {found[0]:.3f}        {found[1]:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
