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
class TargetTable:
    """What each of an output's tracks is."""

    file: str = key(
        "A table with a header, columns separated by tabs, and a row for each track.",
        more="Such as `targets_human.txt` of Enformer, Basenji and Borzoi. The number of a track is in the column "
        "`index`, or in a first column without a name, or is that of its row.",
    )
    where: dict[str, str | int] | None = optional(
        "Which tracks to take: a value for each of some columns, where `*` stands for any letters.",
        without="all",
        minProperties=1,
    )
    name: str = key("The column with their names.", "identifier")


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
    channels: tuple[NotNegative | Annotated[str, Bounds(minLength=1)], ...] | None = optional(
        "Which of the output's tracks to take, all by number or all by name.",
        without="all",
        more="Numbers count from 0 along the axis of tracks. Names are some of `targets`, which then names all tracks.",
        **DISTINCT,
    )
    targets: Annotated[tuple[Annotated[str, Bounds(minLength=1)], ...], DISTINCT] | TargetTable | None = optional(
        "Names of the readout's columns, or a table of what each of the output's tracks is.",
        without="numbers, or `+` and `-`",
        more="With names in `channels`, of all tracks of the output. For a table see below.",
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
