"""Output trees: what models return.

Models return a tensor, or a list, tuple, dict or dataclass of tensors, some of which may be None. In this package such
a value is an *output tree*: tuples become lists, dataclasses dicts by the names of their fields, and None stays None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import nn


def as_callable(model: Callable[..., Any]) -> Callable[..., Any]:
    """A model that takes its inputs by position.

    The model itself, the module of a `torch.export` program, which can not be called, or one that gives a model the
    inputs which it takes by name alone, in the order of their declaration.
    """
    if isinstance(model, torch.export.ExportedProgram):
        return model.module()
    names = _names_alone(model)
    if not names:
        return model
    if isinstance(model, nn.Module):
        return _ByName(model, names)
    return lambda *inputs: model(**dict(zip(names, inputs, strict=False)))


def _names_alone(model: Callable[..., Any]) -> list[str]:
    """The names of a model's inputs, of one that takes none of them by position."""
    try:
        parameters = signature(model.forward if isinstance(model, nn.Module) else model).parameters.values()
    except (TypeError, ValueError):  # of what is not written in Python
        return []
    by_name = [parameter.name for parameter in parameters if parameter.kind == Parameter.KEYWORD_ONLY]
    others = any(parameter.kind not in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD) for parameter in parameters)
    return [] if others else by_name


class _ByName(nn.Module):
    """A model that takes its inputs by name alone, for those who give them by position."""

    def __init__(self, model: nn.Module, names: list[str]):
        super().__init__()
        self.model, self.names = model, names
        self.train(model.training)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.model(**dict(zip(self.names, inputs, strict=False)))


def map_tree(function: Callable[..., torch.Tensor | None], *trees: Any) -> Any:
    """Apply a function to the tensors at the same place of each of several output trees.

    Raises:
        ValueError: a tree holds something other than tensors, lists, tuples, dicts, dataclasses and None.
    """
    first, *_ = trees = tuple(map(_fields, trees))
    if isinstance(first, torch.Tensor):
        return function(*trees)
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: map_tree(function, *(tree[key] for tree in trees)) for key in first}
    if isinstance(first, (list, tuple)):
        return [map_tree(function, *leaves) for leaves in zip(*trees, strict=True)]
    raise ValueError(
        f"a model must return tensors, or a list, tuple, dict or dataclass of them, not {type(first).__name__}"
    )


def _fields(tree: Any) -> Any:
    """A dataclass as a dict; anything else as it is."""
    if not is_dataclass(tree) or isinstance(tree, (type, dict)):
        return tree
    return {field.name: getattr(tree, field.name) for field in fields(tree)}


def row_count(tree: Any) -> int:
    """The number of rows of the first tensor of an output tree."""
    return leaves(tree)[0].shape[0]


def leaves(tree: Any) -> list[torch.Tensor]:
    """The tensors of an output tree."""
    found: list[torch.Tensor] = []
    map_tree(found.append, tree)
    return found
