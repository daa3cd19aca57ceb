"""Write what the sections of the config say into the files that repeat it.

The sections are in workflow/scripts/marginalization/config/sections. The files are workflow/schemas/config.schema.yaml;
in README.md the tables after `<!-- keys of SECTION -->`; and in config.yaml the comment behind a key, where there is
one. `make config` runs this.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "workflow" / "scripts"))

from marginalization.config.sections import backgrounds, models, readouts, screens, substitutions  # noqa: E402

SECTIONS = {**vars(substitutions), **vars(backgrounds), **vars(models), **vars(readouts), **vars(screens)}
TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
NUMBERS = {"anyOf": [{"type": "number"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/numbers"}}]}


# The JSON schema.


def whole_schema() -> dict[str, Any]:
    """The schema of the config."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": screens.Config.__doc__,
        **section_schema(screens.Config),
        "$defs": {"numbers": NUMBERS},
    }


def section_schema(section: type) -> dict[str, Any]:
    """The schema of a section, without what it means."""
    hints = get_type_hints(section, include_extras=True)
    fields = {name_of(field): (field, hints[field.name]) for field in dataclasses.fields(section)}
    required = [name for name, (field, _) in fields.items() if default_of(field) is dataclasses.MISSING]
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **getattr(section, "RULES", {}),
        "properties": {name: key_schema(field, hint) for name, (field, hint) in fields.items()},
    }


def name_of(field: dataclasses.Field) -> str:
    """A key as it stands in the file; Python has some words for itself."""
    return field.name.rstrip("_")


def default_of(field: dataclasses.Field) -> Any:
    """The default of a key; MISSING for one that is required."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def key_schema(field: dataclasses.Field, hint: Any) -> dict[str, Any]:
    """The schema of a key, whose type is `hint`."""
    if field.metadata["optional"]:
        hint = Union[tuple(option for option in get_args(hint) if option is not NoneType)]  # noqa: UP007
    schema = {"description": field.metadata["meaning"], **type_schema(hint), **field.metadata["bounds"]}
    default = default_of(field)
    if default is not dataclasses.MISSING and not field.metadata["optional"]:
        schema["default"] = {} if dataclasses.is_dataclass(default) else default
    return json.loads(json.dumps(schema))  # tuples as lists


def type_schema(hint: Any) -> dict[str, Any]:
    """The schema of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return section_schema(hint)
    if origin is Annotated:
        return {**({} if arguments[0] is Any else type_schema(arguments[0])), **hint.__metadata__[0]}
    if origin is Literal:
        return {"enum": list(arguments)} if len(arguments) > 1 else {"const": arguments[0]}
    if origin is tuple:
        return {"type": "array", "items": type_schema(arguments[0])}
    if origin is dict:
        names = {} if arguments[0] is str else {"propertyNames": type_schema(arguments[0])}
        return {
            "type": "object",
            **names,
            **({} if arguments[1] is Any else {"additionalProperties": type_schema(arguments[1])}),
        }
    if origin in (Union, UnionType):
        return union_schema(arguments)
    return {"type": TYPES[hint]}


def union_schema(options: tuple) -> dict[str, Any]:
    """The schema of one of several types; None is null."""
    schemas = [type_schema(option) for option in options if option is not NoneType]
    if NoneType in options:
        (schema,) = schemas
        return {"enum": [None, *schema["enum"]]} if "enum" in schema else {**schema, "type": [schema["type"], "null"]}
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    described = {option: {"description": option.__doc__} for option in options if dataclasses.is_dataclass(option)}
    return {"oneOf": [{**described.get(option, {}), **schema} for option, schema in zip(options, schemas, strict=True)]}


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values within a line, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_list(self, data: list[Any]) -> yaml.Node:
        plain = not any(isinstance(item, (dict, list)) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


_Dumper.add_representer(list, _Dumper.represent_list)


def schema_text() -> str:
    """The file of the schema."""
    text = yaml.dump(whole_schema(), Dumper=_Dumper, sort_keys=False, width=120)
    folder = Path(screens.__file__).parent.relative_to(PROJECT)
    return f"# Written by `make config` from {folder}; change it there.\n{text}"


# The tables of the README.

WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
WORDS |= {"null": "`null`", "object": "mapping"}
BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


MOST_KEYS = 3
"""Of a section whose keys are told in a line; a larger one has a table."""


def readme_text(text: str) -> str:
    """The README with fresh tables: each begins after a line that names its section, and ends at an empty line."""
    return re.sub(
        r"(?<=<!-- keys of )(\w+)( -->\n\n)(?:\|.*\n)*",
        lambda match: f"{match[1]}{match[2]}{table(SECTIONS[match[1]])}",
        text,
    )


def table(section: type) -> str:
    """The keys of a section as a table in Markdown."""
    known = section_schema(section)["properties"]
    rows = [("key", "type", "default", "meaning"), ("---",) * 4]
    for field in dataclasses.fields(section):
        name, words = name_of(field), field.metadata
        meaning = f"{words['meaning']} {words['more']}".strip().replace("<", "&lt;")
        rows.append((f"`{name}`", type_words(known[name]), default_words(field), meaning))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def default_words(field: dataclasses.Field) -> str:
    """What a key is when left out."""
    default = default_of(field)
    if default is dataclasses.MISSING:
        return "required"
    if field.metadata["without"] or field.metadata["optional"]:
        return field.metadata["without"]
    return f"`{plain(dataclasses.asdict(default) if dataclasses.is_dataclass(default) else default)}`"


def plain(value: Any) -> str:
    """A value as YAML has it, within a line."""
    return value if isinstance(value, str) else re.sub(r'"(\w+)"', r"\1", json.dumps(value))


def type_words(schema: dict[str, Any], many: bool = False) -> str:
    """What can stand at a key, in words."""
    if "oneOf" in schema and "type" not in schema:
        return joined([type_words(option, many) for option in schema["oneOf"]])
    if "const" in schema or "enum" in schema:
        return joined([f"`{plain(value)}`" for value in schema.get("enum", [schema.get("const")])])
    if "$ref" in schema:
        return "number or nested list"
    if isinstance(schema["type"], list):
        return joined([type_words({**schema, "type": kind}, many) for kind in schema["type"]])
    if schema["type"] == "array":
        return f"{'lists' if many else 'list'} of {type_words(schema['items'], many=True)}"
    if not many and 0 < len(schema.get("properties", {})) <= MOST_KEYS:
        return f"mapping with {joined([nested_words(schema, name) for name in schema['properties']], 'and')}"
    word = WORDS[schema["type"]] + ("s" if many else "")
    numeric = schema["type"] in ("integer", "number")
    return " ".join([word, *(f"{BOUNDS[bound]} {schema[bound]}" for bound in BOUNDS if numeric and bound in schema)])


def nested_words(schema: dict[str, Any], name: str) -> str:
    """A key of a section that has no table of its own."""
    default = plain(schema["properties"][name].get("default"))
    told = "required" if name in schema.get("required", []) else "" if default == "null" else f"`{default}`"
    return f"`{name}`" + (f" ({told})" if told else "")


def joined(words: list[str], last: str = "or") -> str:
    """Words as a list in a sentence."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


# The comments of the demo's config.


LONGEST = 80
"""Letters of a meaning that are taken whole; of a longer one what comes before a comma."""


def config_text(text: str) -> str:
    """The demo's config with fresh comments behind its keys, also in sections that are commented out."""
    schema = whole_schema()
    around: list[tuple[int, str]] = []  # the keys that a line is within, after their columns
    lines = []
    for line in text.splitlines():
        if match := re.match(r"( *(?:# )? *(?:- )?)(\w+):( [^#]*?)?( #.*)?$", line):
            indent, name, value, said = match.groups(default="")
            column = len(indent.replace("# ", "", 1))
            around = [*((outer, key) for outer, key in around if outer < column), (column, name)]
            within = schema_at(schema, [key for _, key in around[:-1]])
            if said and name in within.get("properties", {}):
                line = f"{indent}{name}:{value} # {comment(within, name, value.strip())}"
        lines.append(f"{line}\n")
    return "".join(lines)


def schema_at(schema: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The schema of a key's value, or of the items of its list, after the keys that it is within."""
    for key in keys:
        schema = schema.get("properties", {}).get(key) or schema.get("additionalProperties") or {}
        schema = schema.get("items", schema)
    return schema


def comment(section: dict[str, Any], name: str, value: str) -> str:
    """What a key of a section means, and what else can stand there, or in its place."""
    schema = section["properties"][name]
    text = re.sub(r" \(.*?\)", "", schema["description"].split(". ")[0].removesuffix("."))
    text = text[0].lower() + text[1:] if text[:2].istitle() else text
    if len(text) > LONGEST and not text.startswith("`"):
        text = text.partition(",")[0]
    others = [f"`{choice}`" for choice in schema.get("enum", []) if choice not in (None, value)]
    if others and not all(choice in text for choice in others):
        text += f"; or {joined(others)}"
    keys = [option["required"][0] for option in section.get("oneOf", [])]
    if name in keys:
        text += f"; or in its place {joined([f'`{key}`' for key in keys if key != name])}"
    default = schema.get("default")
    if value and isinstance(default, (int, float, str)) and plain(default) != value:
        text += f"; `{plain(default)}` when left out"
    return text


FILES = {
    PROJECT / "workflow" / "schemas" / "config.schema.yaml": lambda _: schema_text(),
    PROJECT / "config" / "README.md": readme_text,
    PROJECT / "config" / "config.yaml": config_text,
}
"""The files, and what each is to say, given what it says."""

if __name__ == "__main__":
    for path, text in FILES.items():
        path.write_text(text(path.read_text()))
