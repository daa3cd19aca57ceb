"""The sections on what is substituted, and where: elements and placement."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from ...inputs import intervals, motifs
from .keys import DISTINCT, Bounds, NotNegative, key, one_of, optional, section

REPLACEMENTS = ("shuffle", "dinucleotide_shuffle", "locus_shuffle")
"""What an annotation can be replaced by, other than a sequence."""

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

    first: str | Annotated[tuple[str, ...], DISTINCT] = key(
        "Name of the motif on the left, as motifs.parquet has it, or several; `*` stands for any letters.",
        more="`family:HOX*` takes all of a JASPAR family.",
    )
    second: str | Annotated[tuple[str, ...], DISTINCT] = key("Of the motif on the right, or of several.")
    distances: Annotated[tuple[NotNegative, ...], DISTINCT] | Range = key(
        "Bases between the end of the first and the start of the second, or a range of them.",
        more="A range is as in [Placement](#placement).",
    )
    orientations: tuple[Literal["++", "+-", "-+", "--"], ...] = key(
        "Strands of the first and of the second, as read from left to right.", ("++", "+-", "-+", "--"), **DISTINCT
    )


@section
class Arrangement:
    """Several motifs side by side, or copies of one."""

    motifs: Annotated[tuple[str, ...], Bounds(minItems=1)] = key(
        "Names of the motifs from left to right, as motifs.parquet has them; or the one that is copied."
    )
    copies: int | None = optional(
        "Of a single motif, up to how many copies stand side by side; each number from one on is an element.",
        without="none",
        minimum=2,
    )
    distances: tuple[NotNegative | tuple[NotNegative, ...], ...] = key(
        "Bases between neighbours: for each entry an arrangement, of a number between all, or a list of one for each.",
        minItems=1,
    )
    orientation: str | None = optional(
        "Strands from left to right, such as `+-+`; of copies that of all.", without="all `+`", pattern="^[+-]+$"
    )


@section
class Strata:
    """Bins of elements that share controls."""

    width: int = key("Bins of the width.", 2, minimum=1)
    gc: int = key("Bins of the GC content.", 2, minimum=1)


@section
class Genomic:
    """Random stretches of a genome."""

    genome: str = key("FASTA file with the genome, from all of which they are drawn, but where there is an N.")
    n: int = key(
        "How many of each width of the elements, or of 20 widths among these where there are more.", 200, minimum=20
    )


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
    genomic: Genomic | None = optional(
        "Random stretches of a genome, screened alike, among whose effects each element has its percentile.",
        without="none",
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
class Ablations:
    """Annotations that are ablated in their own loci."""

    annotations: tuple[Annotations, ...] = key(
        "Tables of annotations with a genome; without any, those of `elements.annotations`.", ()
    )
    by: str = key(
        "What an annotation is replaced by: `shuffle`, `dinucleotide_shuffle` (of itself), `locus_shuffle` (what is "
        "there when its locus is dinucleotide shuffled, between its N), or a sequence.",
        "shuffle",
        more="A sequence lies centred on the annotations, and must be at least as wide as they are.",
        pattern=f"^({'|'.join(REPLACEMENTS)}|[ACGTacgt]+)$",
    )
    shuffles: int = key("How many times each is shuffled.", 10, more="Without meaning for a sequence.", minimum=1)
    elsewhere: int = key(
        "How many stretches of the same width elsewhere in the same locus are ablated alike, to compare with.",
        20,
        minimum=2,
    )
    within: int | None = key(
        "How far from an annotation's centre these may reach, in bases; null for the whole locus.",
        200,
        minimum=1,
    )


@section
class Maps:
    """Which bases of the significant motifs carry their effects."""

    most: int = key(
        "How many clusters of like motifs are mapped for each model and readout: those first that are the strongest on "
        "some target.",
        20,
        more="Of each its best motif, where it is placed best, on the four targets at most where it acts most.",
        minimum=1,
    )


@section
class Elements:
    """What is substituted."""

    RULES: ClassVar = {"minProperties": 1}
    motifs: tuple[Motifs, ...] = key("Motif tables, and collections of the JASPAR database.", ())
    annotations: tuple[Annotations, ...] = key("Tables of genomic intervals whose own sequences are substituted.", ())
    pairs: tuple[Pair, ...] = key("Pairs of motifs at distances from each other, screened beside each motif alone.", ())
    arrangements: tuple[Arrangement, ...] = key("Three and more motifs side by side, and copies of one.", ())
    ablations: Ablations | None = optional(
        "Annotations that are ablated in their own loci: whether they are needed where they are.",
        more="See [Ablations](#ablations).",
        without="none",
    )
    maps: Maps | None = optional(
        "Maps of the significant motifs: what each single base of them does.",
        more="See [Maps](#maps).",
        without="none",
    )
    controls: Controls | None = optional(
        "Shuffled elements, screened alike, that the others are compared with; none without this key."
    )

    @property
    def level(self) -> float | None:
        """Of `significant`; None without controls."""
        return self.controls.level if self.controls else None


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

    @property
    def several_starts(self) -> bool:
        """Whether there is more than one start, or a range of them."""
        return isinstance(self.start, Range) or (isinstance(self.start, tuple) and len(self.start) > 1)
