"""The whole config, and its sections on how a screen is run and what is asked of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from .backgrounds import Backgrounds
from .keys import DISTINCT, NAME, REFERENCE, Bounds, Name, key, optional, read, section
from .models import Model
from .readouts import Readout
from .substitutions import Elements, Placement

DEEP_LIFT_SHAP = "deep_lift_shap"
SATURATION_MUTAGENESIS = "saturation_mutagenesis"


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
class Measured:
    """What a lab measured of the screen's elements."""

    file: str = key(
        "A table with a header, its columns separated by tabs, and the motifs and annotations in the column `name`, or "
        "their sequences in the column `sequence`."
    )
    column: str = key("The column with what was measured, such as ln_ka.")


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
        "Sequences in a batch of full forward passes.",
        64,
        more="Fewer where they would take more than a CPU's cache (on a GPU 64 GiB), and halved where memory is short.",
        minimum=1,
    )
    threads: int = key("CPU threads of each job that runs a model.", 1, minimum=1)

    @property
    def options(self) -> dict[str, Any]:
        """How a model is run, in the words of `inference.session.session`."""
        return {"batch_size": self.batch_size, "dtype": self.dtype, "precision": self.precision}


@section
class Shards:
    """How the work is cut into jobs."""

    backgrounds: int = key("At most this many backgrounds in a shard.", 1000, minimum=1)
    marginals: int = key(
        "About how many marginals (element x strand x start x background) a job computes.", 500000, minimum=1
    )
    rows: int = key(
        "About how many rows of effects/ (a marginal of a target) a job writes at most.",
        300_000_000,
        more="They take 14 bytes at most, so this is 4 GB. Shards are cut by it where the config says how many targets "
        "there are, by their names (`targets`), or by numbers of tracks whose positions are reduced (`channels`).",
        minimum=1,
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
    measured: tuple[Measured, ...] = key(
        "What a lab measured of the elements, to compare their effects with.",
        (),
        more="See [Measurements](#measurements).",
        without="none",
    )
    attributions: Attributions | None = optional(
        "How much each base of the constructs adds to each target; nothing of it without this section.",
        more="See [Attributions](#attributions).",
        without="none",
    )
    keep_effects: Literal["all", "summary"] = key(
        "What is kept of effects: `all`, one for each background, or those statistics alone that the `summary` has.",
        "all",
        more="See [Wide readouts](#wide-readouts).",
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
    def effects_dataset(self) -> str:
        """Where what is kept of effects lies among the results."""
        return "effects" if self.keep_effects == "all" else "statistics"

    @property
    def further_tables(self) -> dict[str, bool]:
        """The tables that not every screen gives, and whether this one does."""
        elements = self.elements
        return {
            "profiles": any(readout.profile and readout.profile.keep for readout in self.readouts.values()),
            **dict.fromkeys(["control_pairs", "cooperativity", "pairs_summary"], bool(elements.pairs)),
            "arrangements": bool(elements.arrangements),
            "copies": any(entry.copies for entry in elements.arrangements),
            "scans": self.placement.several_starts,
            "differential": bool(self.compare),
            "attributions": self.attributions is not None,
            **dict.fromkeys(["instances", "ablations", "ablations_summary"], elements.ablations is not None),
            "clusters": bool(elements.motifs),
            **dict.fromkeys(["maps", "maps_summary"], elements.maps is not None),
            **dict.fromkeys(["context", "loci"], self.has_context),
            "measured": bool(self.measured),
        }

    @property
    def has_context(self) -> bool:
        """Whether effects are compared with what is known of each locus: of loci as they are, or with `columns`."""
        spec = self.backgrounds
        told = spec.loci is not None and (spec.transform == "none" or bool(spec.loci.columns))
        return told and self.keep_effects == "all"

    @property
    def length(self) -> int:
        assert self.backgrounds.length is not None  # in a resolved config
        return self.backgrounds.length
