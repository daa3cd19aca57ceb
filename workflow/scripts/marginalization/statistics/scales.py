"""Scales of effects: in what terms a prediction with an element is compared with that without."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

ScaleName = Literal["difference", "log2_fold_change", "ratio", "log_odds"]
WITH_PSEUDOCOUNT = ("log2_fold_change", "ratio")


class Scale(NamedTuple):
    """What a readout's effects are: a value of its key `effect`, and the pseudocount added on both sides of a ratio."""

    name: ScaleName = "difference"
    pseudocount: float = 0.0

    @property
    def neutral(self) -> float:
        """The effect of an element that changes nothing."""
        return 1.0 if self.name == "ratio" else 0.0

    @property
    def domain(self) -> tuple[float, float]:
        """The open interval of predictions for which the scale has a meaning."""
        if self.name == "log_odds":
            return 0.0, 1.0
        # 0 less nothing is 0, where its negative is -0 and would be written so.
        return (0 - self.pseudocount if self.name in WITH_PSEUDOCOUNT else -math.inf), math.inf

    @property
    def needs(self) -> str:
        """The domain in words, and what to do about predictions outside it."""
        if self.name == "log_odds":
            return "float32 values above 0 and below 1; give the readout another `effect`"
        return f"float32 values above {self.domain[0]:g}; give the readout a larger `pseudocount`, or another `effect`"


DIFFERENCE = Scale()


def scale_of(readout: dict[str, Any]) -> Scale:
    """The scale of a readout of the config; the default readout's section is empty."""
    return Scale(readout.get("effect", DIFFERENCE.name), readout.get("pseudocount", DIFFERENCE.pseudocount))


def effect(before: np.ndarray, after: np.ndarray, scale: Scale) -> np.ndarray:
    """The effects on a scale, in float64, of predictions of any equal shape within its domain.

    With c the pseudocount: `difference` is after - before, `ratio` (after + c) / (before + c), `log2_fold_change` the
    logarithm of that to base 2, and `log_odds` logit(after) - logit(before) with logit(p) = ln(p / (1 - p)).
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if scale.name == "difference":
        return after - before
    if scale.name == "log_odds":
        return _logit(after) - _logit(before)
    ratio = (after + scale.pseudocount) / (before + scale.pseudocount)
    return ratio if scale.name == "ratio" else np.log2(ratio)


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log(p) - np.log1p(-p)
