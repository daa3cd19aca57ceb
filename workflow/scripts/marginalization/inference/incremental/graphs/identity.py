"""What a model is made of, to know whether it is still the one that was captured."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import islice
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, MethodType
from typing import Any
from weakref import ReferenceType

import numpy as np
import torch
from torch import nn

PLAIN = (bool, int, float, complex, str, bytes, type(None), EllipsisType, Enum, torch.dtype, torch.device, torch.Size)

ARRAY_BYTES = 2**20
"""The largest NumPy array that is looked at."""

MOST_PARTS = 2**18
"""The most values that are looked at, which takes about as long as capturing a model."""


def identity(model: nn.Module) -> list[Any] | None:
    """What tells a model from another, and from itself once it has changed: the same model while it is equal.

    The values of all attributes, which tensors there are and how often they were written to, functions and hooks.
    What it does not see is another value of a name outside the model. Nothing in it keeps the model in memory.

    Returns:
        None for a model that holds something of which it is not known when it is the same.
    """
    try:
        told = list(islice(_told(model, set()), MOST_PARTS))
        return told if len(told) < MOST_PARTS else None
    except Exception:  # whatever the objects of others do when they are looked at
        return None


def _told(value: Any, seen: set[int]) -> Iterator[Any]:
    yield type(value).__qualname__
    if isinstance(value, PLAIN):
        yield value
    elif isinstance(value, (type, BuiltinFunctionType)) or id(value) in seen:
        yield id(value)
    else:
        seen.add(id(value))
        for part in _parts(value):
            yield from _told(part, seen)


def _parts(value: Any) -> Iterator[Any]:
    """What an object consists of."""
    if isinstance(value, torch.Tensor):
        version = 0 if value.is_inference() else value._version
        # What is captured shares its memory, so no other tensor has it.
        yield from (id(value), value.data_ptr(), version, value.shape, value.dtype, value.device)
    elif isinstance(value, torch.jit.ScriptModule):  # whose attributes only its frozen code tells
        _, _, code = str(torch.jit.freeze(value, optimize_numerics=False).inlined_graph).partition("\n")
        yield from (code, [*value.named_parameters(), *value.named_buffers()])
    elif isinstance(value, nn.Module):
        yield from (type(value), type(value).forward, vars(value))
    elif isinstance(value, dict):
        yield from (part for item in value.items() for part in item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, FunctionType):
        yield from (value.__code__, value.__defaults__, value.__kwdefaults__)
        yield from (cell.cell_contents for cell in value.__closure__ or ())
    elif isinstance(value, CodeType):
        yield from (value.co_code, value.co_consts, value.co_names)
    elif isinstance(value, ReferenceType):  # recurrent layers have some to their weights
        yield value()
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, np.ndarray) and value.nbytes <= ARRAY_BYTES and value.dtype != object:
        yield from (value.shape, value.dtype.str, value.tobytes())
    else:
        make, args, state, *more = value.__reduce_ex__(2)
        if make.__name__ != "__newobj__" or args != (type(value),) or any(part is not None for part in more):
            raise TypeError(f"when is a {type(value).__name__} the same?")
        yield from (type(value), state)
