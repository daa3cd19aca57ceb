"""Convolutions, and transposed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Operation, Rule, Wholes, shape_of
from .sliding import Kernel, Sliding, spatial
from .windows import Window, add_into, fit, lay_out, matrix

PARTS_BYTES = {"cpu": 2**22, "cuda": 2**28}
"""How large the parts of a convolution may be before they are added up: on a CPU, a part of what its cache holds."""

TAPS_TO_A_BLOCK = 16
"""Of how many taps a block of inputs has a position: it makes products of so much fewer taps more than there are."""

MOST_OF_A_STRETCH = 4
"""How many numbers an output position may look at, for each that it gives, for them to be put beside each other."""


@dataclass(frozen=True, eq=False)
class Convolution(Sliding):
    """Convolutions in one or two dimensions, with any stride, padding, dilation and groups."""

    cuts = True
    shares = False
    adds = True
    linear = True

    @classmethod
    def moves(cls, op: Operation) -> tuple[Sequence[int], ...] | None:
        if any(op.args[name] is not None and op.args[name].meta["of_batch"] for name in ("weight", "bias")):
            return None
        sizes = op.args["weight"].meta["val"].shape[2:]
        strides, dilations = (spatial(op.args[name], len(sizes) + 2) for name in ("stride", "dilation"))
        if op.args["padding"] in ("same", "valid"):
            same = op.args["padding"] == "same"
            paddings = [same * (n - 1) * d // 2 for n, d in zip(sizes, dilations, strict=True)]
        else:
            paddings = spatial(op.args["padding"], len(sizes) + 2)
        return sizes, strides, paddings, dilations

    @cached_property
    def further(self) -> list[int]:
        """What PyTorch pads more at the end, for an even kernel; along the positions nothing is padded here."""
        same = self.args["padding"] == "same"
        uneven = [same and i != self.at and (k.size - 1) * k.dilation % 2 for i, k in enumerate(self.kernels)]
        return [n for one_more in reversed(uneven) for n in (0, int(one_more))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        weight, kernel = run.constant(self.args["weight"]), self.kernels[self.at]
        products = weight.ndim == 3 and self.args["groups"] == 1
        by_taps = products and kernel.stride == 1 and weight.shape[1] >= 16
        if by_taps and weight.shape[0] <= 8:
            return self._to_few(run, delta, have, out)
        if by_taps and (have.width < out.width or kernel.size == 1):
            return self._by_taps(run, delta, have, out)
        delta = fit(delta, have, *self.need(self.source, out))
        few = weight.shape[1] < 16 and weight.shape[1] * kernel.size <= MOST_OF_A_STRETCH * weight.shape[0]
        if products and few:
            return self._by_stretches(run, delta, out)
        if any(self.further):
            delta = functional.pad(delta, self.further)
        _, strides, paddings, dilations = self.along
        convolve = functional.conv1d if weight.ndim == 3 else functional.conv2d
        y = convolve(delta, weight, None, strides, paddings, dilations, self.args["groups"])
        base = run.base(out, y)
        return y if base is None else y.add_(base)

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        y = super().value(run, parts, wholes, out)
        if self.args["bias"] is None:
            return y.clone()  # outside of the run's memory, as an output may be a view of it
        return y + _by_channel(run.constant(self.args["bias"]), y)

    def _begin(self, run: Backgrounds, out: Window, difference: torch.Tensor) -> None:
        """Set an output to what the difference is to be added to."""
        base = run.base(out, difference)
        difference.zero_() if base is None else difference.copy_(base)

    def _by_taps(self, run: Backgrounds, delta: torch.Tensor, have: Window, out: Window) -> torch.Tensor:
        """The convolution as a matrix product for each tap, added up shifted.

        It costs taps x changed inputs, where a convolution costs taps x changed outputs: in a dilated layer up to half.
        Position by position in memory, what a tap adds to is one matrix, whose product needs no further pass.
        """
        weight, kernel = run.constant(self.args["weight"]), self.kernels[self.at]
        taps = run.derived(self.node, lambda: weight.permute(2, 1, 0).contiguous().unbind())
        n_rows = len(delta)
        changed = matrix(lay_out(delta))
        difference = run.buffer("output", delta, out.width, n_rows, len(weight), order=(1, 2, 0))
        self._begin(run, out, difference)
        total = matrix(difference)
        for i, tap in enumerate(taps):
            shift = kernel.padding - i * kernel.dilation
            lo, hi = max(out.lo, have.lo + shift), min(out.hi, have.hi + shift)
            if lo < hi:
                into = total[(lo - out.lo) * n_rows : (hi - out.lo) * n_rows]
                some = changed[(lo - shift - have.lo) * n_rows : (hi - shift - have.lo) * n_rows]
                torch.addmm(into, some, tap, out=into)
        return difference

    def _by_stretches(self, run: Backgrounds, delta: torch.Tensor, out: Window) -> torch.Tensor:
        """The same from few inputs: one matrix product of the stretches that the outputs look at.

        Args:
            delta: of all that the outputs look at.
        """
        weight, kernel = run.constant(self.args["weight"]), self.kernels[self.at]
        taps = run.derived(self.node, lambda: weight.permute(2, 1, 0).flatten(0, 1).contiguous())
        (n_rows, n_inputs, width), n_outputs = delta.shape, len(weight)
        steps = kernel.stride * n_inputs, width * n_inputs, kernel.dilation * n_inputs, 1
        stretches = run.buffer("parts", delta, out.width, n_rows, kernel.size, n_inputs)
        stretches.copy_(delta.mT.contiguous().as_strided(stretches.shape, steps))
        difference = run.buffer("output", delta, out.width, n_rows, n_outputs, order=(1, 2, 0))
        self._begin(run, out, difference)
        total = matrix(difference)
        torch.addmm(total, stretches.view(len(total), len(taps)), taps, out=total)
        return difference

    def _to_few(self, run: Backgrounds, delta: torch.Tensor, have: Window, out: Window) -> torch.Tensor:
        """The same where there are few outputs: one matrix product of all taps, whose parts then add up shifted.

        Of a wide kernel it takes the inputs in blocks, each of which makes all that it adds to: there are fewer parts
        to add up, for the products of a few taps more.
        """
        weight, kernel = run.constant(self.args["weight"]), self.kernels[self.at]
        (n_outputs, n_inputs, n_taps), n_rows = weight.shape, len(delta)
        wide = kernel.dilation == 1 and n_taps * n_outputs > n_inputs  # else a block costs more than the parts it saves
        size = max(1, n_taps // TAPS_TO_A_BLOCK) if wide else 1
        taps = run.derived(self.node, lambda: _taps_of_blocks(weight, size))
        reached = size + n_taps - 1
        n_blocks, shifts = -(-have.width // size), range(-(-reached // size))
        changed = matrix(lay_out(delta))
        total = run.buffer("total", delta, size, n_outputs, n_blocks + shifts[-1] * kernel.dilation, n_rows).zero_()
        floats = n_rows * (len(taps) + (size > 1) * size * n_inputs)
        at_once = max(1, PARTS_BYTES[delta.device.type] // (floats * delta.element_size()))
        for first in range(0, n_blocks, at_once):
            x = changed[first * size * n_rows : (first + at_once) * size * n_rows]
            x = x if size == 1 else _in_blocks(run, x, n_rows, size)
            n = len(x) // n_rows
            parts = run.buffer("parts", delta, reached, n_outputs, n, n_rows)
            torch.mm(taps, x.T, out=parts.view(len(taps), len(x)))
            for i, part in enumerate(parts.split(size)):
                total[: len(part), :, first + i * kernel.dilation :][:, :, :n].add_(part)
        lo = have.lo + kernel.padding - (n_taps - 1) * kernel.dilation
        found = total.permute(3, 1, 2, 0).flatten(2)
        difference = run.buffer("output", delta, n_outputs, out.width, n_rows, order=(2, 0, 1))
        self._begin(run, out, difference)
        add_into(difference, out, found, out._replace(lo=lo, hi=lo + found.shape[2]))
        return difference


@dataclass(frozen=True, eq=False)
class TransposedConvolution(Rule):
    """Transposed convolutions: input i adds to the outputs `i * stride - padding + k * dilation` for each tap k."""

    cuts = True
    shares = False
    adds = True
    at: int
    """Which of the spatial dimensions is that of the positions."""
    kernels: tuple[Kernel, ...]
    """For each spatial dimension."""

    @classmethod
    def on(cls, op: Operation, window: Window) -> Self | None:
        of_batch = any(op.args[name] is not None and op.args[name].meta["of_batch"] for name in ("weight", "bias"))
        if of_batch or window.axis < 2:
            return None
        sizes = op.args["weight"].meta["val"].shape[2:]
        values = (spatial(op.args[name], len(sizes) + 2) for name in ("stride", "padding", "dilation"))
        kernels, at = tuple(map(Kernel, sizes, *values)), window.axis - 2
        lo, hi = _reached(kernels[at], window)
        return cls(op.node, window._replace(lo=lo, hi=hi).clip(0, op.shape[window.axis - 1]), at, kernels)

    def need(self, source: Node, out: Window) -> tuple[int, int]:
        size, stride, padding, dilation = self.kernels[self.at]
        lo = -(-(out.lo + padding - (size - 1) * dilation) // stride)
        return max(0, lo), min(shape_of(self.source)[out.axis - 1], (out.hi - 1 + padding) // stride + 1)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        lo, hi = self.need(self.source, out)
        weight = run.constant(self.args["weight"])
        convolve = functional.conv_transpose1d if weight.ndim == 3 else functional.conv_transpose2d
        strides, paddings, further, dilations = self._along
        y = convolve(fit(delta, have, lo, hi), weight, None, strides, paddings, further, self.args["groups"], dilations)
        first, last = _reached(self.kernels[self.at], out._replace(lo=lo, hi=hi))
        y = fit(y, out._replace(lo=first, hi=last), out.lo, out.hi)
        base = run.base(out, y)
        return y if base is None else y + base

    def value(self, run: Backgrounds, parts: Deltas, wholes: Wholes, out: Window) -> torch.Tensor:
        y = super().value(run, parts, wholes, out)
        return y if self.args["bias"] is None else y + _by_channel(run.constant(self.args["bias"]), y)

    @cached_property
    def _along(self) -> tuple[list[int], ...]:
        """Strides, paddings, output paddings and dilations for a window, of whose outputs none is cropped."""
        further = spatial(self.args["output_padding"], len(self.kernels) + 2)
        _, strides, paddings, dilations = map(list, zip(*self.kernels, strict=True))
        paddings[self.at] = further[self.at] = 0
        return strides, paddings, further, dilations


def _taps_of_blocks(weight: torch.Tensor, size: int) -> torch.Tensor:
    """The weights from blocks of inputs, (position, channel), to all that they add to, (position, output)."""
    n_outputs, n_inputs, n_taps = weight.shape
    taps = weight.new_zeros(size + n_taps - 1, n_outputs, size, n_inputs)
    for i in range(size):
        taps[i : i + n_taps, :, i] = weight.flip(2).permute(2, 0, 1)
    return taps.view(len(taps) * n_outputs, size * n_inputs)


def _in_blocks(run: Backgrounds, x: torch.Tensor, n_rows: int, size: int) -> torch.Tensor:
    """(positions x rows, channels) as (blocks x rows, positions of a block x channels); what the last lacks is zero."""
    x = x.view(-1, n_rows, x.shape[1])
    n, left = divmod(len(x), size)
    blocks = run.buffer("blocks", x, n + (left > 0), n_rows, size, x.shape[2])
    blocks[:n].copy_(x[: n * size].unflatten(0, (n, size)).transpose(1, 2))
    if left:
        blocks[n, :, :left].copy_(x[n * size :].transpose(0, 1))
        blocks[n, :, left:].zero_()
    return blocks.view(len(blocks) * n_rows, -1)


def _by_channel(bias: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return bias.view(-1, *[1] * (y.ndim - 2))


def _reached(kernel: Kernel, window: Window) -> tuple[int, int]:
    """Which outputs the inputs on a window add to, some of them beyond the ends."""
    lo = window.lo * kernel.stride - kernel.padding
    return lo, lo + (window.width - 1) * kernel.stride + (kernel.size - 1) * kernel.dilation + 1
