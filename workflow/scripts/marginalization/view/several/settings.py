"""How the configs of screens differ in what numbers depend on, and whether files of one name have other contents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .matching import Match
from .screens import Compared

IGNORED = (
    "screen",
    "shards",
    "measured",
    "compare",
    "attributions",
    "keep_effects",
    "compute.device",
    "compute.threads",
    "compute.batch_size",
    "elements.maps",
)
"""Keys, and what lies in them, on which no effect or verdict depends."""

LONGEST = 300
"""Letters of a value that are told."""


def differing(compared: Compared, match: Match) -> list[tuple[str, list[str]]]:
    """What differs, as the config has it: its key, and its value in each screen; then what the run itself tells."""
    flat = [dict(_flat(screen.provenance["config"])) for screen in compared.screens]
    keys = list(dict.fromkeys(key for own in flat for key in own))
    rows = [(key, [_text(own.get(key)) for own in flat]) for key in keys]  # in full: long lists may differ at the end
    facts = {
        "unit of effects": match.units,
        "backgrounds screened": [f"{len(screen.backgrounds):,}" for screen in compared.screens],
        "their sequences": _alike([screen.backgrounds for screen in compared.screens]),
        "version": [str(screen.provenance.get("marginalization")) for screen in compared.screens],
        **_contents(compared),
    }
    return [(what, list(map(_cut, values))) for what, values in [*rows, *facts.items()] if len(set(values)) > 1]


def _flat(values: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a config, such as elements.motifs[0].file, and their values; those without any are left out."""
    for name, value in values.items():
        key = f"{within}{name}"
        if any(key == of or key.startswith(f"{of}.") for of in IGNORED):
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
            yield from _flat({f"[{i}]": entry for i, entry in enumerate(value)}, key)
        elif value not in (None, []):
            yield key, value


def _text(value: Any) -> str:
    """A value as a config has it; a dash for none."""
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _alike(values: list[Any]) -> list[str]:
    """Of each value whether it is the first's."""
    return ["as they are" if value == values[0] else "others" for value in values]


def _contents(compared: Compared) -> dict[str, list[str]]:
    """The digests of files of one name whose contents are not the same in all that have them."""
    inputs = [screen.provenance.get("inputs", {}) for screen in compared.screens]
    names = dict.fromkeys(path for own in inputs for path in own)
    digests = {path: [own[path] for own in inputs if path in own] for path in names}
    others = [path for path, own in digests.items() if len(set(own)) > 1]
    return {f"contents of {path}": [own.get(path, "-")[:12] for own in inputs] for path in others}
