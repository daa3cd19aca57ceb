"""Models as they are stored: TorchScript, torch.export, factories with weights, and pickles that are trusted."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .config import code_file
from .errors import InputError


def load_model(spec: dict[str, Any], name: str) -> Callable[..., Any]:
    """The model that a section `models.<name>` of the config describes, on the CPU.

    Raises:
        InputError: it can not be loaded; the message says how to mend that.
    """
    if "factory" not in spec:
        return _load_file(spec["file"], spec["trust_pickle"], f"models.{name}")
    factory = import_callable(spec["factory"], f"models.{name}.factory")
    try:
        model = factory(**spec.get("kwargs", {}))
    except Exception as error:
        raise InputError(
            f"config: models.{name}: {spec['factory']} failed with {type(error).__name__}: {error}; "
            f"its kwargs are {spec.get('kwargs', {})}"
        ) from error
    if not callable(model):
        raise InputError(f"config: models.{name}: {spec['factory']} made a {type(model).__name__}, no model")
    if "weights" in spec:
        _load_weights(model, spec["weights"], f"models.{name}")
    return model


def import_callable(reference: str, place: str) -> Callable[..., Any]:
    """What `package.module:callable` or `path/to/file.py:callable` names; the callable may have dots in it.

    Raises:
        InputError: the module can not be imported or has nothing of that name.
    """
    path, _, attribute = reference.rpartition(":")
    try:
        module = _import_file(Path(path)) if code_file(reference) else importlib.import_module(path)
    except Exception as error:
        raise InputError(f"config: {place}: importing {path} failed with {type(error).__name__}: {error}") from error
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [key for key in vars(module) if not key.startswith("_")]
            raise InputError(f"config: {place}: {path} has no {attribute}; it has {', '.join(public)}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"config: {place}: {attribute} of {path} is a {type(found).__name__}, which can not be called")
    return found


def load_inputs(spec: dict[str, Any], name: str, n_backgrounds: int) -> list[torch.Tensor]:
    """A model's further inputs, each with a row for each of all the backgrounds of the screen.

    Raises:
        InputError: a file that is no .npy or .npz, or that has another number of rows; a constant that is no tensor, or
            holds another number of numbers than its shape.
    """
    inputs = []
    for i, item in enumerate(spec["inputs"]):
        if "constant" in item:
            filled = _constant(item, f"models.{name}.inputs[{i}]")
            inputs.append(filled.expand(n_backgrounds, *filled.shape))
            continue
        array = _load_array(item, f"models.{name}.inputs[{i}]")
        if array.shape[:1] != (n_backgrounds,):
            raise InputError(
                f"config: models.{name}.inputs[{i}]: {item['file']} has shape {array.shape}, but there are "
                f"{n_backgrounds} backgrounds; give one row for each, in the order of backgrounds.parquet"
            )
        # float64 is what numpy writes unasked, and not what a model of float32 takes.
        inputs.append(torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array))
    return inputs


def _constant(item: dict[str, Any], place: str) -> torch.Tensor:
    """A constant input, float32, without the batch."""
    try:
        values = np.array(item["constant"], dtype=np.float32)
    except ValueError as error:
        raise InputError(f"config: {place}: the rows of the constant differ in length") from error
    shape = tuple(item.get("shape", values.shape))
    if values.ndim == 0:
        return torch.full(shape, values.item())
    if values.size != math.prod(shape):
        raise InputError(
            f"config: {place}: the constant has {values.size} numbers, and shape {list(shape)} holds {math.prod(shape)}"
        )
    return torch.from_numpy(values.reshape(shape))


def _load_array(item: dict[str, Any], place: str) -> np.ndarray:
    try:
        loaded = np.load(item["file"], allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded.get(item.get("key"))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"config: {place}: {item['file']} is no .npy or .npz file of numbers: {error}") from error
    if array is None:
        raise InputError(f"config: {place}: {item['file']} holds {', '.join(loaded.files)}; name one of them as `key`")
    if array.dtype.kind not in "biufc":
        raise InputError(f"config: {place}: {item['file']} holds {array.dtype}, no numbers")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _import_file(path: Path) -> Any:
    """A module from a file, with the file's folder on the path for what it imports from beside itself."""
    name = f"marginalization_lab_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[name] = module  # torch.export and pickle look classes up by their module
    spec.loader.exec_module(module)
    return module


def _load_file(path: str, trust_pickle: bool, place: str) -> Callable[..., Any]:
    entries = (
        {entry.split("/", 1)[-1] for entry in zipfile.ZipFile(path).namelist()} if zipfile.is_zipfile(path) else set()
    )
    try:
        if "constants.pkl" in entries:
            return torch.jit.load(path, map_location="cpu")
        if "archive_format" in entries:
            with contextlib.nullcontext() if trust_pickle else _no_pickle_in(entries):
                return torch.export.load(path).module()
    except Exception as error:
        raise InputError(f"config: {place}: {path} can not be loaded: {type(error).__name__}: {error}") from error
    if not trust_pickle:
        raise InputError(
            f"config: {place}: {path} is a pickle, and unpickling a file runs whatever code its author put there. "
            f"Save the model with torch.export.save or torch.jit.save, or use a `factory` with the `weights`; if you "
            f"trust the file, set models' `trust_pickle: true`"
        )
    model = _unpickle(path, place)
    if not callable(model):
        raise InputError(
            f"config: {place}: {path} holds a {type(model).__name__}, no model; a state_dict goes to `weights`, beside "
            f"the `factory` that makes its model"
        )
    return model


@contextlib.contextmanager
def _no_pickle_in(entries: set[str]) -> Iterator[None]:
    """Have torch.export load tensors alone: it would else unpickle whatever stands beside them in the archive."""
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


def _unpickle(path: str, place: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise InputError(
            f"config: {place}: {path} can not be unpickled: {type(error).__name__}: {error}; the classes in it must be "
            f"importable, and are more safely named as `factory`"
        ) from error


def _load_weights(model: Any, path: str, place: str) -> None:
    """Load a state_dict into a model, or say which names or shapes differ."""
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"config: {place}: the factory made a {type(model).__name__}, which takes no weights")
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"config: {place}: {path} holds more than tensors, and unpickling it could run any code; "
            f"save `model.state_dict()` and use that"
        ) from error
    except Exception as error:
        raise InputError(f"config: {place}: {path} is no state_dict: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise InputError(f"config: {place}: {path} holds a {type(state).__name__}, no state_dict")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        details = " ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise InputError(
            f"config: {place}: {path} does not fit what {type(model).__name__} expects; check the factory's kwargs. "
            f"{details}"
        ) from error
