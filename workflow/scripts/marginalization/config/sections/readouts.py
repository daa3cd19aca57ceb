"""The sections on readouts: what is taken from a model's outputs."""

from __future__ import annotations

from typing import Annotated, Literal

from ...statistics.scales import DIFFERENCE, Scale, ScaleName
from .keys import DISTINCT, REFERENCE, Bounds, NotNegative, Positive, key, optional, section


@section
class Profile:
    """The two outputs that make expected counts."""

    logits: int | str = key("Output of logits, (batch, strands, positions) or (batch, positions).")
    counts: int | str = key("Output of log(1 + counts), with one column in all or one for each strand.")
    keep: bool = key("Also write the mean profiles to profiles.parquet.", True)


@section
class Readout:
    """Scalars from a model's outputs."""

    output: int | str = key("Which output, by its index or its key.", 0)
    layout: tuple[Literal["positions", "tracks"], ...] | None = optional(
        "What the output's axes after the batch are: one of `positions`, the others of `tracks`.",
        without="`[tracks, positions]`, where the model shows that it is so; else it is asked for",
        more="Such as `[positions, tracks]` for Enformer.",
        minItems=2,
    )
    positions: Literal["all"] | Positive | Annotated[tuple[NotNegative, ...], Bounds(minItems=2, maxItems=2)] = key(
        "Of the output's positions: `all`, a number of central ones, or [start, end].", "all"
    )
    reduce: Literal["none", "sum", "mean", "max", "logsumexp"] = key(
        "What to do with those positions.", "none", more="With `none` each is a target."
    )
    profile: Profile | None = optional(
        "Expected counts, from an output of profile logits and one of log(1 + counts), in place of `output`.",
        more="They are softmax(logits) x (exp(counts) - 1), summed over `positions`, for each strand. With one count "
        "in all the softmax is over strands and positions together, as bpnet-lite and ChromBPNet are trained; with one "
        "for each strand, over each strand. `keep: false` leaves the mean profiles out of `profiles.parquet`.",
    )
    function: str | None = optional(
        "The lab's own, in place of `output`: `package.module:callable` or `path/to/file.py:callable`.",
        more="It takes the model's outputs, and gives a tensor `(batch, targets)`.",
        **REFERENCE,
    )
    targets: tuple[Annotated[str, Bounds(minLength=1)], ...] | None = optional(
        "Names of the readout's columns; by default their numbers.", without="numbers, or `+` and `-`", **DISTINCT
    )
    reverse_order: tuple[NotNegative, ...] | None = optional(
        "With average_strands, the order of the targets that a reverse complement's readout has.",
        more="Such as `[1, 0]` for strands. Profiles, and `positions`, are turned round by themselves; without this "
        "key targets keep their order, so strands of a plain `output` need it.",
        **DISTINCT,
    )
    effect: ScaleName = key(
        "The scale of its effects, on which predictions with and without an element are compared.",
        DIFFERENCE.name,
        more="See the formulas below.",
    )
    pseudocount: float | None = optional(
        "Added to after and before for log2_fold_change and ratio; 0 when left out.", without="`0`", minimum=0
    )

    @property
    def scale(self) -> Scale:
        return Scale(self.effect, self.pseudocount or DIFFERENCE.pseudocount)
