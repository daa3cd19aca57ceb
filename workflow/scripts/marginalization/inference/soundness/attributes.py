"""Attributes in which models keep something from call to call: numbers, tensors, lists, dicts and sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

OF_MODULES = frozenset(vars(nn.Module()))
"""What each module has."""

PLAIN = (bool, int, float, complex, str, tuple, list, dict, set, torch.Tensor, type(None))

MOST_ITEMS = 10_000
"""Of how many items lists, dicts and sets are looked into."""

MISSING = object()


class _Kept(NamedTuple):
    """An attribute's value, and what was in it: the items of a list, dict or set, the version of a tensor."""

    value: Any
    items: Any


class Attributes:
    """The attributes of modules as they are now; of PyTorch's own, which keep nothing in them, none."""

    def __init__(self, modules: Mapping[str, nn.Module]):
        own = {name: module for name, module in modules.items() if not type(module).__module__.startswith("torch.")}
        self.modules = {name: module for name, module in own.items() if not isinstance(module, torch.jit.ScriptModule)}
        self.seen = {place: _Kept(value, _items(value)) for place, value in self._plain()}

    def changed(self) -> set[str]:
        """The names of those that have another value, or other contents, since."""
        now = dict(self._plain())
        return {
            ".".join(filter(None, place))
            for place in now.keys() | self.seen.keys()
            if not _same(self.seen.get(place), now.get(place, MISSING))
        }

    def put_back(self) -> None:
        """Give them their values and their contents back; what a tensor held is not kept."""
        for (name, key), _ in list(self._plain()):
            if (name, key) not in self.seen:
                del vars(self.modules[name])[key]
        for (name, key), (value, items) in self.seen.items():
            vars(self.modules[name])[key] = value
            if isinstance(value, (dict, set)) and items is not None:
                value.clear()
                value.update(items)
            elif isinstance(value, list) and items is not None:
                value[:] = items

    def _plain(self) -> Iterator[tuple[tuple[str, str], Any]]:
        for name, module in self.modules.items():
            for key, value in vars(module).items():
                if key not in OF_MODULES and type(value) in PLAIN:
                    yield (name, key), value


def _items(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return None if value.is_inference() else value._version
    return value.copy() if isinstance(value, (list, dict, set)) and len(value) <= MOST_ITEMS else None


def _same(before: _Kept | None, value: Any) -> bool:
    if before is None:
        return False
    if before.value is not value:
        return (
            isinstance(value, (bool, int, float, str)) and type(before.value) is type(value) and before.value == value
        )
    items = _items(value)
    if isinstance(items, (list, dict)) and before.items is not None:
        pairs = zip(*map(_flat, (items, before.items)), strict=True) if len(items) == len(before.items) else [(0, 1)]
        return all(one is other for one, other in pairs)
    return items == before.items


def _flat(items: Any) -> list[Any]:
    return [part for pair in items.items() for part in pair] if isinstance(items, dict) else items
