"""Positions picked out of others: slices, flips, rolls, copies of each, mirrored ends, lists of positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch
from torch.fx import Node
from torch.nn import functional

from ..base import Backgrounds, Deltas, Operation, Rule, Wholes, aten, constant_of, overloads, shape_of
from ..windows import Window, by_position, fit, moved


@dataclass(frozen=True, eq=False)
class Slice(Rule):
    """A slice along the positions, or along other dimensions than the batch's."""

    cuts = True
    any_dtype = True
    dim: int
    start: int = 0
    step: int = 1

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        shape, step = shape_of(op.source), op.args["step"]
        dim = op.args["dim"] % (len(shape) + 1)
        if dim == 0 and (op.args["start"] not in (None, 0) or op.args["end"] not in (None, 2**63 - 1) or step != 1):
            return None
        if dim != window.axis:
            return cls(op.node, window, dim)
        start, *_ = slice(op.args["start"], op.args["end"]).indices(shape[dim - 1])
        lo = -(-(window.lo - start) // step)
        hi = (window.hi - 1 - start) // step + 1
        return cls(op.node, window._replace(lo=lo, hi=max(lo, hi)).clip(0, op.shape[dim - 1]), dim, start, step)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if self.dim != out.axis:
            return out.lo, out.hi
        return self.start + out.lo * self.step, self.start + (out.hi - 1) * self.step + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        delta = fit(delta, have, *self.need(self.source, out))
        if self.dim == out.axis:
            return delta[(slice(None),) * self.dim + (slice(None, None, self.step),)]
        return delta if self.dim == 0 else self.target(delta, *self.node.args[1:], **self.node.kwargs)


@dataclass(frozen=True, eq=False)
class Select(Rule):
    """One index of a dimension, the positions' too, but not the batch's."""

    cuts = True
    any_dtype = True
    dim: int
    index: int
    collapses: bool

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        shape = shape_of(op.source)
        dim = op.args["dim"] % (len(shape) + 1)
        if dim == 0:
            return None
        index = op.args["index"] % shape[dim - 1]
        if dim != window.axis:
            return cls(op.node, window._replace(axis=window.axis - (dim < window.axis)), dim, index, False)
        return cls(op.node, window.clip(index, index + 1), dim, index, True)

    def need_whole(self, window: Window) -> tuple[int, int]:
        return self.index, self.index + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.select(self.dim, self.index), have._replace(axis=out.axis), out.lo, out.hi)

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        have, x = parts[self.source]
        return x.select(self.dim, self.index - have.lo) if self.collapses else self.apply(run, parts, out)

    def collapse(self, run: Backgrounds, deltas: Deltas) -> torch.Tensor:
        have, delta = deltas[self.source]
        return moved(run.background(self.node), delta.select(self.dim, self.index - have.lo))


@dataclass(frozen=True, eq=False)
class Flip(Rule):
    """Dimensions turned round, the positions' among them or not."""

    cuts = True
    any_dtype = True
    dims: list[int]

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        dims = [dim % (len(op.shape) + 1) for dim in op.args["dims"]]
        return None if 0 in dims else cls(op.node, _mirrored(op, dims, window), dims)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        mirrored = _mirrored(self, self.dims, out)
        return mirrored.lo, mirrored.hi

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.flip(self.dims), _mirrored(self, self.dims, have), out.lo, out.hi)


def _mirrored(op: Operation, dims: list[int], window: Window) -> Window:
    """A window of the input when dimensions are turned round, or the other way."""
    if window.axis not in dims:
        return window
    length = shape_of(op.source)[window.axis - 1]
    return window._replace(lo=length - window.hi, hi=length - window.lo)


@dataclass(frozen=True, eq=False)
class Pick(Rule):
    """Operations of which each output position is that of one input position: upsampling, rolls, lists of positions."""

    cuts = True
    any_dtype = True
    picked: dict[int, torch.Tensor]
    """Along each dimension that is not as it was, which position each output position is of."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        known = op.node.meta
        if "picked" not in known:  # the same in all programs
            known["picked"] = _picked(op)
        picked = known["picked"]
        if picked is None:
            return None
        if (index := picked.get(window.axis)) is not None:
            found = ((index >= window.lo) & (index < window.hi)).nonzero().flatten().tolist()
            window = window._replace(lo=found[0], hi=found[-1] + 1) if found else window.clip(0, 0)
        return cls(op.node, window, picked)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if (index := self.picked.get(out.axis)) is None:
            return out.lo, out.hi
        some = index[out.lo : out.hi]
        return int(some.min()), int(some.max()) + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        need = self.need(self.source, out)
        delta = fit(delta, have, *need)

        def index(dim: int) -> torch.Tensor:
            some = self.picked[dim]
            return (some[out.lo : out.hi] - need[0] if dim == out.axis else some).to(delta.device)

        for dim in self.picked:
            some = run.once((self, dim, out), partial(index, dim))
            if dim == 2 and by_position(delta):  # and stays so
                delta = delta.permute(2, 0, 1).index_select(0, some).permute(1, 2, 0)
            else:
                delta = delta.index_select(dim, some)
        return delta


@dataclass(frozen=True, eq=False)
class Unfold(Rule):
    """Stretches of positions, or of another dimension than the batch's, side by side in a further dimension."""

    cuts = True
    any_dtype = True
    dim: int
    size: int
    step: int

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        dim, size, step = op.args["dimension"] % (len(shape_of(op.source)) + 1), op.args["size"], op.args["step"]
        if dim == 0:
            return None
        if dim == window.axis:
            lo, hi = -(-(window.lo - size + 1) // step), (window.hi - 1) // step + 1
            window = window._replace(lo=lo, hi=max(lo, hi)).clip(0, op.shape[dim - 1])
        return cls(op.node, window, dim, size, step)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        if self.dim != out.axis:
            return out.lo, out.hi
        return out.lo * self.step, (out.hi - 1) * self.step + self.size

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta, have, *self.need(self.source, out)).unfold(self.dim, self.size, self.step)


UPSAMPLING = set(overloads("upsample_nearest1d.vec upsample_nearest2d.vec"))
UPSAMPLING |= set(overloads("_upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec"))


Picked = dict[int, torch.Tensor] | None


def _picked(op: Operation) -> Picked:
    """What an operation picks along each dimension, found with the numbers of the positions in place of values."""
    shape = (1, *shape_of(op.source))
    found = (_upsampled if op.target in UPSAMPLING else PICKS[op.target])(op, shape)
    if found is None or 0 in found:
        return None
    return {dim: index for dim, index in found.items() if not torch.equal(index, torch.arange(shape[dim]))}


def _upsampled(op: Operation, shape: tuple[int, ...]) -> Picked:
    found = {}
    for dim in range(2, len(shape)):
        numbers = torch.arange(shape[dim], dtype=torch.float64)
        sizes = [n if i == dim else 1 for i, n in enumerate(shape)]
        upsampled = op.target(numbers.view(sizes), *op.node.args[1:], **op.node.kwargs)
        found[dim] = upsampled.movedim(dim, 0).flatten(1)[:, 0].long()
    return found


def _rolled(op: Operation, shape: tuple[int, ...]) -> Picked:
    found: dict[int, torch.Tensor] = {}
    if not op.args["dims"]:
        return None
    for dim, shift in zip(op.args["dims"], op.args["shifts"], strict=True):
        dim %= len(shape)
        found[dim] = found.get(dim, torch.arange(shape[dim])).roll(shift)
    return found


def _repeated(op: Operation, shape: tuple[int, ...]) -> Picked:
    if op.args["dim"] is None:
        return None
    dim = op.args["dim"] % len(shape)
    return {dim: torch.arange(shape[dim]).repeat_interleave(op.args["repeats"])}


def _indexed(op: Operation, shape: tuple[int, ...]) -> Picked:
    if op.target is aten.index.Tensor:
        given = {dim: index for dim, index in enumerate(op.args["indices"]) if index is not None}
    else:
        given = {op.args["dim"] % len(shape): op.args["index"]}
    ((dim, index), *others) = given.items()
    value = index.meta["val"]
    if others or index.meta["of_batch"] or value.ndim != 1 or value.dtype in (torch.bool, torch.uint8):
        return None
    return {dim: constant_of(index).cpu() % shape[dim]}


def _gathered(op: Operation, shape: tuple[int, ...]) -> Picked:
    """Of a list, expanded, and so the same in all rows and along all other dimensions."""
    index, dim = op.args["index"], op.args["dim"] % len(shape)
    while index.target is aten.expand.default:
        index = index.args[0]
    value = index.meta["val"]
    along = value.ndim - len(shape) + dim
    if index.meta["of_batch"] or not 0 <= along < value.ndim or value.numel() != value.shape[along]:
        return None
    sizes = enumerate(op.shape, 1)  # of the other dimensions, it takes so much
    return {i: constant_of(index).cpu().flatten() if i == dim else torch.arange(n) for i, n in sizes}


def _mirrored_ends(op: Operation, shape: tuple[int, ...]) -> Picked:
    """Of pads with a mode other than that of constants, which none takes."""
    if op.args["mode"] == "constant":
        return None
    pads, found = list(op.args["pad"]), {}
    for i in range(len(pads) // 2):
        dim = len(shape) - 1 - i
        numbers = torch.arange(shape[dim], dtype=torch.float64)[None, None]
        found[dim] = functional.pad(numbers, pads[2 * i : 2 * i + 2], mode=op.args["mode"]).flatten().long()
    return found


PICKS: dict[Any, Callable[[Operation, tuple[int, ...]], Picked]] = {
    aten.roll.default: _rolled,
    aten.repeat_interleave.self_int: _repeated,
    aten.index.Tensor: _indexed,
    aten.index_select.default: _indexed,
    aten.gather.default: _gathered,
    aten.pad.default: _mirrored_ends,
}
