"""Models as they are stored: TorchScript, torch.export, packages' files, factories with weights, trusted pickles."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ..config.models import input_rows
from ..config.sections import Input, Model
from ..errors import InputError
from ..inputs.model_formats import EXPORT, PLAIN_PICKLE, TORCHSCRIPT, require_model, zip_entries
from .checkpoints import load_weights
from .factories import make
from .layouts import LettersLast
from .networks.cherimoya import load_cherimoya
from .networks.keras import load_keras
from .process_state import state_kept

logger = logging.getLogger(__name__)


def load_model(spec: Model, name: str) -> Callable[..., Any]:
    """The model that a section `models.<name>` of the config describes, on the CPU.

    Raises:
        InputError: it can not be loaded; the message says how to fix that.
    """
    place = f"models.{name}"
    if spec.chrombpnet or spec.bpnet:
        return load_keras(spec, place)
    if spec.cherimoya:
        return load_cherimoya(spec, place)
    model = _load_own(spec, place)
    return LettersLast(model) if spec.input_layout == ("positions", "letters") else model


def _load_own(spec: Model, place: str) -> Callable[..., Any]:
    """The model of a file or a factory, as it is."""
    if spec.factory:
        model = _unwrapped(make(spec.factory, spec.kwargs or {}, place), place)
        if spec.weights:
            load_weights(model, spec.weights, place)
        return model
    assert spec.file is not None
    return _unwrapped(_load_file(spec.file, spec.trust_pickle, place), place)


def load_inputs(spec: Model, name: str, n_backgrounds: int, names: Sequence[str] | None = None) -> list[torch.Tensor]:
    """A model's further inputs, each with a row for each of all the backgrounds of the screen.

    Args:
        spec: the model's section.
        name: the model's.
        n_backgrounds: how many there are.
        names: of the backgrounds; without them, inputs from tables have the tables' rows in their order.

    Raises:
        InputError: a file that is no .npy or .npz, or that has another number of rows; a table without a row for a
            background; a constant that is no tensor, or holds another number of numbers than its shape.
    """
    inputs = []
    for i, item in enumerate(spec.inputs):
        place = f"models.{name}.inputs[{i}]"
        if item.constant is not None or item.one_hot is not None:
            filled = _constant(item, place) if item.constant is not None else _one_hot(item)
            inputs.append(filled.expand(n_backgrounds, *filled.shape))
            continue
        if item.table is not None:
            rows = torch.from_numpy(input_rows(item, names, place))
            inputs.append(rows if names else rows[torch.arange(n_backgrounds) % len(rows)])
            continue
        array = _load_array(item, place)
        if array.shape[:1] != (n_backgrounds,):
            raise InputError(
                f"config: {place}: {item.file} has shape {array.shape}, but there are "
                f"{n_backgrounds} backgrounds; give one row for each, in the order of backgrounds.parquet"
            )
        # float64 is what numpy writes unasked, and not what a model of float32 takes.
        inputs.append(torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array))
    return inputs


def _constant(item: Input, place: str) -> torch.Tensor:
    """A constant input, float32, without the batch."""
    try:
        values = np.array(item.constant, dtype=np.float32)
    except ValueError as error:
        raise InputError(f"config: {place}: the rows of the constant differ in length") from error
    shape = tuple(item.shape or values.shape)
    if values.ndim == 0:
        return torch.full(shape, values.item())
    if values.size != math.prod(shape):
        raise InputError(
            f"config: {place}: the constant has {values.size} numbers, and shape {list(shape)} holds {math.prod(shape)}"
        )
    return torch.from_numpy(values.reshape(shape))


def _one_hot(item: Input) -> torch.Tensor:
    """A one-hot input, float32 (size,)."""
    assert item.one_hot is not None
    assert item.size is not None
    return torch.nn.functional.one_hot(torch.tensor(item.one_hot), item.size).float()


def _load_array(item: Input, place: str) -> np.ndarray:
    assert item.file is not None
    try:
        with open(item.file, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            array = loaded if isinstance(loaded, np.ndarray) else loaded.get(item.key)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"config: {place}: {item.file} is no .npy or .npz file of numbers: {error}") from error
    if array is None:
        raise InputError(f"config: {place}: {item.file} holds {', '.join(loaded.files)}; name one of them as `key`")
    if array.dtype.kind not in "biufc":
        raise InputError(f"config: {place}: {item.file} holds {array.dtype}, no numbers")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _unwrapped(model: Any, place: str) -> Any:
    """A model without what only spreads it over devices, compiles it, or keeps it with other things."""
    if isinstance(model, torch.export.ExportedProgram):
        return model.module()
    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while (inner := model.module if isinstance(model, parallel) else getattr(model, "_orig_mod", None)) is not None:
        logger.info("%s: a %s; taking the %s in it", place, type(model).__name__, type(inner).__name__)
        model = inner
    if isinstance(model, torch.nn.Module) and any(tensor.is_meta for tensor in model.state_dict().values()):
        raise InputError(f"config: {place}: its tensors are on the meta device, without numbers; make it on the CPU")
    return model


def _load_file(path: str, trust_pickle: bool, place: str) -> Callable[..., Any]:
    kind = require_model(path, trust_pickle, place)
    try:
        if kind is TORCHSCRIPT:
            return _load_torchscript(path)
        if kind is EXPORT:
            return _load_export(path, trust_pickle)
    except Exception as error:
        raise InputError(f"config: {place}: {path} can not be loaded: {type(error).__name__}: {error}") from error
    with state_kept():
        try:
            with open(path, "rb") as file:
                if kind is PLAIN_PICKLE:
                    model = pickle.load(file)
                else:
                    model = torch.load(file, map_location="cpu", weights_only=False)
        except (Exception, SystemExit) as error:
            raise InputError(
                f"config: {place}: {path} can not be unpickled: {type(error).__name__}: {error}; the classes in it "
                f"must be importable, and are more safely named as `factory`"
            ) from error
    if not callable(model):
        raise InputError(
            f"config: {place}: {path} holds a {type(model).__name__}, no model; a state_dict goes to `weights`, beside "
            f"the `factory` that makes its model"
        )
    return model


def _load_torchscript(path: str) -> Callable[..., Any]:
    """The model of a TorchScript file; a RuntimeError where its code, not only its weights, needs a GPU not here."""
    model = torch.jit.load(path, map_location="cpu")
    named = re.search(r'value="(cuda[:\d]*)"', str(getattr(model, "inlined_graph", "")))
    if named and not torch.cuda.is_available():
        raise RuntimeError(
            f"its code makes tensors on {named[1]}, and there is no GPU here; save it again from the CPU, with tensors "
            f"made on the device of the input"
        )
    return model


def _load_export(path: str, trust_pickle: bool) -> Callable[..., Any]:
    """The module of a torch.export file; a RuntimeError with the reason that torch.export only logs."""
    with contextlib.nullcontext() if trust_pickle else _no_pickle_in(zip_entries(path)), _reasons() as reasons:
        try:
            return torch.export.load(path).module()
        except Exception as error:
            reason = "; ".join(dict.fromkeys(map(str, [*reasons, error])))
            raise RuntimeError(f"{reason}{_exported_elsewhere(path)}") from error


@contextlib.contextmanager
def _reasons() -> Iterator[list[BaseException]]:
    """Collect the exceptions that torch.export logs instead of raising them."""
    reasons: list[BaseException] = []

    class Collector(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if record.exc_info and record.exc_info[1] is not None:
                reasons.append(record.exc_info[1])
            return not record.exc_info

    collector = Collector()
    log = logging.getLogger("torch.export")
    log.addFilter(collector)
    try:
        yield reasons
    finally:
        log.removeFilter(collector)


@contextlib.contextmanager
def _no_pickle_in(entries: set[str]) -> Iterator[None]:
    """Have torch.export load tensors alone: it would else unpickle whatever else is in the archive."""
    for entry in entries:
        if "opaque_obj" in entry or entry.startswith("data/aotinductor/"):
            raise ValueError(f"{entry} in it could run any code; if you trust the file, set `trust_pickle: true`")
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
        if before is not None:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = before


def _exported_elsewhere(path: str) -> str:
    """What a torch.export file asks for that is not here, to follow the reason for which it does not load."""
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if name.endswith(".json")}
    if not torch.cuda.is_available() and any(b'"type": "cuda"' in text for text in texts.values()):
        return (
            "; it was exported on a GPU, and there is none here: export it on the CPU, or move the program with "
            "torch.export.passes.move_to_device_pass(program, 'cpu') and save it again"
        )
    versions = [re.search(rb'"torch_version": "([^"]+)"', text) for text in texts.values()]
    version = next((found[1].decode() for found in versions if found), torch.__version__)
    here = torch.__version__
    return "" if version == here else f"; it was exported by PyTorch {version}, and this is {here}: export it again"
