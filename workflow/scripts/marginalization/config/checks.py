"""The config of a screen: its errors in words, its files, and its hash.

The schema, which is made from `sections`, says what is allowed in it; Snakemake's `validate` fills in the defaults.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..packages.stored import package_of, stored_file
from ..statistics.scales import WITH_PSEUDOCOUNT, scale_of
from .dependencies import code_file, imported_files, named_files
from .sections import Config, Readout, TargetTable
from .sections.keys import section

DEFAULT_READOUT = "prediction"
"""The name of the readout of a config without any."""


@section
class Everything(Readout):
    """The readout of a config without any: every output, flattened."""


def check_config(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Raise an InputError in one sentence for the first thing in `config` that the schema does not allow."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    for place, key, known in _unknown_keys(config, schema, ""):
        near = difflib.get_close_matches(str(key), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(sorted(known))}"
        raise InputError(f"config: unknown key {key!r}{' in ' + place if place else ''}; {hint}")

    error = best_match(Draft202012Validator(schema).iter_errors(config))
    if error is None:
        for name, readout in config.get("readouts", {}).items():
            _check_one_kind(name, readout)
            _check_pseudocount(name, readout)
        for name, model in config["models"].items():
            if "input_layout" in model and package_of(model):
                raise InputError(f"config: models.{name}: input_layout goes only with file or factory; leave it out")
        for group, models in config.get("groups", {}).items():
            _check_group(group, models, config["models"])
        for i, comparison in enumerate(config.get("compare", [])):
            _check_comparison(f"compare[{i}]", comparison, config)
        for section in ("models", "readouts"):
            _check_case(section, list(config.get(section, {})))
        if "length" not in config["backgrounds"] and not any(map(package_of, config["models"].values())):
            raise InputError("config: backgrounds: 'length' is a required property (Length of the models' input)")
        return
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    place = place.removeprefix(".") or "top level"
    if error.validator == "oneOf":
        choices = [option["required"] for option in error.schema["oneOf"] if option.keys() == {"required"}]
        named = f"give exactly one of {', '.join(' and '.join(choice) for choice in choices)}"
        message = named if choices else f"{error.instance!r} is not allowed here"
    elif error.validator == "dependentRequired":
        missing = {key: needed for key, needed in error.validator_value.items() if key in error.instance}
        message = ", ".join(f"{key} goes only with {' and '.join(needed)}" for key, needed in missing.items())
    elif error.validator == "pattern" and re.fullmatch(r"models\..+\.factory|readouts\..+\.function", place):
        reference = re.fullmatch(r"(.+\.py|[a-z0-9_.]+)\W+(?!py$)([A-Za-z_][\w.]*)(\(.*\))?", error.instance)
        hint = f"; did you mean '{reference[1]}:{reference[2]}'?" if reference else ""
        message = f"{error.instance!r} does not end in a colon and a name{hint}"
    else:
        message = error.message
    described = error.schema.get("description") if isinstance(error.schema, dict) else None
    raise InputError(f"config: {place}: {message}" + (f" ({described})" if described else ""))


def _check_one_kind(name: str, readout: dict[str, Any]) -> None:
    # An output of 0 may be the schema's default.
    kinds = [key for key in ("output", "profile", "function") if readout.get(key, 0) != 0]
    if len(kinds) > 1:
        raise InputError(f"config: readouts.{name}: {' and '.join(kinds)} exclude each other; give one of them")


def _check_pseudocount(name: str, readout: dict[str, Any]) -> None:
    effect = scale_of(readout).name
    if "pseudocount" in readout and effect not in WITH_PSEUDOCOUNT:
        raise InputError(
            f"config: readouts.{name}: pseudocount goes only with effect {' or '.join(WITH_PSEUDOCOUNT)}, not {effect}"
        )


def _check_group(group: str, models: list[str], known: dict[str, Any]) -> None:
    if group in known:
        raise InputError(f"config: groups.{group}: there is a model of that name; give the group another")
    for model in models:
        _check_known(model, list(known), "model", f"groups.{group}")


def _check_comparison(place: str, comparison: dict[str, Any], config: dict[str, Any]) -> None:
    sides = [comparison["first"], comparison["second"]]
    if sides[0] == sides[1]:
        raise InputError(f"config: {place}: {sides[0]} is compared with itself; name another as second")
    if comparison.get("scaled") and "controls" not in config["elements"]:
        raise InputError(f"config: {place}: scaled divides by the spread of controls; give elements.controls too")
    if "readout" in comparison:
        readouts = config.get("readouts") or {DEFAULT_READOUT: {}}
        _check_known(comparison["readout"], list(readouts), "readout", place)
        known, what = _named_targets(readouts[comparison["readout"]]), "target"
    else:
        known, what = [*config["models"], *config.get("groups", {})], "model or group"
    for side in sides if known else []:
        _check_known(side, known, what, place)


def _named_targets(readout: dict[str, Any]) -> list[str]:
    """The names that a readout gives its targets itself; those of a table are looked at when it is read."""
    channels, targets = readout.get("channels", [0]), readout.get("targets", [])
    if not isinstance(targets, list):
        return []
    return channels if isinstance(channels[0], str) else targets


def _check_known(name: str, known: list[str], what: str, place: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise InputError(f"config: {place}: there is no {what} {name}; {hint}")


def _check_case(section: str, names: list[str]) -> None:
    """Raise for names whose folders some file systems take for the same."""
    lower: dict[str, str] = {}
    for name in names:
        other = lower.setdefault(name.lower(), name)
        if other != name:
            raise InputError(
                f"config: {section}: {other} and {name} differ by the case of their letters alone, and some file "
                f"systems take their folders for one; give one of them another name"
            )


def _unknown_keys(value: Any, schema: dict, place: str) -> Iterator[tuple[str, str, list[str]]]:
    """The keys that the schema does not know: their places, they themselves, and those known there."""
    if isinstance(value, dict):
        schema = next((option for option in schema.get("oneOf", []) if option.get("type") == "object"), schema)
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        for key, child in value.items():
            below = f"{place}.{key}" if place else str(key)
            if key in known:
                yield from _unknown_keys(child, known[key], below)
            elif isinstance(others, dict):
                yield from _unknown_keys(child, others, below)
            elif others is False:
                yield place, key, list(known)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for i, child in enumerate(value):
            yield from _unknown_keys(child, schema["items"], f"{place}[{i}]")


def config_hash(config: dict[str, Any]) -> str:
    """SHA-256 of a resolved config, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def readouts_of(config: Config) -> dict[str, Readout]:
    """The readouts of a resolved config by name, sorted; the default one when there are none."""
    return dict(sorted((config.readouts or {DEFAULT_READOUT: Everything()}).items()))


def profile_readouts(config: Config) -> list[str]:
    """Names of the readouts whose mean profiles are kept."""
    return [name for name, readout in readouts_of(config).items() if readout.profile and readout.profile.keep]


def code_files(reference: str, place: str) -> set[str]:
    """The files of a callable of the lab's own: that which is named, and those that it imports from beside itself.

    Raises:
        InputError: the file does not exist; the message names the `place` in the config.
    """
    path = code_file(reference)
    return {require_file(path, place), *imported_files(path)} if path else set()


def model_files(config: Config, model: str) -> list[str]:
    """The files that a model and its readouts are made of, among them any named in its factory's kwargs.

    Raises:
        InputError: one of them does not exist.
    """
    spec = config.models[model]
    packed = stored_file(path) if (path := spec.chrombpnet or spec.bpnet or spec.cherimoya) else None
    named = [spec.file, spec.weights, packed, *(item.file or item.table for item in spec.inputs)]
    files = {require_file(path, f"models.{model}") for path in named if path}
    files |= code_files(spec.factory or "", f"models.{model}")
    for name, readout in config.readouts.items():
        files |= code_files(readout.function or "", f"readouts.{name}")
        if isinstance(readout.targets, TargetTable):
            files.add(require_file(readout.targets.file, f"readouts.{name}.targets"))
    return sorted(files | named_files(spec.kwargs))


def model_callables(config: Config, model: str) -> list[str]:
    """The factory of a model and the functions of the readouts, as the config names them."""
    named = [config.models[model].factory, *(of.function for of in config.readouts.values())]
    return sorted({reference for reference in named if reference})


def element_files(config: Config) -> list[str]:
    """The files that the elements are read from; an InputError when one does not exist."""
    motifs = [table.file for table in config.elements.motifs if table.file is not None]
    tables = config.elements.annotations
    annotations = [path for table in tables for path in (table.file, table.genome, table.patterns) if path is not None]
    controls = config.elements.controls
    genomic = [controls.genomic.genome] if controls and controls.genomic else []
    return sorted({require_file(path, "elements") for path in motifs + annotations + genomic})


def background_files(config: Config) -> list[str]:
    """The files that the backgrounds are read from; an InputError when one does not exist."""
    spec = config.backgrounds
    of_loci = [spec.loci.file, spec.loci.genome] if spec.loci else []
    named = [*of_loci, spec.fasta, spec.match_gc, spec.exclude]
    return sorted({require_file(path, "backgrounds") for path in named if path is not None})


def measured_files(config: Config) -> list[str]:
    """The files of measurements; an InputError when one does not exist."""
    return sorted({require_file(spec.file, "measured") for spec in config.measured})


def expand_home(value: Any) -> Any:
    """A config, or a part of it, with home folders in place of a `~` that strings begin with, as a shell has it."""
    if isinstance(value, dict):
        return {key: expand_home(child) for key, child in value.items()}
    if isinstance(value, list):
        return [expand_home(child) for child in value]
    return os.path.expanduser(value) if isinstance(value, str) and re.match("~[a-z0-9_.-]*/", value) else value


def check_maps(config: Config) -> None:
    """Raise an InputError where maps are asked for of a screen in which no motif can be significant."""
    if config.elements.maps and not (config.elements.motifs and config.elements.controls):
        missing = "controls" if config.elements.motifs else "motifs"
        raise InputError(
            f"config: elements.maps: what is mapped are the motifs that are significant, and there is no "
            f"elements.{missing}; give it, or leave out maps"
        )


def require_file(path: str, place: str) -> str:
    """`path`, or an InputError that says where in the config it is, and what is there or near it instead."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb"):
                return path
    except FileNotFoundError:
        raise InputError(f"config: {place}: {_missing(path)}") from None
    except OSError as error:
        raise InputError(f"config: {place}: {path} can not be read: {error.strerror}; fix its path or rights") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"config: {place}: {path} is a folder; give a file")
    raise InputError(f"config: {place}: {path} is a pipe or a device, which is read once; save it as a file")


def _missing(path: str) -> str:
    """What to say of a path at which there is no file."""
    if not path:
        return "the path is empty; give a file"
    if re.match("[A-Za-z][A-Za-z0-9+.-]*://", path):
        return f"{path} is a URL; download it, and give the file"
    if os.path.islink(path):
        return f"{path} is a link to {os.readlink(path)}, which does not exist"
    folder = Path(path).parent
    if not folder.is_dir():
        return f"no file {path}: the folder {folder} does not exist"
    names = os.listdir(folder) if os.access(folder, os.R_OK) else []
    near = difflib.get_close_matches(Path(path).name, names, n=1)
    hint = f"did you mean {folder / near[0]}?" if near else "paths are relative to the folder that snakemake runs in"
    return f"no file {path}; {hint}"


def require_writable(folder: str) -> None:
    """An InputError when a folder, or that in which it would be made, can not be written to."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InputError(f"{folder} can not be written: {place} is no folder that you may write to; fix that")
