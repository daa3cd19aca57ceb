"""What a number depends on beside the config: files that the lab names or imports, packages, and this project's code.

Nothing here imports torch or any of the lab's code, because Snakemake reads it at every parse.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]

NUMBERLESS = ("bundled", "commands", "view")
"""The folders of the package in which no number is made: they call the workflow, or show its results."""


@cache
def code_digest(package: Path = PACKAGE) -> str:
    """12 hex digits of this package's code, without what makes no number: the same for the same code anywhere."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in NUMBERLESS:
            digest.update(f"{name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def code_file(reference: str) -> str | None:
    """The file of `path/to/file.py:callable`; None for `package.module:callable`."""
    path = reference.rpartition(":")[0]
    return path if path.endswith(".py") else None


def named_files(value: Any) -> set[str]:
    """The files among the strings of nested lists and dicts."""
    if isinstance(value, str):
        with contextlib.suppress(OSError, ValueError):  # too long for a path, or with a zero in it
            return {value} if os.path.isfile(value) else set()
        return set()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return set().union(*map(named_files, items))


def imported_files(path: str) -> set[str]:
    """The Python files that a file imports from beside itself, through others too.

    Its folder is the first place that its imports are looked for in (see `factories.import_callable`). An import whose
    name is made at run time is not seen here, but among the `noted_reads`.
    """
    folder = Path(path).parent
    found: set[Path] = set()
    todo = [Path(path)]
    while todo:
        file = todo.pop()
        for module in _imported_modules(file, file.relative_to(folder).parts[:-1]):
            places = (folder.joinpath(*module).with_suffix(".py"), folder.joinpath(*module, "__init__.py"))
            new = {place for place in places if place.is_file()} - {*found, Path(path)}
            found |= new
            todo += new
    return set(map(str, found))


def _imported_modules(file: Path, package: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The modules that a file of a package may import, and the packages that these are in, each by its parts."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever imports it is told
        return set()
    modules: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            modules |= {base} | {(*base, alias.name) for alias in node.names if alias.name != "*"}
    return {module[: i + 1] for module in modules for i in range(len(module))}


def package_files(reference: str) -> list[str]:
    """The Python files of the package of `package.module:callable`, wherever it is installed; none if it is not.

    Neither of Python's own nor of PyTorch, which all models depend on alike: provenance names their versions.
    """
    package = reference.rpartition(":")[0].partition(".")[0]
    if code_file(reference) or package == "torch" or package in sys.stdlib_module_names:
        return []
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [spec.origin] if spec.has_location and spec.origin else []
    return sorted(str(path) for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py"))


# What is read while a model is loaded.

_noting: list[set[str]] = []


def _note(event: str, arguments: tuple) -> None:
    if event == "open" and _noting and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path, _, flags = arguments
        if not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            _noting[-1].add(os.path.abspath(os.fsdecode(path)))


@cache
def _add_hook() -> None:
    """Once: an audit hook can not be taken away."""
    sys.addaudithook(_note)


@contextlib.contextmanager
def noted_reads() -> Iterator[set[str]]:
    """The lab's files that Python reads or imports from in the block: in the set once it has ended.

    Files of Python itself, of installed packages, of this package and of the system do not belong to the lab.
    """
    _add_hook()
    known = _module_files()
    reads: set[str] = set()
    _noting.append(reads)
    try:
        yield reads
    finally:
        _noting.pop()
        # Of what was imported before, a warning or a traceback may show a line: the job's own script, too.
        seen = (reads | _module_files()) - known
        reads.clear()
        reads.update(path for path in seen if _of_the_lab(path))


def _module_files() -> set[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {os.path.abspath(path) for path in files if path}


def _of_the_lab(path: str) -> bool:
    homes = {sys.prefix, sys.base_prefix, str(PACKAGE), *sysconfig.get_paths().values()}
    homes |= {"/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64"}
    inside = any(Path(path).is_relative_to(home) for home in homes)
    # What packages say of themselves, wherever they are installed from; looking for plugins reads it.
    inside |= any(part.endswith((".dist-info", ".egg-info")) for part in Path(path).parts)
    return not inside and not path.endswith(".pyc") and os.path.isfile(path)


def relative(paths: Iterable[str]) -> list[str]:
    """Paths below the working folder as relative ones, the others as they are; sorted."""
    here = os.getcwd()
    return sorted(os.path.relpath(path) if Path(path).is_relative_to(here) else path for path in paths)
