"""What is wrong with models and functions of a config, in words: their files and what names their code.

Nothing here imports torch or a lab's code, because Snakemake reads it at every parse.
"""

from __future__ import annotations

import difflib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..inputs.model_formats import DAMAGED, kind_of, kind_of_folder, require_model, require_weights, unusable
from ..inputs.model_tables import read_numbers
from ..packages.stored import Brought, brought_by, fold_files, package_of, stored_file
from ..statistics.scales import DIFFERENCE
from .checks import require_file
from .dependencies import code_file
from .sections import Config, Input

FORMS = "give `path/to/file.py:callable` or `package.module:callable`"

MODEL_FILE = re.compile(r"\.(h5|hdf5|keras|pt|pt2|pth|ckpt|torch|safetensors|bin|np[yz]|pkl|pickle|onnx|joblib)$", re.I)
DATA_FILE = re.compile(r"\.(bed|bw|bigwig|csv|fa|fasta|gz|json|meme|tsv|txt|yaml|yml)$", re.I)


def check_models(config: Config) -> None:
    """Raise an InputError for the first thing in models and readouts that is seen to be wrong without running code."""
    for name, spec in config.models.items():
        place = f"models.{name}"
        if spec.file is not None:
            require_model(_stored(spec.file, place), spec.trust_pickle, place)
        if spec.weights is not None:
            require_weights(_stored(spec.weights, place), place)
        _check_kwargs(spec.kwargs or {}, f"{place}.kwargs")
        for i, item in enumerate(spec.inputs):
            if item.one_hot is not None and item.size is not None and item.one_hot >= item.size:
                raise InputError(
                    f"config: {place}.inputs[{i}]: one_hot {item.one_hot} is not within its size; the places of "
                    f"{item.size} are 0 to {item.size - 1}"
                )
    for place, reference in _references(config):
        check_reference(reference, place)


def check_input_tables(config: Config, names: Sequence[str]) -> None:
    """Raise an InputError for the first table of a model's inputs that lacks a background of these names."""
    for model, spec in config.models.items():
        for i, item in enumerate(spec.inputs):
            if item.table is not None:
                input_rows(item, names, f"models.{model}.inputs[{i}]")


def input_rows(item: Input, names: Sequence[str] | None, place: str) -> np.ndarray:
    """The numbers of an input's table, float32 (backgrounds, columns), for backgrounds of these names, or for all rows.

    Raises:
        InputError: as `read_numbers` has it.
    """
    assert item.table is not None
    try:
        return read_numbers(item.table, item.columns, names)
    except InputError as error:
        raise InputError(f"config: {place}: {error}") from None


def complete(config: dict[str, Any]) -> None:
    """Write into a config, in place, what models of packages bring along, where the lab says nothing.

    A model of several folds becomes a model for each, such as `atac.fold_0`, and the group `atac` of them.

    Raises:
        InputError: a file is not what its key says, or the models' lengths differ and none is given.
    """
    brought: dict[str, Brought] = {}
    config["models"] = _with_folds(config)
    for name, spec in config["models"].items():
        if package_of(spec):
            brought[name] = brought_by(spec, f"models.{name}")
    if not brought:
        return
    lengths = {of.length: name for name, of in brought.items()}
    if "length" not in config["backgrounds"]:
        if len(lengths) > 1:
            told = " and ".join(f"{length} bases (models.{name})" for length, name in sorted(lengths.items()))
            raise InputError(f"config: models: they take sequences of {told}; all models of a screen have one length")
        config["backgrounds"]["length"] = next(iter(lengths))
    for name, of in brought.items():
        longer = config["backgrounds"]["length"] - of.length
        shapes = ([*shape[:-1], shape[-1] + longer] if len(shape) > 1 else list(shape) for shape in of.inputs)
        spec = config["models"][name]
        spec["inputs"] = spec["inputs"] or [{"constant": 0, "shape": shape} for shape in shapes]
    outputs = {(of.profile, of.counts, of.assays) for of in brought.values()}
    if not config["readouts"] and brought.keys() == config["models"].keys() and len(outputs) == 1:
        config["readouts"] = readouts_of_profile(*outputs.pop())


def _with_folds(config: dict[str, Any]) -> dict[str, Any]:
    """The models, with one for each fold; in the config's groups the folds take the place of their model."""
    models: dict[str, Any] = {}
    for name, spec in config["models"].items():
        package = package_of(spec)
        if package is None:
            models[name] = spec
            continue
        place = f"models.{name}"
        folds = fold_files(spec[package], package, spec.get("bias", False), place)
        for path in folds.values():
            require_file(stored_file(path), place)
        members = {f"{name}.{fold}" if fold else name: {**spec, package: path} for fold, path in folds.items()}
        if taken := members.keys() & (config["models"].keys() - {name}):
            raise InputError(f"config: {place}: its folds need the name {min(taken)}, which is another model's")
        models |= members
        if len(members) > 1:
            for group, of in config["groups"].items():
                config["groups"][group] = [new for old in of for new in (members if old == name else [old])]
            config["groups"][name] = list(members)
    return models


def readouts_of_profile(profile: int, counts: int, assays: int = 1) -> dict[str, Any]:
    """Readouts of profile logits and log counts: the log counts, and expected counts with their profiles.

    Of several assays, each with tracks of its own, the log counts alone.
    """
    strands: dict[str, Any] = {"targets": ["+", "-"], "reverse_order": [1, 0]}
    named: dict[str, Any] = {1: {"targets": ["log_counts"]}, 2: strands}.get(counts, {}) if assays == 1 else {}
    readouts: dict[str, Any] = {"log_counts": {"output": 1, "positions": "all", "reduce": "none", **named}}
    if counts in (1, profile) and assays == 1:
        readouts["counts"] = {"profile": {"logits": 0, "counts": 1, "keep": True}, "positions": "all"}
    return {name: {**readout, "effect": DIFFERENCE.name} for name, readout in readouts.items()}


def require_modules(config: Config) -> None:
    """An InputError when the package of a model's factory, or of a readout's function, is not installed here."""
    for place, reference in _references(config):
        root = reference.rpartition(":")[0].partition(".")[0]
        if code_file(reference) or _is_installed(root):
            continue
        near = difflib.get_close_matches(root, [m.name for m in pkgutil.iter_modules()], n=1, cutoff=0.85)
        hint = f"did you mean {near[0]}?" if near else "install the package that has it"
        raise InputError(f"config: {place}: there is no module {root} in the environment of the jobs; {hint}")


def check_reference(reference: str, place: str) -> None:
    """An InputError when `reference` can be neither `path/to/file.py:callable` nor `package.module:callable`."""
    path, _, attribute = reference.rpartition(":")
    what = f"config: {place}: {path}"
    if code_file(reference):
        require_file(path, place)
        return
    if _is_module_name(path) and _is_installed(path.partition(".")[0]):
        return
    if path.endswith(".ipynb"):
        raise InputError(
            f"{what} is a notebook, which can not be imported; save its code as a file with `jupyter nbconvert --to "
            f"script {path}`, and name that"
        )
    if Path(path).is_dir():
        files = sorted([*Path(path).glob("*.py"), *Path(path).glob("*/*.py")])
        hint = next((f"did you mean {file}:{attribute}?" for file in files if _defines(file, attribute)), FORMS)
        raise InputError(f"{what} is a folder; {hint}")
    for file in (f"{path}.py", f"{path.replace('.', '/')}.py", path.rstrip(":")):
        if file.endswith(".py") and Path(file).is_file():
            raise InputError(f"{what}:{attribute} names no module; did you mean {file}:{attribute}?")
    if not _is_module_name(path):
        raise InputError(f"{what} is neither a file that ends in .py nor the name of a module; {FORMS}")


def _references(config: Config) -> Iterator[tuple[str, str]]:
    """What names a lab's code, after its place in the config."""
    for name, spec in config.models.items():
        if spec.factory:
            yield f"models.{name}.factory", spec.factory
    for name, readout in config.readouts.items():
        if readout.function:
            yield f"readouts.{name}.function", readout.function


def _is_module_name(path: str) -> bool:
    return all(part.isidentifier() for part in path.split("."))


def _is_installed(root: str) -> bool:
    return root in sys.modules or (root.isidentifier() and importlib.util.find_spec(root) is not None)


def _defines(file: Path, name: str) -> bool:
    """Whether a Python file has a class or function of a name."""
    code = file.read_text(encoding="utf-8", errors="ignore")
    return re.search(rf"^(class|def) {re.escape(name.partition('.')[0])}\b", code, re.MULTILINE) is not None


def _stored(path: str, place: str) -> str:
    """A file, or an InputError, which for a folder that is a stored model says what it is."""
    if Path(path).is_dir() and (kind := kind_of_folder(path)):
        raise unusable(path, kind, place)
    return require_file(path, place)


def _check_kwargs(kwargs: dict[str, Any], place: str) -> None:
    """An InputError for a value that is written as a path of a file and names none, or one that holds no data."""
    values = list(_strings(kwargs, place))
    # A file's name in the repository on a hub that another value names.
    remote = any(re.fullmatch(r"[\w.-]+/[\w.-]+", value) and not _is_path(value) for _, value in values)
    for below, value in values:
        if not _is_path(value) or (remote and "/" not in value):
            continue
        if not Path(value).exists():
            require_file(value, below)
        elif MODEL_FILE.search(value) and Path(value).is_file() and (kind := kind_of(value)) in DAMAGED:
            raise unusable(value, kind, below)


def _is_path(value: str) -> bool:
    """Whether a text ends like the path of a file, and is neither a list nor a sentence nor a URL."""
    ends = MODEL_FILE.search(value) or DATA_FILE.search(value)
    return ends is not None and len(value) < 1000 and not re.search(r"[\0\n,;*{]|://", value)


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """All texts in nested kwargs, after the place of each."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, f"{place}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _strings(item, f"{place}[{i}]")
