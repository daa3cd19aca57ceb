"""The config, section by section: the one source of its keys, their types, defaults, bounds and meanings."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from ..statistics.scales import DIFFERENCE, Scale, ScaleName
from .keys import (
    DISTINCT,
    NAME,
    REFERENCE,
    Bounds,
    Name,
    NotNegative,
    Numbers,
    Positive,
    key,
    one_of,
    optional,
    read,
    section,
)
from .substitutions import Backgrounds, Elements, Placement

DEEP_LIFT_SHAP = "deep_lift_shap"
SATURATION_MUTAGENESIS = "saturation_mutagenesis"


@section
class Input:
    """A further input of a model."""

    RULES: ClassVar = one_of("constant", "file") | {
        "if": {"required": ["constant"], "properties": {"constant": {"type": "number"}}},
        "then": {"required": ["shape"]},
    }
    constant: Numbers | None = optional(
        "The same for each background: a number, which fills a tensor of `shape`, or the numbers themselves, as a list "
        "or a nested list."
    )
    shape: tuple[Positive, ...] | None = optional(
        "Shape of the constant, without the batch; of a list, its own when left out."
    )
    file: str | None = optional("An .npy file, or an .npz file and its `key`, with a row for each background.")
    key: str | None = optional("Name of the array in an .npz file.")


@section
class Model:
    """A model, from a file or a factory."""

    RULES: ClassVar = one_of("file", "factory", "chrombpnet", "bpnet") | {
        "dependentRequired": {"kwargs": ["factory"], "weights": ["factory"], "bias": ["chrombpnet"]},
    }
    file: str | None = optional(
        "A TorchScript file, a torch.export file (.pt2), or a pickled module (with trust_pickle).",
        more="Which one it is, is seen from its content.",
    )
    factory: str | None = optional(
        "What makes the model: `package.module:callable` or `path/to/file.py:callable`.",
        more="The callable may have dots in it, such as `bpnetlite.bpnet:BPNet.from_chrombpnet`.",
        **REFERENCE,
    )
    chrombpnet: str | None = optional(
        "A ChromBPNet as chrombpnet or ENCODE keeps it: an .h5 file, or a folder or a tar of folds.",
        more="It brings its length, its readouts and its folds along: see below.",
    )
    bias: bool | None = optional("Keep a ChromBPNet's bias model in; without this key it is left out.")
    bpnet: str | None = optional(
        "A BPNet as Keras wrote it, such as that of basepairmodels: an .h5 file, or a folder or a tar of folds.",
        more="It brings its length, its readouts, zero controls and its folds along: see below.",
    )
    kwargs: dict[str, Any] | None = optional(
        "Keyword arguments of the factory.",
        more="A value that is the path of a file, also within lists and mappings, counts as an input of the screen; "
        "one that ends like a file (`.h5`, `.pt`, `.tsv` ...) where there is no file is an error.",
    )
    weights: str | None = optional(
        "A state_dict (.pt, .pth or .safetensors) to load into what the factory made.",
        more="It may be alone in its file or in a checkpoint: see below.",
    )
    trust_pickle: bool = key(
        "Unpickle a whole module. A pickle can run any code, so say so only of files that you trust.", False
    )
    inputs: tuple[Input, ...] = key(
        "The model's further inputs, in order, after the sequence.",
        (),
        more="`{constant: number, shape: [...]}`, the same for each background, such as zeros for a control track; "
        "`{constant: [[0.5, 1], [0, 2]]}`, the numbers themselves, as a list or a nested list (with a `shape`, one "
        "list holds them row by row); or `{file: x.npy}` or `{file: x.npz, key: name}` with a row for each background, "
        "in the order of `backgrounds.parquet` (float64 becomes float32).",
    )


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
    positions: Literal["all"] | Positive | Annotated[tuple[NotNegative, ...], Bounds(minItems=2, maxItems=2)] = key(
        "Of the output's last axis: `all`, a number of central ones, or [start, end].", "all"
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


@section
class Attributions:
    """How much each base adds to each target."""

    function: str = key(
        "`deep_lift_shap` (tangermeme's), `saturation_mutagenesis`, or the lab's own: `package.module:callable` or "
        "`path/to/file.py:callable`.",
        pattern=f"^({DEEP_LIFT_SHAP}|{SATURATION_MUTAGENESIS}|{REFERENCE['pattern'].strip('^$')})$",
    )
    readouts: tuple[str, ...] | None = key(
        "The readouts whose targets are attributed; null takes all.", None, without="all", **DISTINCT
    )
    window: int = key(
        "How many positions around an element's centre are written.",
        100,
        more="The centre is start + width // 2; near an end of the background the window is moved into it.",
        minimum=1,
    )
    kwargs: dict[str, Any] = key(
        "Keyword arguments of the function.",
        {},
        more="A value that is the path of a file, also within lists and mappings, counts as an input of the screen.",
    )
    marginals: int = key("About how many marginals the attributions of a job are of.", 10000, minimum=1)


@section
class Comparison:
    """Two models, ensembles or targets whose effects are compared."""

    first: str = key("Name of a model or a group; with `readout`, of a target.")
    second: str = key("Name of another.")
    readout: str | None = optional(
        "The readout whose targets `first` and `second` are, which are compared within each model and group.",
        without="none: models or groups are compared, target by target of all readouts that both have",
    )
    scaled: bool = key(
        "Divide the effects of each side by the standard deviation of its own controls first.",
        False,
        more="For sides whose effects are not on one scale, such as models of other assays; needs `elements.controls`.",
    )


@section
class Compute:
    """How the models are run."""

    device: str = key(
        "`auto` (CUDA when there is one), or a PyTorch device: `cpu`, `cuda`, `cuda:1`, `mps` or `xpu`.",
        "auto",
        more="`auto` takes a GPU that no other job of this machine has, waiting while there is none, or the CPU where "
        "there are no GPUs. The probe runs on the CPU for `auto`, and else on that device.",
        pattern="^(auto|cpu|(cuda|mps|xpu)(:[0-9]+)?)$",
    )
    dtype: Literal["float32", "float64", "bfloat16", "float16"] | None = key(
        "Of the sequences given to a model; the model's own when null. The half types turn on autocast.",
        None,
        without="the model's",
    )
    precision: Literal["highest", "high", "medium"] = key(
        "Of matrix products in incremental inference, as in PyTorch: `highest`, `high` (TF32) or `medium` (bfloat16).",
        "highest",
    )
    batch_size: int = key(
        "Sequences in a batch of full forward passes.", 64, more="Halved where memory is short.", minimum=1
    )
    threads: int = key("CPU threads of each job that runs a model.", 1, minimum=1)


@section
class Shards:
    """How the work is cut into jobs."""

    backgrounds: int = key("At most this many backgrounds in a shard.", 1000, minimum=1)
    marginals: int = key(
        "About how many marginals (element x strand x start x background) a job computes.", 500000, minimum=1
    )
    minutes: float | None = key(
        "In place of `marginals`, about how long a job runs; needs the rates that the target `measure` finds.",
        None,
        without="none",
        more="They come from `snakemake measure ...`, and are measured again only when the model changes; another rate "
        "may cut the screen into other jobs.",
        exclusiveMinimum=0,
    )
    max_jobs: int = key("Warn when a screen takes more jobs than this, and say what to do.", 2000, minimum=1)


@section
class Config:
    """The config of a marginalization screen"""

    screen: str = key("Name of the screen; its results go to results/<screen>.", **NAME)
    seed: int = key(
        "The one seed of every random draw.",
        0,
        more="Draws are made by name, so how the work is cut into jobs changes no number.",
        minimum=0,
    )
    models: dict[Name, Model] = key(
        "Models by name. Several models, such as the folds of one assay, are screened alike.",
        more="See [Models](#models).",
        minProperties=1,
    )
    groups: dict[Name, Annotated[tuple[str, ...], Bounds(minItems=2, uniqueItems=True)]] = key(
        "Models whose predictions are averaged, such as the folds of one assay, by the name of the group.",
        {},
        without="none",
        more="Write `ctcf: [fold_0, fold_1]`; see [Models](#models).",
    )
    readouts: dict[Name, Readout] = key(
        "Scalars to take from the models' outputs, by name. Without any, every output is flattened.",
        {},
        without="none",
        more="See [Readouts](#readouts).",
    )
    elements: Elements = key("What is substituted into the backgrounds.", more="See [Elements](#elements).")
    backgrounds: Backgrounds = key("What the elements are substituted into.", more="See [Backgrounds](#backgrounds).")
    placement: Placement = key(
        "Where in the backgrounds, and on which strands, the elements are substituted.",
        Placement(),
        more="See [Placement](#placement).",
        without="centred, `+`",
    )
    compare: tuple[Comparison, ...] = key(
        "Models, groups or targets whose effects are compared with each other, element by element.",
        (),
        more="See [Comparisons](#comparisons).",
        without="none",
    )
    attributions: Attributions | None = optional(
        "How much each base of the constructs adds to each target; nothing of it without this section.",
        more="See [Attributions](#attributions).",
        without="none",
    )
    compute: Compute = key("How the models are run.", Compute(), more="See [Compute](#compute).", without="see below")
    shards: Shards = key(
        "How the work is cut into jobs, one for each (model, background shard, element shard).",
        Shards(),
        more="See [Shards](#shards).",
        without="see below",
    )

    @classmethod
    def of(cls, config: dict[str, Any]) -> Config:
        """A resolved config, as Snakemake and provenance.json have it."""
        return read(cls, config)

    @property
    def length(self) -> int:
        assert self.backgrounds.length is not None  # in a resolved config
        return self.backgrounds.length
