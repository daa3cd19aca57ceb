"""The sections on what things are substituted into."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from .keys import Bounds, Name, key, one_of, optional, section

LOCAL = "local_dinucleotide_shuffle"
"""The transform that has a `bin_size`."""


@section
class Loci:
    """Regions of a genome."""

    file: str = key("BED or narrowPeak.")
    genome: str = key("FASTA file with the genome.")
    summits: bool = key("Centre on the summits of a narrowPeak file.", False)
    columns: dict[Name, Annotated[int, Bounds(minimum=4)]] = key(
        "Columns of the file with numbers that effects are compared with, counted from 1, by names of your own.",
        {},
        without="none",
        more="Such as `{signal: 7}` of a narrowPeak; see [Loci](#loci).",
    )


@section
class Random:
    """Random sequences."""

    n: int = key("How many.", minimum=1)
    gc: float = key("Expected fraction of G and C.", 0.5, minimum=0, maximum=1)


@section
class Backgrounds:
    """What the elements are substituted into."""

    RULES: ClassVar = one_of("loci", "fasta", "random")
    length: int | None = optional(
        "Length of the models' input, in bases.",
        without="that of a `chrombpnet`, `bpnet` or `cherimoya`; else required",
        minimum=1,
    )
    loci: Loci | None = optional(
        "Regions of a genome, centred on intervals.",
        more="With `summits: true`, on a narrowPeak's summits.",
    )
    fasta: str | None = optional(
        "FASTA file whose records have the models' input length.",
        more="In place of `loci`; the length must be just that.",
    )
    random: Random | None = optional("Random sequences.", more="In place of `loci`: `{n: 100, gc: 0.5}`.")
    transform: Literal["none", "shuffle", "dinucleotide_shuffle", "local_dinucleotide_shuffle"] = key(
        "What is done to each sequence.",
        "none",
        more="`dinucleotide_shuffle` keeps all dinucleotide counts (a uniform draw among all such sequences); the "
        "local one also keeps how they vary along the sequence.",
    )
    bin_size: int | None = optional(
        "For local_dinucleotide_shuffle, how many letters are shuffled together.",
        without="`1024`",
        more="Where they are cut is drawn for each shuffle; it is tangermeme's.",
        minimum=2,
    )
    copies: int = key("Shuffles of each sequence.", 1, minimum=1)
    match_gc: str | None = key(
        "For loci, a BED file; those are chosen whose GC content follows that of its regions.",
        None,
        without="none",
        more="The file is of the same genome, and for each of its regions one locus of like GC content is chosen, so "
        "there are at most as many backgrounds.",
    )
    max_unknown: int | None = key("Drop sequences with more N than this; null keeps all.", 0, minimum=0)
    exclude: str | None = key("For loci, a BED file; regions that overlap it are dropped.", None, without="none")
    chromosomes: tuple[str, ...] | None = key("For loci, the only chromosomes to take.", None, without="all")
    holdout: tuple[str, ...] | None = key(
        "For loci, chromosomes to leave out.", None, without="none", more="Such as those that a model was trained on."
    )
    past_end: Literal["error", "drop"] = key(
        "What to do with regions that reach past a chromosome's end.",
        "error",
        more="Stop with an `error`, or `drop` and count them.",
    )
    maximum: int | None = key(
        "At most this many sequences, chosen by the seed; null takes all.",
        None,
        without="all",
        more="A larger maximum keeps those of a smaller one.",
        minimum=1,
    )

    @property
    def local_bin(self) -> int | None:
        """How many letters a local shuffle shuffles together; None for another transform."""
        return (self.bin_size or 1024) if self.transform == LOCAL else None
