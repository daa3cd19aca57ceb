"""The text of a config: YAML in UTF-8, where no key is written twice, and names are text.

YAML's own reader keeps the last of two equal keys without a word, so that a second `elements:` loses the first; and of
the name `01` it makes the number 1.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import InputError

READ_AS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "timestamp": "a date"}


def check_text(path: str | Path) -> None:
    """Raise an InputError for the first thing in a config file that is no YAML, or that is written there twice.

    The message says on which line. Snakemake takes JSON as well.
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: a letter is not in UTF-8; save the file in that encoding") from error
    with contextlib.suppress(json.JSONDecodeError):
        json.loads(text, object_pairs_hook=lambda pairs: _check_pairs(path, pairs))
        return
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{path}, {_explained(error, text)}") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise InputError(
            f"{path}, line {line}: the character {chr(error.character)!r} is not allowed in YAML"
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path} holds no config: give keys such as `screen:` and `models:` at its top level")
    _check_keys(path, root)
    for name in _names(root):
        kind = name.tag.rpartition(":")[2]
        if kind in READ_AS:
            raise InputError(
                f"{path}, line {name.start_mark.line + 1}: YAML reads the name {name.value} as {READ_AS[kind]}; put it "
                f'in quotes: "{name.value}"'
            )


def _names(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """The names of models, groups, readouts and targets, where they are given and where they are referred to."""
    for section in ("models", "groups", "readouts"):
        for name, value in _items(_child(root, section)):
            yield from (name, *_listed(value if section == "groups" else _child(value, "targets")))
    yield from _listed(_child(_child(root, "attributions"), "readouts"))


def _items(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)]


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _items(node) if name.value == key), None)


def _listed(node: yaml.Node | None) -> list[yaml.ScalarNode]:
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    return [item for item in items if isinstance(item, yaml.ScalarNode)]


def _check_pairs(path: str | Path, pairs: list[tuple[str, Any]]) -> None:
    """The same for an object of JSON, whose lines are not known."""
    for key, n in Counter(key for key, _ in pairs).items():
        if n > 1:
            raise InputError(f"{path}: the key {key} is written {n} times in one place; make one of them")


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    """The line of an error, and what is wrong there."""
    mark = error.problem_mark or error.context_mark
    line = text.splitlines()[mark.line] if mark.line < text.count("\n") else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"line {mark.line + 1}: a tab at the beginning; YAML is indented by spaces alone"
    begun = ""
    if error.context_mark and error.context_mark.line != mark.line:
        begun = f" ({error.context} that begins on line {error.context_mark.line + 1})"
    return f"line {mark.line + 1}: {error.problem}{begun}"


def _check_keys(path: str | Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(path, item)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    first = lines[key.value]
                    raise InputError(
                        f"{path}: the key {key.value} is on line {first} and again on line {line}, where it would "
                        f"hide the first; make one of both"
                    )
                lines[key.value] = line
            _check_keys(path, value)
