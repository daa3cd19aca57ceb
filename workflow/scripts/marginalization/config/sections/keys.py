"""How the sections of the config are written down: each key with its type, default, bounds and meaning.

A section is a frozen dataclass, whose `RULES`, if it has any, go into the JSON schema as they are. From the sections
config/generate.py writes the schema, the tables of config/README.md and the comments of config/config.yaml.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, dataclass_transform, get_args, get_origin, get_type_hints


class Bounds(dict[str, Any]):
    """What a JSON schema says of the values of a type within another; types must have a hash."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # a dict's is None


NAME = {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}
REFERENCE = {"pattern": "^.+:[A-Za-z_][A-Za-z0-9_.]*$"}
DISTINCT = Bounds(minItems=1, uniqueItems=True)

Name = Annotated[str, Bounds(**NAME, maxLength=200)]
"""What names a folder of results."""

Positive = Annotated[int, Bounds(minimum=1)]
NotNegative = Annotated[int, Bounds(minimum=0)]

Numbers = Annotated[Any, Bounds({"$ref": "#/$defs/numbers"})]
"""A number, or a nested list of numbers."""

_REQUIRED: Any = object()


def key(meaning: str, default: Any = _REQUIRED, *, more: str = "", without: str = "", **bounds: Any) -> Any:
    """A key of a section; without a default it is required.

    Args:
        meaning: one sentence or two, which are also in the message about a wrong value.
        default: what it is when left out.
        more: what the table of config/README.md says besides.
        without: what a default of null, or none, means, in words for that table.
        bounds: of its values, in the words of a JSON schema.
    """
    metadata = {"meaning": meaning, "more": more, "without": without, "bounds": bounds, "optional": False}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def optional(meaning: str, **options: Any) -> Any:
    """A key that may be left out, which then is no part of the config; it is None in the section, never in the file."""
    field = key(meaning, None, **options)
    return dataclasses.field(default=None, metadata={**field.metadata, "optional": True})


def one_of(*keys: str) -> dict[str, Any]:
    """The rule that a section has just one of these keys."""
    return {"oneOf": [{"required": [name]} for name in keys]}


@dataclass_transform(eq_default=False, kw_only_default=True, frozen_default=True)
def section(of: type[Any]) -> type[Any]:
    """The decorator of sections. They can not be compared or printed, which would double the time of their import."""
    return dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)(of)


_types: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


def read(kind: Any, value: Any) -> Any:
    """A value of a resolved config as the type that its key has: mappings as sections, and lists as tuples."""
    for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        if isinstance(value, dict) and isinstance(option, type) and dataclasses.is_dataclass(option):
            given = {field.name: field.name.rstrip("_") for field in dataclasses.fields(option)}
            return option(
                **{name: read(_types(option)[name], value[key]) for name, key in given.items() if key in value}
            )
        if isinstance(value, dict) and get_origin(option) is dict:
            return {name: read(get_args(option)[1], of_name) for name, of_name in value.items()}
        if isinstance(value, list) and get_origin(option) is tuple:
            return tuple(read(get_args(option)[0], item) for item in value)
    return value
