"""Simpler spellings: graphs in which each operation gives one tensor, and has one name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from .graphs.calls import Call, call_of, further
from .graphs.permutations import (
    ALONG,
    EACH,
    LAST,
    OVER,
    permuted_before,
    permuted_before_along,
    permuted_before_over,
    permuted_twice,
)
from .rules.base import aten, bound_arguments, function_of, in_rows, overloads, shape_of
from .rules.recurrent import CELLS, recurrent
from .rules.reductions import ADAPTIVE_MAXIMA
from .rules.shapes.reshapes import PERMUTATIONS
from .rules.sliding import spatial

SPLITS = set(overloads("split.Tensor split_with_sizes chunk unsafe_split.Tensor unsafe_chunk tensor_split.sections"))
POOLS = {aten.max_pool1d_with_indices.default: aten.max_pool1d, aten.max_pool2d_with_indices.default: aten.max_pool2d}

CONVOLUTIONS = set(overloads("conv1d conv2d conv1d.padding conv2d.padding"))

_COMPARISONS = {"greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne"}

SYNONYMS = {
    "_unsafe_view": "reshape",  # of a copy, in models without their operations in place
    **{f"arc{name}": f"a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh", "tan2")},
    **{f"special_{name}": name for name in ("erf", "erfc", "exp2", "expm1", "log1p", "logit", "logsumexp", "sinc")},
    **{f"{long}.{kind}": f"{short}.{kind}" for long, short in _COMPARISONS.items() for kind in ("Scalar", "Tensor")},
    "absolute": "abs",
    "broadcast_to": "expand",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "divide.Tensor": "div.Tensor",
    "fix": "trunc",
    "mH": "mT",
    "linalg_matmul": "matmul",
    "max.other": "maximum",
    "min.other": "minimum",
    "moveaxis.int": "movedim.int",
    "multiply.Tensor": "mul.Tensor",
    "negative": "neg",
    "special_expit": "sigmoid",
    "special_xlogy": "xlogy.Tensor",
    "subtract.Tensor": "sub.Tensor",
    "tile": "repeat",
    "true_divide.Tensor": "div.Tensor",
    "view": "reshape",  # what is put together does not lie in memory as that for which a view was possible
}
"""Operations that do what others do, by name and overload."""

_SPELLINGS = {op: other for pair in SYNONYMS.items() for op, other in zip(*map(overloads, pair), strict=False)}


def simplify(graph: Graph) -> None:
    """Replace, in place, what gives several tensors by what gives the one that is used, and synonyms by one name."""
    for node in list(graph.nodes):
        node.target = _SPELLINGS.get(node.target, node.target)
        while (other := _simpler(graph, node)) is not None:
            node.replace_all_uses_with(other)
            graph.erase_node(node)
            node = other  # which may have a simpler spelling too


def _simpler(graph: Graph, node: Node) -> Node | None:
    """A node that does the same, put before it."""
    with graph.inserting_before(node):
        call = _simpler_call(graph, node)
        if call is None:
            return None
        target, args, kwargs = call
        other = graph.call_function(target, args, kwargs)
        other.meta = node.meta
        return other


def _simpler_call(graph: Graph, node: Node) -> Call | None:
    if node.target is operator.getitem:
        source, index = node.args
        if not isinstance(source, Node) or not isinstance(index, int):
            return None
        return _layers(graph, source) if source.target in CELLS else _one_of_several(source, index)
    simpler = _OTHERWISE.get(node.target)
    return None if simpler is None else simpler(graph, node)


def _one_of_several(source: Node, index: int) -> Call | None:
    """What gives one of the tensors that an operation gives, where there is such an operation."""
    target, given = source.target, bound_arguments(source)
    if target in SPLITS:
        parts, dim = source.meta["val"], given["dim"]
        sizes = [part.shape[dim] for part in parts[: index + 1]]
        symbolic = any(isinstance(n, torch.SymInt) for n in sizes)
        return None if symbolic else call_of(aten.slice.Tensor, source.args[0], dim, sum(sizes[:-1]), sum(sizes))
    if target is aten.unbind.int:
        return call_of(aten.select.int, given["self"], given["dim"], index)
    if target in (aten.var_mean.correction, aten.var_mean.dim):
        if index == 1:
            return call_of(aten.mean.dim, given["self"], given["dim"], given["keepdim"])
        one = aten.var.dim if target is aten.var_mean.dim else aten.var.correction
        return one, source.args, dict(source.kwargs)
    if index != 0:
        return None
    if target in (aten.max.dim, aten.min.dim):
        extreme = aten.amax.default if target is aten.max.dim else aten.amin.default
        return call_of(extreme, given["self"], [given["dim"]], given["keepdim"])
    if target is aten._native_batch_norm_legit_no_training.default:
        *operands, momentum, eps = source.args
        return call_of(aten.batch_norm.default, *operands, False, momentum, eps, False)
    if target in POOLS:
        return POOLS[target].default, source.args, dict(source.kwargs)
    if target in ADAPTIVE_MAXIMA:
        return call_of(ADAPTIVE_MAXIMA[target], *source.args)
    return None


def _layers(graph: Graph, source: Node) -> Call | None:
    """A recurrent operation of which the output alone is used, and that begins at zero: one layer and direction a node.

    The other direction is a layer between two flips.
    """
    given = bound_arguments(source)
    states = given["hx"] if isinstance(given["hx"], (list, tuple)) else [given["hx"]]
    directions, params = 2 if given["bidirectional"] else 1, list(given["params"])
    each = 4 if given["has_biases"] else 2
    known = len(params) == each * directions * given["num_layers"] and not given["train"] and given["batch_first"]
    alone = all(user.args[1] == 0 for user in source.users if user.users)
    if not (known and alone and in_rows(given["input"]) and all(n.target is aten.zeros.default for n in states)):
        return None
    x = given["input"]
    for first in range(0, len(params), each * directions):
        ys = []
        for i in range(directions):
            read = further(graph, aten.flip.default, x, [1]) if i else x
            own = params[first + each * i : first + each * (i + 1)]
            named: dict[str, Any] = {"input": read, "params": own, "cell": source.target}
            y = graph.call_function(recurrent, (), named)
            shape = (*x.meta["val"].shape[:2], own[1].meta["val"].shape[1])
            y.meta = {**source.meta, "val": x.meta["val"].new_empty(shape)}
            ys.append(further(graph, aten.flip.default, y, [1]) if i else y)
        x = ys[0] if directions == 1 else further(graph, aten.cat.default, ys, 2)
    return call_of(aten.alias.default, x)


def _convolution(graph: Graph, node: Node) -> Call | None:
    """A convolution as PyTorch's backends have it, by its own name."""
    given = bound_arguments(node)
    ndim = given["weight"].meta["val"].ndim
    if ndim not in (3, 4):
        return None
    operands = given["input"], given["weight"], given["bias"], given["stride"], given["padding"]
    if not given["transposed"]:
        return call_of((aten.conv1d, aten.conv2d)[ndim - 3].default, *operands, given["dilation"], given["groups"])
    target = (aten.conv_transpose1d.default, aten.conv_transpose2d.input)[ndim - 3]
    return call_of(target, *operands, given["output_padding"], given["groups"], given["dilation"])


def _transposed(graph: Graph, node: Node) -> Call | None:
    """A transposed convolution with a stride of 1 is a convolution with the weights turned round."""
    given = bound_arguments(node)
    (stride,), (padding,), (more,), (dilation,) = (
        spatial(given[name], 3) for name in ("stride", "padding", "output_padding", "dilation")
    )
    left = (given["weight"].meta["val"].shape[2] - 1) * dilation - padding
    if stride != 1 or more or given["groups"] != 1 or left < 0:
        return None
    swapped = further(graph, aten.transpose.int, given["weight"], 0, 1)
    turned = further(graph, aten.flip.default, swapped, [2])
    return call_of(aten.conv1d.default, given["input"], turned, given["bias"], [1], [left], [dilation])


def _normed_convolution(graph: Graph, node: Node) -> Call | None:
    """A convolution of which the norm of a batch, in evaluation mode, is all that is taken: other weights."""
    given, source = bound_arguments(node), node.all_input_nodes[0]
    if source.target not in CONVOLUTIONS or len(source.users) > 1 or given["training"] or given["input"] is not source:
        return None
    of = bound_arguments(source)
    weight, bias = of["weight"], of["bias"]

    def do(target: Callable[..., Any], *args: Any) -> Node:
        return further(graph, target, *args)

    scale = do(aten.rsqrt.default, do(aten.add.Tensor, given["running_var"], given["eps"]))
    scale = scale if given["weight"] is None else do(aten.mul.Tensor, scale, given["weight"])
    shift = do(aten.neg.default, given["running_mean"])
    shift = do(aten.mul.Tensor, shift if bias is None else do(aten.add.Tensor, shift, bias), scale)
    shift = shift if given["bias"] is None else do(aten.add.Tensor, shift, given["bias"])
    scaled = do(aten.mul.Tensor, weight, do(aten.reshape.default, scale, [-1] + [1] * (weight.meta["val"].ndim - 1)))
    names = list(source.target._schema.arguments)[3:]  # after the input, its weight and its bias
    return call_of(source.target, of["input"], scaled, shift, *(of[argument.name] for argument in names))


def _added_product(graph: Graph, node: Node) -> Call | None:
    """A product of matrices, or of one and a vector, and what is added to it."""
    added, one, other = node.args
    given = bound_arguments(node)
    y = further(graph, aten.matmul.default, one, other)
    if given["alpha"] != 1:
        y = further(graph, aten.mul.Tensor, y, given["alpha"])
    return call_of(aten.add.Tensor, y, added, alpha=given["beta"])


def _narrow(graph: Graph, node: Node) -> Call | None:
    given = bound_arguments(node)
    dim, start, length = given["dim"], given["start"], given["length"]
    if not isinstance(start, int) or not isinstance(length, int):
        return None
    start %= given["self"].meta["val"].shape[dim]
    return call_of(aten.slice.Tensor, given["self"], dim, start, start + length)


def _differences(graph: Graph, node: Node) -> Call | None:
    """Of neighbours."""
    given = bound_arguments(node)
    dim, shape = given["dim"], given["self"].meta["val"].shape
    if given["n"] != 1 or given["prepend"] is not None or given["append"] is not None or dim % len(shape) == 0:
        return None
    ends = ((1, shape[dim]), (0, shape[dim] - 1))
    return call_of(aten.sub.Tensor, *(further(graph, aten.slice.Tensor, given["self"], dim, *end) for end in ends))


def _shuffled(graph: Graph, node: Node) -> Call | None:
    """Channels in groups, the first of each, then the second of each."""
    given = bound_arguments(node)
    n = given["self"].meta["val"].shape[1] // given["groups"]
    grouped = further(graph, aten.unflatten.int, given["self"], 1, [given["groups"], n])
    return call_of(aten.flatten.using_ints, further(graph, aten.transpose.int, grouped, 1, 2), 1, 2)


def _stack(graph: Graph, node: Node) -> Call | None:
    """Tensors side by side in a dimension of their own."""
    given = bound_arguments(node)
    tensors, dim = given["tensors"], given["dim"] % node.meta["val"].ndim
    if dim == 0:
        return None
    return call_of(aten.cat.default, [further(graph, aten.unsqueeze.default, x, dim) for x in tensors], dim)


def _as_another(graph: Graph, node: Node) -> Call | None:
    """The shape of another tensor, of which nothing else is used."""
    x, other = node.all_input_nodes if len(node.all_input_nodes) == 2 else node.all_input_nodes * 2
    if not in_rows(other):
        return None
    target = aten.expand.default if node.target is aten.expand_as.default else aten.reshape.default
    return call_of(target, x, [further(graph, aten.sym_size.int, other, 0), *shape_of(other)])


def _of_type(graph: Graph, node: Node) -> Call | None:
    """The type and the device of another tensor, of which nothing else is used."""
    value = node.meta["val"]
    return call_of(aten.to.device, node.all_input_nodes[0], value.device, value.dtype)


def _of_shape(graph: Graph, node: Node) -> Call | None:
    """A constant in the shape and type of a tensor, of which nothing else is used."""
    given, value = bound_arguments(node), node.meta["val"]
    size = given.get("size")
    if size is None:
        if not in_rows(node):
            return None
        size = [further(graph, aten.sym_size.int, given["self"], 0), *value.shape[1:]]
    name = function_of(node).__name__.partition(".")[0].removeprefix("new_").removesuffix("_like")
    filled = [given["fill_value"]] if name == "full" else []
    return getattr(aten, name).default, (size, *filled), {"dtype": value.dtype, "device": value.device}


_OTHERWISE: dict[Any, Callable[[Graph, Node], Call | None]] = {
    aten.convolution.default: _convolution,
    aten._convolution.default: _convolution,
    aten.conv_transpose1d.default: _transposed,
    aten.batch_norm.default: _normed_convolution,
    **dict.fromkeys(PERMUTATIONS, permuted_twice),
    **dict.fromkeys(EACH | LAST, permuted_before),
    **dict.fromkeys(OVER, permuted_before_over),
    **dict.fromkeys(ALONG, permuted_before_along),
    **dict.fromkeys(overloads("addmm baddbmm addmv"), _added_product),
    aten.narrow.default: _narrow,
    aten.stack.default: _stack,
    aten.diff.default: _differences,
    aten.channel_shuffle.default: _shuffled,
    **dict.fromkeys(overloads("expand_as view_as reshape_as"), _as_another),
    **dict.fromkeys(overloads("type_as to.other"), _of_type),
    **dict.fromkeys(overloads("zeros_like ones_like full_like new_zeros new_ones new_full"), _of_shape),
}
"""What spells an operation otherwise where it can."""
