"""`init`: the config of a screen, written from a few paths, or the demo's files."""

from __future__ import annotations

import argparse
import inspect
import math
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from ..config.models import check_reference
from ..config.sections import Model
from ..config.sections.keys import read
from ..errors import InputError
from ..inputs.intervals import NO_SUMMIT, read_intervals
from ..inputs.model_formats import (
    EXPORT,
    HDF5,
    PACKED,
    SAFETENSORS,
    TORCH_PICKLE,
    TORCHSCRIPT,
    kind_of,
    require_model,
    require_weights,
)
from ..packages.stored import PACKAGES, brought_by, fold_files, package_of
from .check import check_screen, require_snakemake, show
from .shared.bundled import root
from .shared.options import Commands, positive

ASKED = {
    "model": "the model: a ChromBPNet or BPNet (.h5), a Cherimoya (.torch), a folder or tar of their folds, a .pt2 or "
    "TorchScript file, or path/to/file.py:Class",
    "weights": "of a model that is a class: its weights, a state_dict",
    "length": "of the model's input, in bases, where its files do not say it",
    "genome": "the genome, a FASTA file; without one backgrounds are random",
    "peaks": "peaks, a BED or narrowPeak file, whose surroundings are shuffled to be the backgrounds",
    "motifs": "a motif table (MEME, JASPAR, TF-MoDISco ...); without one JASPAR 2026, vertebrates",
}
"""What `init` takes, in words, in the order that it asks."""

DEMO = ("config/config.yaml", "config/demo")
"""What of the project makes the demo."""


def add_to(commands: Commands) -> None:
    about = "write the config of a new screen"
    more = "What is not given is asked for where there is a person to ask. Then it says what `check` says."
    parser = commands.add_parser("init", help=about, description=f"{about.capitalize()}. {more}")
    parser.set_defaults(command=_init)
    parser.add_argument("config", help="the file to write, such as gata1.yaml; the screen is called after it")
    for name, what in ASKED.items():
        parser.add_argument(f"--{name}", help=what, type=positive if name == "length" else str)
    parser.add_argument("--demo", action="store_true", help="write the demo's config and its files, into config/demo")


def _init(console: Console, arguments: argparse.Namespace) -> None:
    require_snakemake()
    path = Path(arguments.config)
    if path.exists():
        raise InputError(f"{path} is there already; give the new config another name, or take it away")
    if arguments.demo:
        _write_demo(path)
    else:
        _ask(arguments)
        text = config_text(path, arguments)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    console.print(f"{path} is written.", soft_wrap=True)
    try:
        checked = check_screen(str(path))
    except InputError as error:
        raise InputError(f"{path} is written, and needs a look: {error}") from error
    show(console, checked)
    console.print(f"Change it to your liking, then: marginalization run {shlex.quote(str(path))}", soft_wrap=True)


def _write_demo(path: Path) -> None:
    """The demo's config at `path`, and its model and genome in config/demo, where the config says that they are."""
    config, files = DEMO
    if not Path(files).exists():
        shutil.copytree(root() / files, files, ignore=shutil.ignore_patterns("data", "__pycache__"))
    if not Path(files, "data").exists():
        subprocess.run([sys.executable, str(Path(files, "genome.py"))], check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root() / config, path)


def _ask(arguments: argparse.Namespace) -> None:
    """Fill in what was not given, from a person; without one it is left out, but for the model."""
    for name, what in ASKED.items():
        if getattr(arguments, name) is None and sys.stdin.isatty() and _is_asked(name, arguments):
            print(f"{name} - {what}:")
            answer = _answer()
            try:
                setattr(arguments, name, positive(answer) if answer and name == "length" else answer or None)
            except argparse.ArgumentTypeError as error:
                raise InputError(f"{name}: {error}") from None
    if arguments.model is None:
        raise InputError(f"give --model, {ASKED['model']}")
    if (arguments.genome is None) != (arguments.peaks is None):
        raise InputError("--genome and --peaks go together: backgrounds are cut from the genome around peaks")


def _is_asked(name: str, arguments: argparse.Namespace) -> bool:
    """Whether what was answered before leaves something to ask."""
    model = arguments.model or ""
    is_class = ":" in model and not Path(model).exists()
    needs_length = is_class or (Path(model).is_file() and kind_of(model) in (TORCHSCRIPT, EXPORT))
    return {"weights": is_class, "length": needs_length, "peaks": arguments.genome is not None}.get(name, True)


def _answer() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def config_text(path: Path, arguments: argparse.Namespace) -> str:
    """The text of a config.

    Raises:
        InputError: one of the files is not what a screen can use; the message says what to give.
    """
    model, readouts = _model_section(arguments.model, arguments.weights), ""
    brings_length = package_of(model) is not None
    if not brings_length and arguments.length is None:
        raise InputError("give --length, that of the model's input in bases, which this model's file does not say")
    if not brings_length:
        layout, readouts = _looked_at(model, arguments.length)
        model |= layout
    motifs = f"file: {_text(arguments.motifs)}" if arguments.motifs else JASPAR
    backgrounds = RANDOM
    annotations = "# annotations: [{file: sites.bed, genome: genome.fa}] # sequences of a genome, such as motif hits"
    if arguments.genome:
        n, summits = _peaks(arguments.peaks)
        locus = f"file: {_text(arguments.peaks)}, genome: {_text(arguments.genome)}"
        copies = COPIES.format(n=math.ceil(100 / n)) if 0 < n < 100 else ""  # about `maximum`
        backgrounds = LOCI.format(locus=f"{locus}, summits: true" if summits else locus, copies=copies)
        flank = ", summit_flank: 15" if summits else ", max_width: 30"
        annotations = f"# annotations: [{{{locus}{flank}}}] # the middle of each peak as an element, too"
    length = f"length: {arguments.length} # of the model's input, in bases\n  " if arguments.length else ""
    return TEXT.format(
        screen=_name(path.stem),
        model_name=_name(re.split(r"[/:]", arguments.model.rstrip("/"))[-1].split(".")[0]),
        model="\n    ".join(f"{key}: {_flow([value])[1:-1]}" for key, value in model.items()),
        readouts=readouts,
        motifs=motifs,
        annotations=annotations,
        backgrounds=length + backgrounds,
    )


def _model_section(model: str, weights: str | None) -> dict[str, Any]:
    """The keys of a model in the config."""
    from ..models.factories import import_callable  # with torch, which takes seconds

    if ":" in model and not Path(model).exists():
        check_reference(model, "--model")
        if weights:
            require_weights(weights, "--weights")
        elif inspect.isclass(import_callable(model, "--model")):
            raise InputError("give --weights, the state_dict of the model that this class makes")
        return {"factory": model} | ({"weights": weights} if weights else {})
    if weights:
        raise InputError(f"--weights go with a class, such as --model path/to/file.py:Class, and {model} is none")
    if not Path(model).exists():
        raise InputError(f"--model: there is no {model}")
    kind = None if Path(model).is_dir() else kind_of(model)
    if kind in (None, HDF5, PACKED):
        return {_package(model): model}
    if kind is TORCH_PICKLE and model.endswith(".torch"):
        brought_by({"cherimoya": model}, "--model")
        return {"cherimoya": model}
    if kind in (SAFETENSORS, TORCH_PICKLE):
        raise InputError(f"--model: {model} {kind.what}; give --model path/to/file.py:Class --weights {model}")
    require_model(model, False, "--model")
    return {"file": model}


def _looked_at(model: dict[str, Any], length: int) -> tuple[dict[str, Any], str]:
    """The layout of a model's input, if it is not the usual one, and the section of readouts that fit what it returns.

    Where the model does not run, the section says so.
    """
    from ..probing.suggestions import suggested_readouts

    errors: list[Exception] = []
    for layout in ({}, {"input_layout": ["positions", "letters"]}):
        try:
            found = suggested_readouts(read(Model, {**model, **layout}), length)
        except InputError:
            raise
        except Exception as error:
            errors.append(error)
            continue
        lines = ["", "readouts: # what of the model's outputs is compared"]
        for name, (readout, shape) in found.items():
            axes = ", ".join(["batch", *map(str, shape)])
            names = "; `targets: [...]` names them" if len(shape) == 1 and "targets" not in readout else ""
            lines.append(f"  {name}: {_flow(readout)} # of ({axes}){names}")
        return layout, "\n".join([*lines, ""])
    told = " ".join(str(errors[0]).split())[:300] or type(errors[0]).__name__
    return {}, NO_READOUTS.format(length=length, error=told)


def _package(path: str) -> str:
    """Which key takes a folder, a tar or a Keras file; an InputError as the first has it when none does."""
    errors = []
    for package in PACKAGES:
        try:
            for file in fold_files(path, package, False, "--model").values():
                brought_by({package: file}, "--model")
            return package
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _peaks(peaks: str) -> tuple[int, bool]:
    """How many peaks a file has, and whether it says where in them their summits are."""
    try:
        found = read_intervals(peaks, summits=True)
        return len(found), bool((found["summit"] != NO_SUMMIT).all())
    except InputError:
        return len(read_intervals(peaks)), False


def _name(text: str) -> str:
    """A name for a screen or a model, of letters that its folder may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-") or "screen"


def _text(path: str) -> str:
    """A path as YAML reads it back, among others on a line."""
    return _flow([path])[1:-1]


def _flow(value: Any) -> str:
    """A value on a line of YAML."""
    options: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "width": math.inf}
    text = yaml.safe_dump(value, allow_unicode=True, **options)
    # PyYAML writes some letters as they are that it does not read back.
    return (text if yaml.safe_load(text) == value else yaml.safe_dump(value, **options)).strip()


JASPAR = "jaspar: {release: JASPAR2026, collection: CORE, tax_group: vertebrates} # or `file: motifs.meme`"

RANDOM = "random: {n: 100} # better: loci of a genome, `loci: {file: peaks.bed, genome: genome.fa}` with a transform"

COPIES = "\n  copies: {n} # shuffles of each, because there are few"

LOCI = """loci: {{{locus}}}
  maximum: 100 # of them, drawn by the seed
  transform: dinucleotide_shuffle # so that no site of the loci acts; `none` takes them as they are{copies}
  max_unknown: 0 # without an N"""

NO_READOUTS = """
# The model did not run on one sequence of {length} bases: {error}
# It may need `inputs`, or another length. What of its outputs is compared, say so; without this all of them is.
# readouts:
#   signal: {{output: 0, reduce: sum}} # of the first output the sum over its last axis
"""

TEXT = """\
# A screen of marginal effects: `marginalization check` checks it, `marginalization run` runs it. Paths are relative
# to the folder that these run in.

screen: {screen} # its results go to results/{screen}

models: # several, such as the folds of one assay, are screened alike
  {model_name}:
    {model}
{readouts}
elements: # what is substituted into the backgrounds
  motifs:
    - {motifs}
      sequences: consensus # what a matrix becomes; or `informative`, or `sampled`
  {annotations}
  controls: {{shuffles: 20}} # of each element: the null that its verdict is against

backgrounds: # what the elements are substituted into
  {backgrounds}

placement: {{start: centre, strands: both}}

# compute: {{device: cpu}} # `auto` takes a GPU where there is one
# shards: {{marginals: 500000}} # of each job, about
"""
