"""Operations that move values without changing them: reshapes, slices, flips, pads, concatenation."""

from __future__ import annotations

import math

import torch
from torch.fx import Node
from torch.nn import functional

from .base import Backgrounds, Deltas, Inputs, Rule, aten, overloads, shape_of, single
from .windows import Window, add_into, fit

PERMUTATIONS = set(overloads("permute transpose.int swapaxes swapdims movedim.int movedim.intlist mT"))


class Reshape(Rule):
    """Operations that move or drop dimensions, and leave the positions in their order."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.node.meta["val"].ndim < 2:
            return None
        node, window = found
        before = shape_of(node)
        if self.node.target in PERMUTATIONS:
            order = self._order(len(before) + 1)
            return window._replace(axis=order.index(window.axis)) if order[0] == 0 else None
        if self.shape is None:
            return None
        ahead, length = math.prod(before[: window.axis - 1]), before[window.axis - 1]
        for axis in range(1, len(self.shape) + 1):
            if self.shape[axis - 1] == length and math.prod(self.shape[: axis - 1]) == ahead:
                return window._replace(axis=axis)
        return window._replace(flat=before) if len(self.shape) == 1 else None

    def _order(self, ndim: int) -> list[int]:
        """Which dimension comes to stand at each place, found by moving dimensions of different sizes."""
        sizes = torch.empty([2 + i for i in range(ndim)], device="meta")
        return [size - 2 for size in self.node.target(sizes, *self.node.args[1:], **self.node.kwargs).shape]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        if self.node.target in PERMUTATIONS:
            delta = delta.permute(self._order(delta.ndim))
        elif out.flat is None:
            size = list(self.shape)
            size[out.axis - 1] = have.width
            delta = delta.reshape(len(delta), *size)
        return fit(delta, have._replace(axis=out.axis), out.lo, out.hi)


class Unchanged(Rule):
    """Operations that leave the values as they are, such as dropout in evaluation mode."""

    def reach(self, inputs: Inputs) -> Window | None:
        (window, *others) = inputs.values()
        return None if others or self.args.get("train") else window

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta, have, out.lo, out.hi)


class Cast(Unchanged):
    """Another floating-point type."""

    def reach(self, inputs: Inputs) -> Window | None:
        floats = all(node.meta["val"].is_floating_point() for node in (self.node, self.source))
        return super().reach(inputs) if floats else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        return super().apply(run, deltas, out).to(self.node.meta["val"].dtype)


class Slice(Rule):
    """A slice along the positions, or along other dimensions than the batch's."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None:
            return None
        node, window = found
        shape = shape_of(node)
        self.dim = self.args["dim"] % (len(shape) + 1)
        if self.dim == 0:
            whole = self.args["start"] in (None, 0) and self.args["end"] in (None, 2**63 - 1) and self.args["step"] == 1
            return window if whole else None
        if self.dim != window.axis:
            return window
        self.start, _, self.step = slice(self.args["start"], self.args["end"]).indices(shape[self.dim - 1])
        self.step = self.args["step"]
        lo = -(-(window.lo - self.start) // self.step)
        hi = (window.hi - 1 - self.start) // self.step + 1
        return window._replace(lo=lo, hi=max(lo, hi)).clip(0, self.shape[window.axis - 1])

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        if self.dim != out.axis:
            return out.lo, out.hi
        return self.start + out.lo * self.step, self.start + (out.hi - 1) * self.step + 1

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        delta = fit(delta, have, *self.need(self.source, out, {}))
        if self.dim == out.axis:
            return delta[(slice(None),) * self.dim + (slice(None, None, self.step),)]
        return delta if self.dim == 0 else self.node.target(delta, *self.node.args[1:], **self.node.kwargs)


class Select(Rule):
    """One index of a dimension that is neither the batch's nor the positions'."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None:
            return None
        dim = self.args["dim"] % (len(shape_of(found[0])) + 1)
        if dim in (0, found[1].axis):
            return None
        return found[1]._replace(axis=found[1].axis - (dim < found[1].axis))

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.select(self.args["dim"], self.args["index"]), have._replace(axis=out.axis), out.lo, out.hi)


class Flip(Rule):
    """Dimensions turned round, the positions' among them or not."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None:
            return None
        node, window = found
        self.dims = [dim % (len(shape_of(node)) + 1) for dim in self.args["dims"]]
        return None if 0 in self.dims else self._mirrored(window)

    def _mirrored(self, window: Window) -> Window:
        if window.axis not in self.dims:
            return window
        length = shape_of(self.source)[window.axis - 1]
        return window._replace(lo=length - window.hi, hi=length - window.lo)

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        mirrored = self._mirrored(out)
        return mirrored.lo, mirrored.hi

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return fit(delta.flip(self.dims), self._mirrored(have), out.lo, out.hi)


class Pad(Rule):
    """Constants added at the ends of dimensions, or, where negative, ends cropped."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None or self.args.get("mode", "constant") != "constant":
            return None
        ndim = len(self.shape) + 1
        pads = list(self.args["pad"])
        self.left = {ndim - 1 - i: pads[2 * i] for i in range(len(pads) // 2)}
        self.others = [0 if ndim - 1 - i // 2 == found[1].axis else pad for i, pad in enumerate(pads)]
        if 0 in self.left:
            return None
        shift = self.left.get(found[1].axis, 0)
        window = found[1]._replace(lo=found[1].lo + shift, hi=found[1].hi + shift)
        return window.clip(0, self.shape[window.axis - 1])

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        shift = self.left.get(out.axis, 0)
        return out.lo - shift, out.hi - shift

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        return functional.pad(fit(delta, have, *self.need(self.source, out, {})), self.others)


class Concatenation(Rule):
    """Tensors side by side, along the positions or another dimension than the batch's."""

    shares = False

    def reach(self, inputs: Inputs) -> Window | None:
        if self.shape is None or any(shape_of(node) is None or w.flat for node, w in inputs.items()):
            return None
        tensors = self.args["tensors"]
        self.dim = self.args["dim"] % (len(self.shape) + 1)
        if self.dim == 0 or any(shape_of(node) is None for node in tensors):
            return None
        self.offsets, total = [], 0
        for node in tensors:
            self.offsets.append(total)
            total += shape_of(node)[self.dim - 1]
        axis = next(iter(inputs.values())).axis
        moved = [
            window._replace(lo=window.lo + offset * (axis == self.dim), hi=window.hi + offset * (axis == self.dim))
            for node, offset in zip(tensors, self.offsets, strict=True)
            for window in [inputs.get(node)]
            if window is not None
        ]
        if any(window.axis != axis for window in moved):
            return None
        hull = moved[0]
        for window in moved[1:]:
            hull = hull.hull(window)
        return hull

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        if out.axis != self.dim:
            return out.lo, out.hi
        needs = [offset for node, offset in zip(self.args["tensors"], self.offsets, strict=True) if node is source]
        return out.lo - max(needs), out.hi - min(needs)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        (_, first), *_ = deltas.values()
        size = list(self.shape)
        size[out.axis - 1] = out.width
        total = first.new_zeros(len(first), *size)
        for node, offset in zip(self.args["tensors"], self.offsets, strict=True):
            if node not in deltas:
                continue
            have, delta = deltas[node]
            if self.dim == out.axis:
                add_into(total, out, delta, have._replace(lo=have.lo + offset, hi=have.hi + offset))
            else:
                add_into(total.narrow(self.dim, offset, shape_of(node)[self.dim - 1]), out, delta, have)
        return total


class Repeat(Rule):
    """Copies side by side along other dimensions than the positions' and the batch's."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None or len(self.shape) != len(shape_of(found[0])):
            return None
        axis = found[1].axis
        return found[1] if self.shape[axis - 1] == shape_of(found[0])[axis - 1] else None

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        if self.node.target is aten.repeat.default:
            delta = delta.repeat(self.args["repeats"])
        else:
            size = list(self.shape)
            size[out.axis - 1] = have.width
            delta = delta.expand(len(delta), *size)
        return fit(delta, have, out.lo, out.hi)
