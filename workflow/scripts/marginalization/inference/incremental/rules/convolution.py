"""Convolutions."""

from __future__ import annotations

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas
from .sliding import Sliding, spatial
from .windows import Window, add_into, fit, lay_out, matrix

PARTS_BYTES = {"cpu": 2**24, "cuda": 2**28}
"""How large the parts of a convolution may be before they are added up: on a CPU, not much larger than the cache."""


class Convolution(Sliding):
    """Convolutions in one or two dimensions, with any stride, padding, dilation and groups."""

    shares = False
    adds = True

    def along(self, axis: int) -> bool:
        ndim = len(self.shape) + 1
        self.at = axis - 2
        if self.at < 0 or any(self.args[name] in self._changed() for name in ("weight", "bias") if self.args[name]):
            return False
        self.strides, self.dilations = (spatial(self.args[name], ndim) for name in ("stride", "dilation"))
        size = self.args["weight"].meta["val"].shape[2:]
        if self.args["padding"] in ("same", "valid"):
            spans = [(n - 1) * d for n, d in zip(size, self.dilations, strict=True)]
            self.paddings = [span // 2 if self.args["padding"] == "same" else 0 for span in spans]
            # PyTorch pads one more at the end; along the positions nothing is padded here.
            uneven = [self.args["padding"] == "same" and i != self.at and span % 2 for i, span in enumerate(spans)]
            self.further = [n for one_more in reversed(uneven) for n in (0, int(one_more))]
        else:
            self.paddings = spatial(self.args["padding"], ndim)
            self.further = []
        self.kernel, self.stride = size[self.at], self.strides[self.at]
        self.padding, self.dilation = self.paddings[self.at], self.dilations[self.at]
        return True

    def _changed(self) -> list[Node]:
        return [node for node in self.node.all_input_nodes if node.meta["of_batch"]]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        weight = run.constant(self.args["weight"])
        by_taps = weight.ndim == 3 and self.stride == 1 and self.args["groups"] == 1 and weight.shape[1] >= 16
        if by_taps and weight.shape[0] <= 8:
            return self._to_few(run, delta, have, out)
        if by_taps and (have.width < out.width or self.kernel == 1):
            return self._by_taps(run, delta, have, out)
        delta = fit(delta, have, *self.need(self.source, out, {}))
        if any(self.further):
            delta = functional.pad(delta, self.further)
        paddings = list(self.paddings)
        paddings[self.at] = 0
        convolve = functional.conv1d if weight.ndim == 3 else functional.conv2d
        y = convolve(delta, weight, None, self.strides, paddings, self.dilations, self.args["groups"])
        base = run.base(out, y)
        return y if base is None else y.add_(base)

    def _begin(self, run: Backgrounds, out: Window, difference: torch.Tensor) -> None:
        """Set an output to what the difference is to be added to."""
        base = run.base(out, difference)
        difference.zero_() if base is None else difference.copy_(base)

    def _by_taps(self, run: Backgrounds, delta: torch.Tensor, have: Window, out: Window) -> torch.Tensor:
        """The convolution as a matrix product for each tap, added up shifted.

        It costs taps x changed inputs, where a convolution costs taps x changed outputs: in a dilated layer up to half.
        Position by position in memory, what a tap adds to is one matrix, whose product needs no further pass.
        """
        weight = run.constant(self.args["weight"])
        taps = run.derived(self.node, lambda: weight.permute(2, 1, 0).contiguous().unbind())
        n_rows = len(delta)
        changed = matrix(lay_out(delta))
        difference = run.buffer(self.node, delta, out.width, n_rows, len(weight), order=(1, 2, 0))
        self._begin(run, out, difference)
        total = matrix(difference)
        for i, tap in enumerate(taps):
            shift = self.padding - i * self.dilation
            lo, hi = max(out.lo, have.lo + shift), min(out.hi, have.hi + shift)
            if lo < hi:
                into = total[(lo - out.lo) * n_rows : (hi - out.lo) * n_rows]
                some = changed[(lo - shift - have.lo) * n_rows : (hi - shift - have.lo) * n_rows]
                torch.addmm(into, some, tap, out=into)
        return difference

    def _to_few(self, run: Backgrounds, delta: torch.Tensor, have: Window, out: Window) -> torch.Tensor:
        """The same where there are few outputs: one matrix product of all taps, whose parts then add up shifted."""
        weight = run.constant(self.args["weight"])
        n_outputs, _, n_taps = weight.shape
        taps = run.derived(self.node, lambda: weight.permute(2, 0, 1).flatten(0, 1).contiguous())
        n_rows = len(delta)
        changed = matrix(lay_out(delta))
        total = run.buffer(self.node, delta, n_outputs, out.width, n_rows)
        difference = total.permute(2, 0, 1)
        self._begin(run, out, difference)
        at_once = max(1, PARTS_BYTES[delta.device.type] // (len(taps) * n_rows * delta.element_size()))
        for lo in range(have.lo, have.hi, at_once):
            some = have.clip(lo, lo + at_once)
            x = changed[(some.lo - have.lo) * n_rows : (some.hi - have.lo) * n_rows]
            parts = run.buffer("parts", delta, n_taps, n_outputs, some.width, n_rows)
            torch.mm(taps, x.T, out=parts.view(len(taps), len(x)))
            for i, part in enumerate(parts):
                shift = self.padding - i * self.dilation
                add_into(total, out._replace(axis=1), part, Window(1, some.lo + shift, some.hi + shift))
        return difference
