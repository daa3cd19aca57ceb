"""Which rule each operation has."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch.fx import Node

from .rules.base import Inputs, Operation, Rule, in_rows, is_float, is_size, overloads, shape_of
from .rules.convolution import Convolution, TransposedConvolution
from .rules.logical import Comparison, Embedding, Logical
from .rules.positionwise import BatchNorm, Cast, Positionwise, Relu, Scale, Sum, Unchanged
from .rules.products import PRODUCTS, Attention, Product
from .rules.recurrent import Cumulative, Recurrent, recurrent
from .rules.reductions import (
    ADAPTIVE_MAXIMA,
    AdaptiveAverage,
    AdaptiveMaximum,
    Extreme,
    Linear,
    Place,
    Recomputed,
    Reduction,
)
from .rules.shapes.interpolation import INTERPOLATIONS, Interpolation
from .rules.shapes.joining import Concatenation, Pad
from .rules.shapes.picks import PICKS, UPSAMPLING, Flip, Pick, Select, Slice, Unfold
from .rules.shapes.reshapes import PERMUTATIONS, Merge, Repeat, Reshape, Split
from .rules.sliding import AveragePool, MaxPool
from .rules.windows import Window


def _rules(names: str, *rules: type[Rule]) -> dict[Any, list[type[Rule]]]:
    return {operation: list(rules) for operation in overloads(names)}


RULES: dict[Any, list[type[Rule]]] = {
    **_rules(
        "gelu sigmoid tanh exp exp2 expm1 log log1p log2 log10 sqrt rsqrt silu elu softplus leaky_relu hardtanh "
        "hardswish hardsigmoid hardshrink softshrink threshold log_sigmoid mish selu celu relu6 clamp clamp_min "
        "clamp_max abs sign floor ceil round trunc square sin cos tan asin acos atan sinh cosh asinh acosh atanh erf "
        "erfc pow.Tensor_Scalar pow.Scalar pow.Tensor_Tensor prelu reciprocal softmax.int log_softmax.int layer_norm "
        "rms_norm glu maximum minimum atan2 hypot logaddexp where.self where.ScalarOther where.ScalarSelf "
        "masked_fill.Scalar masked_fill.Tensor clamp.Tensor addcmul addcdiv lerp.Scalar lerp.Tensor nan_to_num sinc "
        "xlogy.Tensor logit cumprod fmod.Scalar remainder.Scalar floor_divide div.Tensor_mode",
        *(Positionwise, Logical),
    ),
    **_rules("relu", Relu, Logical),
    **_rules("cumsum", Positionwise, Cumulative, Logical),
    **_rules("add.Tensor sub.Tensor rsub.Scalar", Sum, Logical),
    **_rules("mul.Tensor div.Tensor neg", Scale, Positionwise, Logical),
    **_rules("gt.Scalar ge.Scalar lt.Scalar le.Scalar eq.Scalar ne.Scalar", Comparison),
    **_rules("gt.Tensor ge.Tensor lt.Tensor le.Tensor eq.Tensor ne.Tensor", Comparison),
    **_rules(
        "logical_not logical_and logical_or logical_xor bitwise_not bitwise_and.Tensor bitwise_or.Tensor", Logical
    ),
    **_rules("__and__.Tensor __or__.Tensor isnan isinf isfinite", Logical),
    **_rules("embedding", Embedding),
    **_rules("batch_norm", BatchNorm),
    **_rules("conv1d conv2d conv1d.padding conv2d.padding", Convolution),
    **_rules("conv_transpose1d conv_transpose2d.input", TransposedConvolution),
    **_rules("max_pool1d max_pool2d", MaxPool),
    **_rules("avg_pool1d avg_pool2d", AveragePool),
    **_rules("adaptive_avg_pool1d adaptive_avg_pool2d", AdaptiveAverage),
    **{target: [AdaptiveMaximum] for target in ADAPTIVE_MAXIMA.values()},
    **_rules("linear", Linear),
    recurrent: [Recurrent],
    **{target: [Product] for target in PRODUCTS},
    **_rules("scaled_dot_product_attention", Attention),
    **_rules("sum.dim_IntList mean.dim", Reduction, Recomputed),
    **_rules("amax amin logsumexp", Extreme),
    **_rules("var.dim var.correction std.dim std.correction prod.dim_int linalg_vector_norm", Recomputed),
    **_rules("argmax argmin any.dim any.dims all.dim all.dims", Place),
    **{target: [Reshape] for target in PERMUTATIONS},
    **_rules("squeeze.dim squeeze.dims unsqueeze", Reshape),
    **_rules("view reshape flatten.using_ints unflatten.int", Reshape, Split, Merge),
    **_rules("dropout clone contiguous detach alias dropout_ feature_dropout alpha_dropout", Unchanged),
    **_rules("to.dtype to.dtype_layout to.device _to_copy", Cast, Logical),
    **_rules("slice.Tensor", Slice),
    **_rules("select.int", Select),
    **_rules("flip", Flip),
    **_rules("unfold", Unfold),
    **{target: [Pick] for target in UPSAMPLING | PICKS.keys()},
    **{target: [Interpolation] for target in INTERPOLATIONS},
    **_rules("pad", Pad, Pick),
    **_rules("constant_pad_nd", Pad),
    **_rules("cat", Concatenation),
    **_rules("repeat expand", Repeat),
}
"""Rules by operation; of several, the first that has one for the windows at hand."""


def rule_for(node: Node, inputs: Inputs) -> Rule | None:
    """The rule for an operation on inputs that differ on windows."""
    op, floats = Operation(node), all(map(is_float, inputs))
    kinds = [kind for kind in RULES.get(node.target, []) if floats or kind.any_dtype]
    return next((rule for kind in kinds if (rule := kind.match(op, inputs)) is not None), None)


class Cut(NamedTuple):
    """How a part of an operation's values is computed: by a rule, of its inputs on windows, or whole where it is None.

    The part is `out`, None for all of an output that takes a part of its input.
    """

    rule: Rule
    out: Window | None
    inputs: dict[Node, Window | None]


def cut_for(node: Node, part: Window | None) -> Cut | None:
    """How to compute a part of an operation's values, or all of them where they are of a part of its input."""
    if not in_rows(node):
        return None
    op, kinds = Operation(node), [kind for kind in RULES.get(node.target, []) if kind.cuts]
    batch = [n for n in node.all_input_nodes if n.meta["of_batch"] and not is_size(n)]
    if part is None:
        return _taking(op, kinds[0]) if kinds and kinds[0] in (Slice, Select, Pick) and batch == [op.source] else None
    for kind in kinds:
        found = kind.cut(op, part.axis)
        if found is not None:
            rule, facing = found
            needs = {n: facing[n].clip(*rule.need(n, part)) for n in batch if n in facing}
            if all(window.width > 0 for window in needs.values()):
                return Cut(rule, part, {n: needs.get(n) for n in batch})
    return None


def _taking(op: Operation, kind: type[Rule]) -> Cut | None:
    """The narrowest part of its input that an operation takes, along one of its dimensions."""
    found, least = None, 1.0
    for at, length in enumerate(shape_of(op.source) if in_rows(op.source) else (), 1):
        rule = kind.match(op, {op.source: Window(at, 0, length)})
        if rule is None or rule.window.width == 0:
            continue
        lo, hi = rule.need_whole(rule.window) if rule.collapses else rule.need(op.source, rule.window)
        if (hi - lo) / length < least:
            part = None if rule.collapses else rule.window
            found, least = Cut(rule, part, {op.source: Window(at, lo, hi)}), (hi - lo) / length
    return found
