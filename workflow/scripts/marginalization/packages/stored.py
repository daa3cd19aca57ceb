"""Where packages of the field keep a model's files: one alone, or a folder or a tar with one for each fold.

A tar is read as a folder is: `models.tar/fold_0/model.h5` is a file in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from ..errors import InputError
from ..inputs.model_formats import HDF5, PACKED, TORCH_PICKLE, kind_of, unusable
from .cherimoya import OUTPUT, Settings, read_settings
from .keras import Network, Shape, read_network

PACKAGES = ("chrombpnet", "bpnet", "cherimoya")
"""The keys of a model's section that name such files."""

WITHOUT_BIAS = "model_wo_bias"
"""The layer of a whole ChromBPNet that is the model of accessibility."""

_NO_BIAS = re.compile(r"chrombpnet_(nobias|wo_bias)")
_WHOLE = re.compile(r"chrombpnet(?!_nobias|_wo_bias)")
_LAST = re.compile(r"\.final\.torch$")  # the weights at the end of training, beside the best, which is the model
_FOLD = re.compile(r"fold_?(\d+)")


def package_of(spec: dict[str, Any]) -> str | None:
    """Which package a model's section names the files of."""
    return next((package for package in PACKAGES if spec.get(package) is not None), None)


def stored_file(path: str) -> str:
    """The file that a path leads to: it, or the tar that it goes into."""
    above = [path, *map(str, Path(path).parents)]
    return next((file for file in above if Path(file).is_file()), path)


def fold_files(path: str, package: str, bias: bool, place: str) -> dict[str, str]:
    """The file of each fold by the fold's name; of a file alone, it under an empty name.

    Raises:
        InputError: there is none for the model that is asked for, or more than one for a fold.
    """
    suffix = ".torch" if package == "cherimoya" else ".h5"
    names = _names_below(path, suffix, place)
    if names is None:
        return {"": path}
    chosen = names
    if package == "chrombpnet":
        whole = [name for name in names if _WHOLE.search(Path(name).name)]
        chosen = whole if bias else [name for name in names if _NO_BIAS.search(Path(name).name)] or whole
    elif package == "cherimoya":
        chosen = [name for name in names if not _LAST.search(name)] or names
    if not chosen:
        of_chrombpnet = "*chrombpnet*.h5" if bias else "*chrombpnet_nobias*.h5"
        wanted = of_chrombpnet if package == "chrombpnet" else f"*{suffix}"
        held = f"it holds {', '.join(names[:4])}" if names else f"it holds no {suffix} file at all"
        raise InputError(f"config: {place}: {path} holds no file {wanted}; {held}")
    folds: dict[str, str] = {}
    for name in chosen:
        numbers = _FOLD.findall(name)
        fold = f"fold_{numbers[-1]}" if numbers else ""
        if fold in folds:
            raise InputError(
                f"config: {place}: {path} holds {folds[fold]} and {name} for "
                f"{fold or 'one model'}; give the one that you mean, or a folder that has it alone"
            )
        folds[fold] = name
    return {fold if len(folds) > 1 else "": str(Path(path) / name) for fold, name in folds.items()}


def _names_below(path: str, suffix: str, place: str) -> list[str] | None:
    """The files of a suffix below a folder or in a tar, sorted, relative to it; None where the path is a file's own."""
    file = stored_file(path)
    if Path(path).is_dir():
        found = [str(below.relative_to(path)) for below in Path(path).rglob(f"*{suffix}") if below.is_file()]
    elif Path(file).is_file() and tarfile.is_tarfile(file):
        within = str(Path(path).relative_to(file))
        members = [name for name in _members(file) if name.endswith(suffix)]
        if within in members:
            return None
        found = [str(Path(name).relative_to(within)) for name in members if Path(name).is_relative_to(within)]
    elif Path(file).is_file() and kind_of(file) is PACKED:
        raise InputError(f"config: {place}: {path} is packed, and no tar; unpack it, and give the folder")
    else:
        return None
    return sorted(found)


def _members(file: str) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(file) as archive:
        return {str(Path(member.name)): member for member in archive.getmembers() if member.isfile()}


@contextlib.contextmanager
def open_network(spec: dict[str, Any], place: str) -> Iterator[Network]:
    """The network of a section `chrombpnet` or `bpnet`, which names one file, while that is open.

    Raises:
        InputError: the file holds no model of the package, or not the part that is asked for.
    """
    import h5py

    package = package_of(spec)
    assert package is not None
    path, file = spec[package], stored_file(spec[package])
    try:
        with _opened(path, file) as opened, h5py.File(opened, "r") as h5:
            yield _part(read_network(h5), package, spec.get("bias", False))
    except InputError as error:
        raise InputError(f"config: {place}: {path} {error}") from None
    except OSError as error:
        kind = kind_of(file) if file == path else HDF5
        if kind is TORCH_PICKLE:
            raise InputError(
                f"config: {place}: {path} is a pickle of PyTorch's, and {package} takes what Keras wrote (.h5); if you "
                f"trust it, give it as `file`, with `trust_pickle: true`"
            ) from error
        if kind is not HDF5:
            raise unusable(path, kind, place) from error
        raise InputError(f"config: {place}: {path} is an HDF5 file that is damaged or cut off: {error}") from error


@contextlib.contextmanager
def open_cherimoya(spec: dict[str, Any], place: str) -> Iterator[tuple[Settings, IO[bytes]]]:
    """The settings of a section `cherimoya`, which names one file, and that file while it is open.

    Raises:
        InputError: the file is not a Cherimoya's.
    """
    path, file = spec["cherimoya"], stored_file(spec["cherimoya"])
    if file == path and (kind := kind_of(file)) is not TORCH_PICKLE:
        raise unusable(path, kind, place)
    with _opened(path, file) as opened:
        try:
            settings = read_settings(opened)
        except InputError as error:
            raise InputError(f"config: {place}: {path} {error}") from None
        opened.seek(0)
        yield settings, opened


@contextlib.contextmanager
def _opened(path: str, file: str) -> Iterator[IO[bytes]]:
    """A file, or a member of a tar."""
    if file == path:
        with open(path, "rb") as opened:
            yield opened
        return
    member = _members(file)[str(Path(path).relative_to(file))]
    with tarfile.open(file) as archive, cast(IO[bytes], archive.extractfile(member)) as opened:
        yield opened


def _part(network: Network, package: str, bias: bool) -> Network:
    """The network that is asked for: with a ChromBPNet's bias model, or without it."""
    if package == "chrombpnet":
        whole = network.layers.get(WITHOUT_BIAS)
        if whole and whole.network and not bias:
            network = whole.network
        elif bias and not whole:
            raise InputError("holds no bias model; give the whole model, which chrombpnet names chrombpnet.h5")
        elif not whole and not any(name.startswith("wo_bias_") for name in network.layers):
            raise InputError(
                f"is a network of other layers ({', '.join(list(network.layers)[1:3])} ...) than a ChromBPNet's, whose "
                f"names begin with wo_bias_; give a BPNet, or a bias model by itself, as `bpnet`"
            )
    shape = network.shape((network.inputs[0], 0))
    if len(network.outputs) != 2 or len(shape) != 2 or shape[1] != 4:
        raise InputError(
            f"takes {shape} and gives {len(network.outputs)} outputs; a {package} takes (length, 4) first, and gives "
            f"profile logits and log counts"
        )
    return network


@dataclasses.dataclass(frozen=True)
class Brought:
    """What a model brings along for its config.

    Attributes:
        length: of the sequences.
        inputs: shapes of what it takes besides, as PyTorch has them, where the sequences have this length.
        profile: the number of its tracks.
        counts: the number of its log counts.
        assays: of how many assays these are.
    """

    length: int
    inputs: tuple[Shape, ...]
    profile: int
    counts: int
    assays: int = 1


def brought_by(spec: dict[str, Any], place: str) -> Brought:
    """What the file of a model's section says; an InputError as `open_network` and `open_cherimoya` have it."""
    if package_of(spec) == "cherimoya":
        with open_cherimoya(spec, place) as (of, _):
            length, assays = OUTPUT + 2 * of.trimming, len(of.signal_groups)
            controls = ((of.n_control_tracks, length),) if of.n_control_tracks else ()
            return Brought(length, controls, sum(of.signal_groups), assays, assays)
    with open_network(spec, place) as network:
        first, *others = (network.shape((name, 0)) for name in network.inputs)
        logits, counts = map(network.shape, network.outputs)
        return Brought(
            length=first[0],
            inputs=tuple(shape[::-1] for shape in others),
            profile=logits[1] if len(logits) == 2 else 1,
            counts=counts[0],
        )
