"""The sections on what is substituted into what: elements, backgrounds and placement."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from ...inputs import intervals, motifs
from .keys import DISTINCT, NotNegative, key, one_of, optional, section

LOCAL = "local_dinucleotide_shuffle"
"""The transform that has a `bin_size`."""

BITS: dict[str, Any] = {"minimum": 0, "maximum": 2}


@section
class Range:
    """Whole numbers at equal steps."""

    from_: int = key("The first.", minimum=0)
    to: int | None = optional(
        "The last, itself among them when a step ends there; of starts, by default the last that fits.", minimum=0
    )
    step: int = key("From each to the next.", 1, minimum=1)


@section
class Jaspar:
    """A collection of a JASPAR release."""

    release: str = key("Such as JASPAR2026.")
    collection: str = key("Such as CORE.", "CORE")
    tax_group: str | None = key("Such as vertebrates; null takes all.", None)
    tf_class: str | None = optional(
        'Of the factor, such as "Homeo domain factors"; `*` stands for any letters.', without="all"
    )
    tf_family: str | None = optional('Of the factor, such as "HOX*".', without="all")


@section
class Motifs:
    """A table of motifs."""

    RULES: ClassVar = one_of("file", "jaspar")
    file: str | None = optional(
        "A table of motifs.",
        more="MEME (minimal too), JASPAR text, HOMER (.motif), TRANSFAC (.transfac), TF-MoDISco's results (.h5), TSV "
        "with the columns `name` and `sequence`, or FASTA.",
    )
    format: motifs.Format | None = key("Of the file; null goes by its suffix.", None, without="by suffix")
    jaspar: Jaspar | None = optional(
        "A collection of a JASPAR release, from the database that pyjaspar carries.",
        more="In place of `file`; it is read offline.",
    )
    sequences: motifs.Sequences = key(
        "What a matrix becomes: its `consensus` (the likeliest base of each column), `informative` (the same with N "
        "where a column's information is under min_information), or `sampled`.",
        "consensus",
        more="An N keeps the background's base; samples are drawn from the matrix.",
    )
    min_information: float = key("For `informative`, in bits.", 0.5, **BITS)
    samples: int = key("For `sampled`, the number of sequences drawn from each matrix.", 1, minimum=1)
    trim: float | None = key(
        "Drop flanking columns of less information than this, in bits; null keeps all.", None, without="none", **BITS
    )
    trim_contribution: float | None = optional(
        "Of TF-MoDISco's patterns, drop flanking positions that contribute less than this share of the largest.",
        without="`0.3`",
        more="As its report and Fi-NeMo do it; 0 keeps all.",
        minimum=0,
        maximum=1,
    )


@section
class Annotations:
    """A table of annotations."""

    RULES: ClassVar = one_of("genome", "patterns")
    file: str = key("BED3 to BED12, narrowPeak, or Fi-NeMo's hits; may be gzipped.")
    genome: str | None = optional(
        "FASTA file with the genome.",
        more="Plain, or compressed by bgzip. Its index (`.fai`) is used where it fits the file; where not, or there is "
        "none, the genome is read through, and the index written beside it if it can be.",
    )
    patterns: str | None = optional(
        "TF-MoDISco's results (.h5): substitute the pattern that a hit of Fi-NeMo's is of, not the genome's letters.",
        more="In place of `genome`. A pattern's consensus is trimmed at 0.3 of its largest contribution, and turned as "
        "TF-MoDISco has it.",
    )
    format: intervals.Format | None = key(
        "Of the file; null goes by its content.",
        None,
        without="by content",
        more="A file of ten columns is read as narrowPeak where its name or this says so, or summits are asked of it.",
    )
    stranded: bool = key("Take the reverse complement of annotations on the minus strand.", True)
    summit_flank: int | None = key(
        "For narrowPeak, take the summit and this many bases on either side; null takes the peak.",
        None,
        without="none",
        minimum=0,
    )
    max_width: int | None = key(
        "Clip wider annotations to this many central bases; null keeps all.", None, without="none", minimum=1
    )


@section
class Pair:
    """Pairs of two motifs."""

    first: str = key("Name of the motif on the left, as motifs.parquet has it.")
    second: str = key("Name of the motif on the right.")
    distances: Annotated[tuple[NotNegative, ...], DISTINCT] | Range = key(
        "Bases between the end of the first and the start of the second, or a range of them.",
        more="A range is as in [Placement](#placement).",
    )
    orientations: tuple[Literal["++", "+-", "-+", "--"], ...] = key(
        "Strands of the first and of the second, as read from left to right.", ("++", "+-", "-+", "--"), **DISTINCT
    )


@section
class Strata:
    """Bins of elements that share controls."""

    width: int = key("Bins of the width.", 2, minimum=1)
    gc: int = key("Bins of the GC content.", 2, minimum=1)


@section
class Controls:
    """Shuffled elements."""

    shuffles: int = key("How many for each element, or for each stratum.", 20, minimum=2)
    kind: Literal["mononucleotide", "dinucleotide"] = key(
        "What a shuffle keeps, the counts of letters or those of neighbouring pairs too.", "mononucleotide"
    )
    per: Literal["element", "stratum"] = key(
        "Whether each element has controls of its own, or those of like width and GC content share theirs.", "element"
    )
    pairs: int = key(
        "How many shuffles of each motif of a pair, beside the other motif as it is; 0 for no controls of pairs.",
        20,
        more="Each arrangement of a pair is screened with four times as many control pairs and parts, or fewer where "
        "these are shared.",
        minimum=0,
    )
    strata: Strata = key("Quantile bins of the elements' width, and within each of their GC content.", Strata())
    level: float = key(
        "Elements with an element_q under this, and an effect beyond the floor, are significant.",
        0.05,
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )
    effect_floor: float | None = key(
        "The smallest effect of a significant element, as a distance from no effect; null takes the middle 95 % of "
        "the effects of its stratum's controls.",
        None,
        without="the middle 95 % of controls",
        minimum=0,
    )


@section
class Elements:
    """What is substituted."""

    RULES: ClassVar = {"minProperties": 1}
    motifs: tuple[Motifs, ...] = key("Motif tables, and collections of the JASPAR database.", ())
    annotations: tuple[Annotations, ...] = key("Tables of genomic intervals whose own sequences are substituted.", ())
    pairs: tuple[Pair, ...] = key("Pairs of motifs at distances from each other, screened beside each motif alone.", ())
    controls: Controls | None = optional(
        "Shuffled elements, screened alike, that the others are compared with; none without this key."
    )

    @property
    def level(self) -> float | None:
        """Of `significant`; None without controls."""
        return self.controls.level if self.controls else None


@section
class Loci:
    """Regions of a genome."""

    file: str = key("BED or narrowPeak.")
    genome: str = key("FASTA file with the genome.")
    summits: bool = key("Centre on the summits of a narrowPeak file.", False)


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


@section
class Placement:
    """Where the elements are substituted."""

    start: Literal["centre"] | NotNegative | Annotated[tuple[NotNegative, ...], DISTINCT] | Range = key(
        "`centre`, one or several 0-based positions of an element's first base, or a range of them.",
        "centre",
        more="The centre is `length // 2 - width // 2`.",
    )
    strands: Literal["+", "-", "both"] = key("`+` as the element is written, `-` its reverse complement, or both.", "+")
    average_strands: bool = key(
        "Average the prediction for each construct with that for its reverse complement.", False
    )
