"""Simulate how often elements that are like their controls have a small control_p.

    python tests/benchmark/nulls.py

Families of an element and its controls have means and scales of their own, and draws with normal or heavy tails
(Student's t with 3 degrees of freedom). Each row is of 20 screens of 4,000 elements: the share with control_p < 0.05,
with its standard error, and with control_p < 0.001.
"""

import numpy as np
from marginalization.statistics.nulls import Families, against_controls

N, SCREENS = 4000, 20


def calibration(shuffles, tail, spread):
    """The shares of p under 0.05 and under 0.001 of each screen."""
    family = np.repeat(np.arange(N), shuffles + 1)
    is_control = np.tile(np.arange(shuffles + 1) > 0, N)
    among = Families(is_control, family, np.arange(N) % 2, 0.05)
    shares = []
    for seed in range(SCREENS):
        rng = np.random.default_rng(seed)
        draws = rng.standard_t(3, (N, shuffles + 1)) if tail == "heavy" else rng.normal(size=(N, shuffles + 1))
        effect = 3 * rng.normal(size=(N, 1)) + rng.lognormal(sigma=spread, size=(N, 1)) * draws
        p = against_controls(effect.reshape(-1, 1), among)["control_p"][~is_control]
        shares.append(((p < 0.05).mean(), (p < 0.001).mean()))
    return np.array(shares)


def main():
    print("controls  tails   scales of families  p < 0.05           p < 0.001")
    for shuffles in (3, 5, 10, 20):
        for tail in ("normal", "heavy"):
            for spread in (0.0, 0.5):
                shares = calibration(shuffles, tail, spread)
                error = shares[:, 0].std(ddof=1) / np.sqrt(SCREENS)
                scales = "lognormal" if spread else "equal"
                often, seldom = shares.mean(axis=0)
                print(f"{shuffles:8d}  {tail:6s}  {scales:18s}  {often:.4f} +- {error:.4f}   {seldom:.5f}", flush=True)


if __name__ == "__main__":
    main()
