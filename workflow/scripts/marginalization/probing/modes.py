"""Training mode where `model.eval()` does not reach: in what a callable holds, in exported graphs, in calls."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

DEEPEST = 5
"""How far to look into what a callable holds for modules."""

MODES = {"dropout": 2, "feature_dropout": 2, "alpha_dropout": 2, "native_dropout": 2, "batch_norm": 5}
"""Which argument of an operation says that it is in training mode."""


def wrapped_modules(model: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a callable holds where nobody who has it looks: in a closure, a plain attribute, a list.

    Of a module, those that are not its own; of those found, none that is another's own.
    """
    own = set(model.modules()) if isinstance(model, nn.Module) else set()
    found: list[nn.Module] = []
    seen: dict[int, Any] = {}
    level: list[Any] = [model, *own]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for thing in level:
            if id(thing) in seen:
                continue
            seen[id(thing)] = thing
            if isinstance(thing, nn.Module) and thing not in own:
                found.append(thing)
                own.update(thing.modules())
            below += _held(thing)
        level = below
    return found


def _held(thing: Any) -> Iterator[Any]:
    """What a thing holds."""
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, (list, tuple, set)):
        yield from thing
    elif isinstance(thing, functools.partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif inspect.ismethod(thing):
        yield from (thing.__self__, thing.__func__)
    elif inspect.isfunction(thing):
        with contextlib.suppress(ValueError):  # of a variable that is not set yet
            held = inspect.getclosurevars(thing)
            yield from held.nonlocals.values()
            yield from (value for value in held.globals.values() if isinstance(value, nn.Module))
        yield from thing.__defaults__ or ()
    elif not isinstance(thing, (type, ModuleType, torch.Tensor)) and hasattr(thing, "__dict__"):
        yield from vars(thing).values()


def exported_in_training(model: Any) -> bool:
    """Whether a graph, of torch.export or TorchScript, has dropout or batch normalization in training mode in it."""
    if isinstance(model, torch.fx.GraphModule):
        calls = [(str(node.target), node.args) for node in model.graph.nodes]
    elif isinstance(model, torch.jit.ScriptModule):
        graph = model.inlined_graph  # whose nodes do not live longer than it
        nodes = (node for name in MODES for node in graph.findAllNodes(f"aten::{name}"))  # type: ignore[attr-defined]  # torch's stub lacks it
        calls = [(node.kind(), [value.toIValue() for value in node.inputs()]) for node in nodes]
    else:
        return False
    named = [(re.sub(r"^aten(::|\.)|\.\w+$", "", target), args) for target, args in calls]
    return any(name in MODES and len(args) > MODES[name] and args[MODES[name]] is True for name, args in named)


class CallsInTraining(TorchFunctionMode):
    """Notes, while it is entered, which operations are called in training mode.

    Attributes:
        names: of these operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        given = len(args) > MODES.get(name, len(args)) and args[MODES[name]]
        if name in MODES and any(flag is True for flag in (kwargs.get("training"), given)):
            self.names.add(name)
        return func(*args, **kwargs)
