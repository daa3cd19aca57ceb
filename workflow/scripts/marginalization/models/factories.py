"""A lab's own code, imported from packages or files, and called; nothing that it sets for the process stays."""

from __future__ import annotations

import contextlib
import copy
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import random
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ..config.checks import require_file
from ..config.dependencies import code_file
from ..errors import InputError
from .process_state import state_kept

LISTED = 10
"""How many names a message lists."""

_folders: set[Path] = set()
"""Those that files were imported from."""

_aside: dict[Path, dict[str, ModuleType]] = {}
"""Modules that lie beside such files, by folder and name, where another folder has some of the same names."""


def make(reference: str, kwargs: dict[str, Any], place: str) -> Any:
    """What a factory makes of its kwargs; random numbers that it draws are the same in every process.

    Args:
        reference: `package.module:callable` or `path/to/file.py:callable`.
        kwargs: its keyword arguments.
        place: where in the config it is.

    Raises:
        InputError: it can not be imported or called, or what it makes can not be called.
    """
    with state_kept():
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        factory = _imported(reference, f"{place}.factory")
        with _folder_first(reference):
            try:
                made = factory(**copy.deepcopy(kwargs))
            except (Exception, SystemExit) as error:
                mismatch = _mismatch(error, factory, kwargs)
                raise InputError(
                    f"config: {place}.kwargs: {reference} {mismatch}; they are {kwargs}"
                    if mismatch
                    else f"config: {place}: {reference} failed with {_told(error)}; its kwargs are {kwargs}"
                    f"{_numbers_as_text(kwargs)}"
                ) from error
    if isinstance(made, type):
        raise InputError(
            f"config: {place}: {reference} returned the class {made.__name__}, no model; return {made.__name__}(...), "
            f"or name the class itself as `factory`"
        )
    if not callable(made):
        raise InputError(f"config: {place}: {reference} made {_described(made)}")
    return made


def import_callable(reference: str, place: str) -> Callable[..., Any]:
    """What `package.module:callable` or `path/to/file.py:callable` names; the callable may have dots in it.

    Raises:
        InputError: the module can not be imported or has nothing of that name.
    """
    with state_kept():
        return _imported(reference, place)


def _imported(reference: str, place: str) -> Callable[..., Any]:
    path, _, attribute = reference.rpartition(":")
    if file := code_file(reference):
        require_file(file, place)
    with _folder_first(reference):
        try:
            found: Any = _import_file(Path(path)) if code_file(reference) else importlib.import_module(path)
        except (Exception, SystemExit) as error:
            raise InputError(
                f"config: {place}: importing {path} failed with {_told(error)}{_remedy(error, path)}"
            ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"config: {place}: {path} has no {attribute}; {_nearest(part, found)}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"config: {place}: {attribute} of {path} is a {type(found).__name__}, which can not be called")
    return found


def _import_file(path: Path) -> ModuleType:
    """The module of a file, which is run once for all that is asked of it."""
    digest = hashlib.sha256(str(path.resolve()).encode() + path.read_bytes()).hexdigest()[:16]
    name = f"marginalization_lab_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # torch.export and pickle look classes up by their module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def _folder_first(reference: str) -> Iterator[None]:
    """Have code of a file import what lies beside it, though that of another folder imported modules of the same names.

    Afterwards such names are nobody's, so that what is imported later still can not be the wrong one.
    """
    path = code_file(reference)
    if path is None:
        yield
        return
    folder = Path(path).resolve().parent
    _folders.add(folder)
    beside = {entry.stem if entry.suffix == ".py" else entry.name for entry in folder.iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in beside]:
        home = _home(name, sys.modules[name])
        if sys.modules[name] is None:
            del sys.modules[name]
        elif home in _folders - {folder}:
            _aside.setdefault(home, {})[name] = sys.modules.pop(name)
    sys.modules.update(_aside.pop(folder, {}))
    before = sys.path[:]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before if str(folder) in before else [*before, str(folder)]  # for imports within functions
        for name in {name for modules in _aside.values() for name in modules} & sys.modules.keys():
            _aside.setdefault(folder, {})[name] = sys.modules[name]
            sys.modules[name] = None  # type: ignore[assignment]


def _home(name: str, module: ModuleType | None) -> Path | None:
    """The folder in which a module's outermost package lies."""
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    above = Path(file).resolve().parents
    depth = name.count(".") + (Path(file).name == "__init__.py")
    return above[depth] if depth < len(above) else None


def _mismatch(error: BaseException, factory: Callable[..., Any], kwargs: dict[str, Any]) -> str | None:
    """What is wrong with kwargs that a factory did not even begin with."""
    begun = error.__traceback__ is not None and error.__traceback__.tb_next is not None
    if begun or not isinstance(error, TypeError):
        return None
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in parameters if p.name in named and p.default is p.empty and p.name not in kwargs]
    if missing:
        return f"needs {', '.join(missing)}, which the kwargs do not have"
    for key in kwargs:
        if key not in named:
            near = difflib.get_close_matches(key, named, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(named) or 'none'}"
            return f"takes no {key}; {hint}"
    return None


def _numbers_as_text(kwargs: dict[str, Any]) -> str:
    """A hint where YAML took a number for text, as it does without a point, or without a sign in the exponent."""
    for key, value in kwargs.items():
        if isinstance(value, str) and (number := re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", value)):
            whole, part, sign, exponent = number.groups()
            return f"; {key} is text to YAML: write {whole}{part or '.0'}e{sign or '+'}{exponent}"
    return ""


def _told(error: BaseException) -> str:
    """An error in one line, with the place in the lab's code where it happened."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.filename}, line {error.lineno}: {error.msg}"
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, SystemExit):
        told += ", which ends the program"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_labs(frame.filename)]
    return told + (f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else "")


def _is_the_labs(filename: str) -> bool:
    path = Path(filename)
    libraries = (Path(importlib.__file__).parents[1], Path(torch.__file__).parents[1], Path(__file__).parents[1])
    return path.suffix == ".py" and not any(path.is_relative_to(library) for library in libraries)


def _remedy(error: BaseException, path: str) -> str:
    """What to do about an import that failed, where what was seen tells it."""
    if isinstance(error, SystemExit):
        return '; put what a script does when it is run under `if __name__ == "__main__":`'
    if isinstance(error, ImportError) and "relative import" in str(error):
        return (
            "; a file that is named by its path is in no package: import what lies beside it without the dots, or "
            "install its package and name it as `package.module:callable`"
        )
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    file = f"{path.replace('.', '/')}.py"
    if Path(file).is_file():
        return f"; did you mean {file}, with its ending?"
    parent, _, last = error.name.rpartition(".")
    search = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    if not parent or search:  # of all packages that there are, only one that is very near
        cutoff = 0.6 if search else 0.85
        near = difflib.get_close_matches(last, [m.name for m in pkgutil.iter_modules(search)], n=1, cutoff=cutoff)
        if near or search:
            return f"; did you mean {'.'.join([parent, near[0]]) if parent else near[0]}?" if near else ""
    return f"; install the package that has the module {error.name} into the environment of the jobs, {sys.prefix}"


def _nearest(name: str, owner: Any) -> str:
    public = [key for key in dir(owner) if not key.startswith("_")]
    near = difflib.get_close_matches(name, public, n=1)
    if near:
        return f"did you mean {near[0]}?"
    listed = [key for key in vars(owner) if not key.startswith("_")]
    return f"it has {', '.join(listed[:LISTED])}{' and more' if len(listed) > LISTED else ''}"


def _described(made: Any) -> str:
    """What a factory made that is no model."""
    if made is None:
        return "nothing; let it return the model"
    if isinstance(made, (tuple, list)):
        parts = ", ".join(type(part).__name__ for part in made)
        return f"a {type(made).__name__} of {parts}, no model; let it return the model alone"
    if isinstance(made, dict) and any(isinstance(value, torch.Tensor) for value in made.values()):
        return "a state_dict, no model; give its file as `weights`, beside the factory of its model"
    return f"a {type(made).__name__}, no model"
