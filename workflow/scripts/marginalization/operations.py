"""How a difference between an element's and its background's activations passes through each operation.

Every rule answers three questions about one node of a graph. `reach`: which positions of its output can differ, when
its inputs differ on given windows (None: it has no rule for this, and the whole tensor must be put together)? `need`:
which positions of an input matter for given positions of the output? `apply`: what is the output's difference there?

Linear operations take the difference as it is, without their bias. The others, f, need the background x too:
f(x + difference) - f(x).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch.fx import Graph, Node
from torch.nn import functional

from .windows import Window, add_into, fit, narrow

aten = torch.ops.aten
Inputs = dict[Node, Window]
Deltas = dict[Node, tuple[Window, torch.Tensor]]


class Backgrounds(Protocol):
    """What a rule may ask of a run: values of the backgrounds (1 or as many rows as differences) and of constants."""

    def background(self, node: Node, window: Window | None = None) -> torch.Tensor: ...

    def constant(self, node: Node, window: Window | None = None) -> Any: ...

    def derived(self, node: Node, make: Callable[[], torch.Tensor]) -> torch.Tensor: ...

    def may_overwrite(self, node: Node) -> bool: ...


class Rule:
    """Base: one changed input, and positions that correspond one to one."""

    collapses = False
    """Whether the output has no positions left, and is given whole rather than as a difference."""

    shares = True
    """Whether the output may share memory with an input."""

    def __init__(self, node: Node):
        self.node = node
        self.args = bound_arguments(node)
        self.source = node.all_input_nodes[0] if node.all_input_nodes else node
        self.shape = shape_of(node)

    def reach(self, inputs: Inputs) -> Window | None:
        raise NotImplementedError

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        return out.lo, out.hi

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        """The backgrounds' activations that `apply` asks for, whole where the window is None."""
        return []

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        raise NotImplementedError


def bound_arguments(node: Node) -> dict[str, Any]:
    """The arguments of an operation by name, its defaults filled in."""
    if not hasattr(node.target, "_schema"):
        return dict(node.kwargs)
    schema = node.target._schema.arguments
    names = [argument.name for argument in schema]
    defaults = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return {**defaults, **dict(zip(names, node.args, strict=False)), **node.kwargs}


def shape_of(node: Node) -> tuple[int, ...] | None:
    """The shape of a node's tensor without the batch; None unless the batch is its first dimension, and no other."""
    return tuple(node.meta["val"].shape[1:]) if in_rows(node) and node.meta["val"].ndim > 1 else None


def in_rows(node: Node) -> bool:
    """Whether a node is a tensor whose first dimension, and no other, is the batch."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.ndim == 0 or not isinstance(value.shape[0], torch.SymInt):
        return False
    return value.shape[0].node.expr.is_Symbol and not any(isinstance(n, torch.SymInt) for n in value.shape[1:])


def is_size(node: Node) -> bool:
    """Whether a node is a number that follows from the number of rows alone."""
    if node.target is aten.sym_size.int:
        return True
    numbers = isinstance(node.meta.get("val"), (int, float, torch.SymInt, torch.SymFloat))
    return numbers and bool(node.all_input_nodes) and all(map(is_size, node.all_input_nodes))


def simplify(graph: Graph) -> None:
    """Replace, in place, what gives several tensors by what gives the one that is used, and views by reshapes.

    Tensors that are put together do not lie in memory as those do for which a view was possible.
    """
    for node in list(graph.nodes):
        if node.target is aten.view.default:
            node.target = aten.reshape.default
        if node.target is not operator.getitem or not isinstance(node.args[0], Node):
            continue
        source, index = node.args
        args = None
        if index != 0 and source.target not in SPLITS:
            continue
        if source.target in (aten.max.dim, aten.min.dim):
            target = aten.amax.default if source.target is aten.max.dim else aten.amin.default
            given = bound_arguments(source)
            args = (given["self"], [given["dim"]], given["keepdim"])
        elif source.target is aten._native_batch_norm_legit_no_training.default:
            *operands, momentum, eps = source.args
            target, args = aten.batch_norm.default, (*operands, False, momentum, eps, False)
        elif source.target in ADAPTIVE_MAXIMA:
            target, args = ADAPTIVE_MAXIMA[source.target], source.args
        elif source.target in SPLITS:
            parts, dim = source.meta["val"], bound_arguments(source)["dim"]
            sizes = [part.shape[dim] for part in parts[: index + 1]]
            target, args = aten.slice.Tensor, (source.args[0], dim, sum(sizes[:-1]), sum(sizes))
            args = None if any(isinstance(n, torch.SymInt) for n in sizes) else args
        if args is not None:
            with graph.inserting_before(node):
                simpler = graph.call_function(target, args)
            simpler.meta = node.meta
            node.replace_all_uses_with(simpler)
            graph.erase_node(node)


def single(inputs: Inputs) -> tuple[Node, Window] | None:
    """The one changed input with a plain window, if that is what there is."""
    ((node, window), *others) = inputs.items()
    return None if others or window.flat or shape_of(node) is None else (node, window)


class Positionwise(Rule):
    """Operations that act on each position by itself: activations, gates, normalization over channels."""

    shares = False

    def reach(self, inputs: Inputs) -> Window | None:
        if self.shape is None:
            return None
        first = next(iter(inputs.values()))
        for node, window in inputs.items():
            shape = shape_of(node)
            if window.flat or shape is None or len(shape) != len(self.shape) or window.axis != first.axis:
                return None
            if shape[window.axis - 1] != self.shape[window.axis - 1] or self._mixes(node, window.axis):
                return None
        for window in inputs.values():
            first = first.hull(window)
        return first

    def _mixes(self, node: Node, axis: int) -> bool:
        """Whether the operation reduces or normalizes over the positions."""
        ndim = len(self.shape) + 1
        if "normalized_shape" in self.args:
            return axis >= ndim - len(self.args["normalized_shape"])
        if self.node.target is aten.prelu.default and self.args["weight"].meta["val"].numel() > 1:
            return axis == 1 or node is self.args["weight"]
        return "dim" in self.args and self.args["dim"] is not None and self.args["dim"] % ndim == axis

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        changed = [(node, out) for node in inputs]
        return [(self.node, out), *changed, *((node, self._facing(node, out)) for node in self._others(inputs))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        values = {}
        for node, (have, delta) in deltas.items():
            fitting = fit(delta, have, out.lo, out.hi)
            spare = fitting is not delta or run.may_overwrite(node)
            values[node] = (fitting.add_ if spare else fitting.add)(run.background(node, out))
        if self.node.target is aten.relu.default:  # the most frequent, without a copy
            return values[self.source].relu_().sub_(run.background(self.node, out))

        def value(node: Node) -> Any:
            if node in values:
                return values[node]
            facing = self._facing(node, out)
            return run.background(node, facing) if node.meta["of_batch"] else run.constant(node, facing)

        args, kwargs = torch.fx.map_arg((self.node.args, self.node.kwargs), value)
        return self.node.target(*args, **kwargs) - run.background(self.node, out)

    def _others(self, inputs: Any) -> list[Node]:
        """The inputs that are as in the background, but differ between backgrounds."""
        return [node for node in self.node.all_input_nodes if node not in inputs and node.meta["of_batch"]]

    def _facing(self, node: Node, out: Window) -> Window | None:
        """The window of an unchanged input that faces the output's; None for one that has no such positions."""
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return None
        axis = out.axis - (len(self.shape) + 1 - value.ndim)
        broadcast = self.node.target is not aten.prelu.default
        facing = broadcast and axis >= 0 and value.shape[axis] == self.shape[out.axis - 1] != 1
        return out._replace(axis=axis) if facing else None


class Sum(Positionwise):
    """Addition and subtraction, from the left or the right: differences add up."""

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return []

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        size = list(self.shape)
        size[out.axis - 1] = out.width
        name, alpha = str(self.node.target), self.args["alpha"]
        factors = (-alpha, 1) if "rsub" in name else (1, -alpha) if "sub" in name else (1, alpha)
        operands = [
            (operand, factor, *deltas[operand])
            for operand, factor in zip((self.args["self"], self.args["other"]), factors, strict=True)
            if operand in deltas
        ]
        total = None
        for i, (operand, factor, _, delta) in enumerate(operands):
            once = sum(other is operand for other, *_ in operands) == 1
            if factor == 1 and once and delta.shape[1:] == tuple(size) and run.may_overwrite(operand):
                total = delta
                del operands[i]
                break
        if total is None:
            total = operands[0][3].new_zeros(len(operands[0][3]), *size)
        for _, factor, have, delta in operands:
            add_into(total, out, delta if factor == 1 else delta * factor, have)
        return total


class Scale(Positionwise):
    """Multiplication or division by what is as in the background."""

    def reach(self, inputs: Inputs) -> Window | None:
        divides = "div" in str(self.node.target)
        squares = self.args["self"] is self.args.get("other")
        if len(inputs) > 1 or squares or (divides and self.args["other"] in inputs):
            return None
        return super().reach(inputs)

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(node, self._facing(node, out)) for node in self._others(inputs)]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        ((changed, (have, delta)),) = deltas.items()

        def value(node: Node) -> Any:
            if node is changed:
                return fit(delta, have, out.lo, out.hi)
            facing = self._facing(node, out)
            return run.background(node, facing) if node.meta["of_batch"] else run.constant(node, facing)

        args, kwargs = torch.fx.map_arg((self.node.args, self.node.kwargs), value)
        return self.node.target(*args, **kwargs)


class BatchNorm(Rule):
    """In evaluation mode: each channel times a constant."""

    shares = False

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.args["training"] or found[0] is not self.args["input"] or found[1].axis == 1:
            return None
        return found[1]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        scale = (run.constant(self.args["running_var"]) + self.args["eps"]).rsqrt()
        if self.args["weight"] is not None:
            scale = scale * run.constant(self.args["weight"])
        return fit(delta, have, out.lo, out.hi) * scale.view(-1, *[1] * (delta.ndim - 2))


class Local(Rule):
    """Operations with a kernel that moves along the positions: convolutions and pooling.

    Output o looks at the inputs `o * stride - padding + i * dilation` for i < kernel.
    """

    kernel: int
    stride = 1
    padding = 0
    dilation = 1

    def along(self, axis: int) -> bool:
        """Take the parameters of the axis of the positions; False when there is no kernel along it."""
        raise NotImplementedError

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None or found[0] is not self.source or not self.along(found[1].axis):
            return None
        window = found[1]
        span = (self.kernel - 1) * self.dilation
        lo = -(-(window.lo + self.padding - span) // self.stride)
        hi = (window.hi - 1 + self.padding) // self.stride + 1
        return window._replace(lo=lo, hi=max(lo, hi)).clip(0, self.shape[window.axis - 1])

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        lo = out.lo * self.stride - self.padding
        return lo, lo + (out.width - 1) * self.stride + (self.kernel - 1) * self.dilation + 1


def spatial(values: Any, ndim: int) -> list[Any]:
    """Parameters for each spatial dimension, from a list that may hold one for all, or none."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    return values * (ndim - 2) if len(values) == 1 else values


class Convolution(Local):
    """Convolutions in one or two dimensions, with any stride, padding, dilation and groups."""

    shares = False

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
        if by_taps and (have.width < out.width or weight.shape[0] <= 8):
            return self._by_taps(run, delta, have, out)
        delta = fit(delta, have, *self.need(self.source, out, {}))
        if any(self.further):
            delta = functional.pad(delta, self.further)
        paddings = list(self.paddings)
        paddings[self.at] = 0
        convolve = functional.conv1d if weight.ndim == 3 else functional.conv2d
        return convolve(delta, weight, None, self.strides, paddings, self.dilations, self.args["groups"])

    def _by_taps(self, run: Backgrounds, delta: torch.Tensor, have: Window, out: Window) -> torch.Tensor:
        """The convolution as one matrix product of all taps with the changed inputs, whose parts then add up shifted.

        It costs taps x changed inputs, where a convolution costs taps x changed outputs: in a dilated layer up to half.
        """
        weight = run.constant(self.args["weight"])
        taps = run.derived(self.node, lambda: weight.permute(2, 0, 1).flatten(0, 1).contiguous())
        parts = torch.matmul(taps, delta).unflatten(1, (self.kernel, -1))
        order = sorted(range(self.kernel), key=lambda i: abs(i - self.kernel // 2))
        total = None
        for i in order:
            shift = self.padding - i * self.dilation
            at = have._replace(lo=have.lo + shift, hi=have.hi + shift)
            if total is None:  # the central tap
                total = fit(parts[:, i], at, out.lo, out.hi)
            else:
                add_into(total, out, parts[:, i], at)
        return total


class MaxPool(Local):
    """Maximum over a moving kernel."""

    shares = False

    def along(self, axis: int) -> bool:
        ndim = len(self.shape) + 1
        self.at = axis - 2
        if self.at < 0:
            return False
        self.kernels, self.dilations = (spatial(self.args[name], ndim) for name in ("kernel_size", "dilation"))
        self.strides = spatial(self.args["stride"] or self.args["kernel_size"], ndim)
        self.paddings = spatial(self.args["padding"], ndim)
        self.kernel, self.stride = self.kernels[self.at], self.strides[self.at]
        self.padding, self.dilation = self.paddings[self.at], self.dilations[self.at]
        return True

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, out), (self.source, self._looked_at(out))]

    def _looked_at(self, out: Window) -> Window:
        lo, hi = self.need(self.source, out, {})
        return out._replace(lo=lo, hi=hi).clip(0, shape_of(self.source)[out.axis - 1])

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        inside = self._looked_at(out)
        x = fit(delta, have, inside.lo, inside.hi) + run.background(self.source, inside)
        lo, hi = self.need(self.source, out, {})
        after = x.ndim - 1 - out.axis
        x = functional.pad(x, [0, 0] * after + [inside.lo - lo, hi - inside.hi], value=-math.inf)
        paddings = list(self.paddings)
        paddings[self.at] = 0
        pool = functional.max_pool1d if x.ndim == 3 else functional.max_pool2d
        y = pool(x, self.kernels, self.strides, paddings, self.dilations, self.args["ceil_mode"])
        return y - run.background(self.node, out)


class AveragePool(Local):
    """Mean over a moving kernel."""

    shares = False

    def along(self, axis: int) -> bool:
        ndim = len(self.shape) + 1
        self.at = axis - 2
        if self.at < 0:
            return False
        self.kernels, self.paddings = (spatial(self.args[name], ndim) for name in ("kernel_size", "padding"))
        self.strides = spatial(self.args["stride"] or self.args["kernel_size"], ndim)
        self.kernel, self.stride, self.padding = self.kernels[self.at], self.strides[self.at], self.paddings[self.at]
        return True

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        delta = fit(delta, have, *self.need(self.source, out, {}))
        flat = delta.ndim == 3
        ones = [1] * flat
        paddings = [0] * flat + [0 if i == self.at else n for i, n in enumerate(self.paddings)]
        sums = functional.avg_pool2d(
            delta.unsqueeze(2) if flat else delta,
            *(ones + self.kernels, ones + self.strides, paddings),
            ceil_mode=self.args["ceil_mode"],
            divisor_override=1,
        )
        sums = sums.squeeze(2) if flat else sums
        if self.args.get("divisor_override"):
            return sums / self.args["divisor_override"]
        for i, n in enumerate(self.shape[1:]):
            outputs = range(out.lo, out.hi) if i == self.at else range(n)
            counts = sums.new_tensor([self._count(i, o) for o in outputs])
            sums = sums / counts.view(-1, *[1] * (len(self.shape) - 2 - i))
        return sums

    def _count(self, i: int, o: int) -> int:
        """How many positions along a dimension count for output o: padding where asked for, what lies beyond never."""
        length = shape_of(self.source)[1 + i]
        start = o * self.strides[i] - self.paddings[i]
        end = min(start + self.kernels[i], length + self.paddings[i])
        return end - start if self.args["count_include_pad"] else min(end, length) - max(start, 0)


class AdaptiveAverage(Rule):
    """Means of a given number of stretches, which together make up the positions."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.shape is None or found[1].axis < 2:
            return None
        window = found[1]
        before, after = shape_of(self.source)[window.axis - 1], self.shape[window.axis - 1]
        return window._replace(lo=window.lo * after // before, hi=-(-window.hi * after // before))

    def need(self, source: Node, out: Window, inputs: Inputs) -> tuple[int, int]:
        before, after = shape_of(self.source)[out.axis - 1], self.shape[out.axis - 1]
        return out.lo * before // after, -(-out.hi * before // after)

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        means = []
        for lo, hi in self._stretches(out):
            changed = narrow(delta, have.clip(lo, hi), have.lo)
            means.append(changed.sum(out.axis, keepdim=True) / (hi - lo))
        y = torch.cat(means, out.axis)
        size = list(self.shape[1:])
        size[out.axis - 2] = out.width
        return y if y.ndim == 3 else self.node.target(y, size)

    def _stretches(self, out: Window) -> list[tuple[int, int]]:
        return [self.need(self.source, out._replace(lo=o, hi=o + 1), {}) for o in range(out.lo, out.hi)]


class AdaptiveMaximum(AdaptiveAverage):
    """Maxima of a given number of stretches."""

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        lo, hi = self.need(self.source, out, {})
        return [(self.node, out), (self.source, out._replace(lo=lo, hi=hi))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        first, last = self.need(self.source, out, {})
        x = fit(delta, have, first, last) + run.background(self.source, out._replace(lo=first, hi=last))
        size = list(self.shape[1:])
        size[out.axis - 2] = 1
        maxima = [self.node.target(x.narrow(out.axis, lo - first, hi - lo), size) for lo, hi in self._stretches(out)]
        return torch.cat(maxima, out.axis) - run.background(self.node, out)


class Linear(Rule):
    """A dense layer: over channels at each position, or over the positions, of whose weights only the changed count."""

    shares = False

    def reach(self, inputs: Inputs) -> Window | None:
        ((node, window), *others) = inputs.items()
        if others or node is not self.args["input"]:
            return None
        ndim = len(window.flat or shape_of(node)) + 1
        self.collapses = window.flat is not None or window.axis == ndim - 1
        return window

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, None)] if self.collapses else []

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        weight = run.constant(self.args["weight"])
        if not self.collapses:
            return functional.linear(fit(delta, have, out.lo, out.hi), weight)
        shape = have.flat or (weight.shape[1],)
        columns = weight.view(-1, *shape).narrow(have.axis if have.flat else 1, have.lo, have.width)
        flat = delta.flatten(1) if have.flat else delta
        return run.background(self.node) + functional.linear(flat, columns.reshape(len(weight), -1))


class Reduction(Rule):
    """Sum or mean over dimensions, the positions' among them or not."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None or self.args.get("dtype") is not None:
            return None
        window, ndim = found[1], len(shape_of(found[0])) + 1
        self.dims = sorted(dim % ndim for dim in self.args["dim"] or range(ndim))
        if 0 in self.dims:
            return None
        self.collapses = window.axis in self.dims
        dropped = 0 if self.args["keepdim"] else sum(dim < window.axis for dim in self.dims)
        return window if self.collapses else window._replace(axis=window.axis - dropped)

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.node, None)] if self.collapses else []

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        total = delta.sum(self.dims, keepdim=self.args["keepdim"])
        if "mean" in str(self.node.target):
            shape = shape_of(self.source)
            total = total / math.prod(shape[dim - 1] for dim in self.dims)
        return run.background(self.node) + total if self.collapses else fit(total, self._out(have), out.lo, out.hi)

    def _out(self, have: Window) -> Window:
        dropped = 0 if self.args["keepdim"] else sum(dim < have.axis for dim in self.dims)
        return have._replace(axis=have.axis - dropped)


class Extreme(Rule):
    """Maximum or minimum over dimensions; over the positions, of the changed ones and of the background's others."""

    def reach(self, inputs: Inputs) -> Window | None:
        found = single(inputs)
        if found is None:
            return None
        window, ndim = found[1], len(shape_of(found[0])) + 1
        self.dims = [dim % ndim for dim in self.args["dim"] or range(ndim)]
        if 0 in self.dims:
            return None
        self.collapses = window.axis in self.dims
        dropped = 0 if self.args["keepdim"] else sum(dim < window.axis for dim in self.dims)
        return window._replace(axis=window.axis - dropped)

    def _of_source(self, out: Window) -> Window:
        kept = [dim for dim in range(len(shape_of(self.source)) + 1) if self.args["keepdim"] or dim not in self.dims]
        return out._replace(axis=kept[out.axis])

    def reads(self, inputs: Inputs, out: Window) -> list[tuple[Node, Window | None]]:
        return [(self.source, None)] if self.collapses else [(self.node, out), (self.source, self._of_source(out))]

    def apply(self, run: Backgrounds, deltas: Deltas, out: Window) -> torch.Tensor:
        have, delta = deltas[self.source]
        keep = self.args["keepdim"]
        if not self.collapses:
            x = fit(delta, have, out.lo, out.hi) + run.background(self.source, self._of_source(out))
            return self.node.target(x, self.dims, keep) - run.background(self.node, out)
        before = run.background(self.source)
        further = torch.maximum if self.node.target is aten.amax.default else torch.minimum
        extreme = self.node.target(delta + narrow(before, have), self.dims, keep)
        for lo, hi in ((0, have.lo), (have.hi, before.shape[have.axis])):
            if lo < hi:
                others = self.node.target(before.narrow(have.axis, lo, hi - lo), self.dims, keep)
                extreme = further(extreme, others)
        return extreme


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


def adaptive_max_pool1d(x: torch.Tensor, output_size: list[int]) -> torch.Tensor:
    """The maxima alone, without the indices that the operation gives too."""
    return aten.adaptive_max_pool1d(x, output_size)[0]


def adaptive_max_pool2d(x: torch.Tensor, output_size: list[int]) -> torch.Tensor:
    """The maxima alone, without the indices that the operation gives too."""
    return aten.adaptive_max_pool2d(x, output_size)[0]


SPLITS = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default)

ADAPTIVE_MAXIMA = {
    aten.adaptive_max_pool1d.default: adaptive_max_pool1d,
    aten.adaptive_max_pool2d.default: adaptive_max_pool2d,
}


def _by_name(rule: type[Rule], names: str) -> dict[Any, list[type[Rule]]]:
    """Rules for the overloads `name.overload` that this version of PyTorch has."""
    found = {}
    for name in names.split():
        packet, _, overload = name.partition(".")
        operation = getattr(getattr(aten, packet, None), overload or "default", None)
        if operation is not None:
            found[operation] = [rule]
    return found


PERMUTATIONS = set(_by_name(Reshape, "permute transpose.int swapaxes swapdims movedim.int movedim.intlist mT"))

RULES: dict[Any, list[type[Rule]]] = {
    **_by_name(
        Positionwise,
        "relu gelu sigmoid tanh exp exp2 expm1 log log1p log2 log10 sqrt rsqrt silu elu softplus leaky_relu hardtanh "
        "hardswish hardsigmoid hardshrink softshrink threshold log_sigmoid mish selu celu relu6 clamp clamp_min "
        "clamp_max abs sign floor ceil round trunc square sin cos tan asin acos atan sinh cosh asinh acosh atanh erf "
        "erfc pow.Tensor_Scalar pow.Scalar pow.Tensor_Tensor prelu reciprocal softmax.int log_softmax.int layer_norm "
        "rms_norm glu maximum minimum atan2 hypot logaddexp where.self",
    ),
    **_by_name(Sum, "add.Tensor sub.Tensor rsub.Scalar"),
    **{target: [Scale, Positionwise] for target in _by_name(Scale, "mul.Tensor div.Tensor neg")},
    **_by_name(BatchNorm, "batch_norm"),
    **_by_name(Convolution, "conv1d conv2d conv1d.padding conv2d.padding"),
    **_by_name(MaxPool, "max_pool1d max_pool2d"),
    **_by_name(AveragePool, "avg_pool1d avg_pool2d"),
    **_by_name(AdaptiveAverage, "adaptive_avg_pool1d adaptive_avg_pool2d"),
    **{target: [AdaptiveMaximum] for target in ADAPTIVE_MAXIMA.values()},
    **_by_name(Linear, "linear"),
    **_by_name(Reduction, "sum.dim_IntList mean.dim"),
    **_by_name(Extreme, "amax amin"),
    **{target: [Reshape] for target in PERMUTATIONS},
    **_by_name(Reshape, "view reshape flatten.using_ints unflatten.int squeeze.dim squeeze.dims unsqueeze"),
    **_by_name(Unchanged, "dropout clone contiguous detach alias dropout_ feature_dropout alpha_dropout"),
    **_by_name(Cast, "to.dtype to.dtype_layout to.device to.other _to_copy type_as"),
    **_by_name(Slice, "slice.Tensor"),
    **_by_name(Select, "select.int"),
    **_by_name(Flip, "flip"),
    **_by_name(Pad, "pad constant_pad_nd"),
    **_by_name(Concatenation, "cat"),
    **_by_name(Repeat, "repeat expand"),
}
"""Rules by operation; of several, the first that has one for the windows at hand."""


def rule_for(node: Node, inputs: Inputs) -> tuple[Rule, Window] | None:
    """The rule for an operation on inputs that differ on windows, and where its output then differs."""
    for kind in RULES.get(node.target, []):
        rule = kind(node)
        window = rule.reach(inputs)
        if window is not None:
            return rule, window
    return None
