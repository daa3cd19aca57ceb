"""TorchScript's models, whose code PyTorch does not look into, as functions that can be watched while they run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


class _Frozen(nn.Module):
    """A script with its weights as constants; PyTorch is not to know that it is one."""

    def __init__(self, script: torch.jit.ScriptModule):
        super().__init__()
        self.run = [torch.jit.freeze(script, optimize_numerics=False)]

    def forward(self, *args: Any) -> Any:
        return self.run[0].forward(*args)


@contextlib.contextmanager
def scripts_frozen(model: nn.Module) -> Iterator[None]:
    """Have frozen scripts in place of those in a model, but for those that were traced, which PyTorch takes."""
    scripts = [
        (module, name, child)
        for module in _python(model)
        for name, child in module.named_children()
        if isinstance(child, torch.jit.ScriptModule) and not isinstance(child, torch.jit.TracedModule)
    ]
    try:
        for module, name, child in scripts:
            module._modules[name] = _Frozen(child)
        yield
    finally:
        for module, name, child in scripts:
            module._modules[name] = child


def _python(module: nn.Module) -> Iterator[nn.Module]:
    """A module and those within it, but for scripts and what is within them."""
    if not isinstance(module, torch.jit.ScriptModule):
        yield module
        for child in module.children():
            yield from _python(child)
