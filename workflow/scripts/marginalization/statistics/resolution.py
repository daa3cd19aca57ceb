"""How small a q-value a screen can reach, which follows from how many controls it has, and what gives smaller ones."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .families import Families
from .tails import controls_needed, least_p


class Resolution(NamedTuple):
    """What the verdicts of a screen can be.

    Fields:
        n_elements: with controls.
        n_controls: of the stratum that has most.
        spec: the section `controls` of the config.
    """

    n_elements: int
    n_controls: int
    spec: dict[str, Any]

    @property
    def smallest_q(self) -> float:
        """What a lone element reaches at best."""
        return min(1.0, float(self.n_elements * least_p(self.n_controls)))

    @property
    def together(self) -> int:
        """How many elements have to stand out together for one of them to be significant."""
        return math.floor(self.n_elements * least_p(self.n_controls) / self.spec["level"]) + 1

    @property
    def possible(self) -> bool:
        """Whether any can be significant."""
        return self.together <= self.n_elements

    @property
    def shuffles(self) -> int:
        """The fewest `shuffles` with which a lone element can be significant."""
        needed = controls_needed(self.n_elements, self.spec["level"])
        return needed if self.spec["per"] == "stratum" else math.ceil(needed / self.n_elements)

    def limits(self) -> str:
        """What can not be significant, in words; empty when a lone element can."""
        if self.together == 1:
            return ""
        who = f"only {self.together:,} or more at once" if self.possible else "none"
        return (
            f"with {self.n_controls:,} controls {who} of {self.n_elements:,} elements can be significant, for the "
            f"smallest q of a lone one is {self.smallest_q:.2g}: set controls.shuffles to {self.shuffles:,} or more"
        )

    def describe(self) -> str:
        """The smallest q and how to reach less, in words."""
        return self.limits() or (
            f"with {self.n_controls:,} controls in a stratum the smallest q of a lone one among {self.n_elements:,} "
            f"elements is {self.smallest_q:.2g}, and {self.n_elements / (self.n_controls + 1):.2g} just past the last "
            "control; more controls.shuffles reach less"
        )


def resolution(among: Families, spec: dict[str, Any]) -> Resolution:
    """That of a screen with controls, before anything of it is known."""
    siblings = np.bincount(among.family[among.is_control], minlength=len(among.stratum))
    # A control that has no sibling is compared with none.
    n = np.bincount(among.stratum, np.where(siblings > 1, siblings, 0))
    return Resolution(int((siblings[among.family[among.compared]] > 0).sum()), int(n.max()), spec)
