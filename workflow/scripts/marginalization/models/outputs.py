"""Output trees: what models return.

Models return a tensor, or a list, tuple or dict of tensors, some of which may be None. In this package such a value is
an *output tree*: tuples become lists, dicts stay dicts, and None stays None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def as_callable(model: Callable[..., Any]) -> Callable[..., Any]:
    """The model itself, or the module of a `torch.export` program, which can not be called."""
    return model.module() if isinstance(model, torch.export.ExportedProgram) else model


def map_tree(function: Callable[..., torch.Tensor | None], *trees: Any) -> Any:
    """Apply a function to the tensors at the same place of each of several output trees.

    Raises:
        ValueError: a tree holds something other than tensors, lists, tuples, dicts and None.
    """
    first = trees[0]
    if isinstance(first, torch.Tensor):
        return function(*trees)
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: map_tree(function, *(tree[key] for tree in trees)) for key in first}
    if isinstance(first, (list, tuple)):
        return [map_tree(function, *leaves) for leaves in zip(*trees, strict=True)]
    raise ValueError(f"a model must return tensors, or a list, tuple or dict of them, not {type(first).__name__}")


def row_count(tree: Any) -> int:
    """The number of rows of the first tensor of an output tree."""
    return leaves(tree)[0].shape[0]


def leaves(tree: Any) -> list[torch.Tensor]:
    """The tensors of an output tree."""
    found: list[torch.Tensor] = []
    map_tree(found.append, tree)
    return found
