"""Which rule each operation has."""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from .rules.base import Inputs, Operation, Rule, overloads
from .rules.convolution import Convolution, TransposedConvolution
from .rules.pooling import AveragePool, MaxPool
from .rules.positionwise import BatchNorm, Cast, Positionwise, Relu, Scale, Sum, Unchanged
from .rules.reductions import ADAPTIVE_MAXIMA, AdaptiveAverage, AdaptiveMaximum, Extreme, Linear, Reduction
from .rules.shapes.joining import Concatenation, Pad
from .rules.shapes.picks import UPSAMPLING, Flip, Pick, Select, Slice
from .rules.shapes.reshapes import PERMUTATIONS, Merge, Repeat, Reshape, Split


def _rules(rule: type[Rule], names: str) -> dict[Any, list[type[Rule]]]:
    return {operation: [rule] for operation in overloads(names)}


RULES: dict[Any, list[type[Rule]]] = {
    **_rules(
        Positionwise,
        "gelu sigmoid tanh exp exp2 expm1 log log1p log2 log10 sqrt rsqrt silu elu softplus leaky_relu hardtanh "
        "hardswish hardsigmoid hardshrink softshrink threshold log_sigmoid mish selu celu relu6 clamp clamp_min "
        "clamp_max abs sign floor ceil round trunc square sin cos tan asin acos atan sinh cosh asinh acosh atanh erf "
        "erfc pow.Tensor_Scalar pow.Scalar pow.Tensor_Tensor prelu reciprocal softmax.int log_softmax.int layer_norm "
        "rms_norm glu maximum minimum atan2 hypot logaddexp where.self",
    ),
    **_rules(Relu, "relu"),
    **_rules(Sum, "add.Tensor sub.Tensor rsub.Scalar"),
    **{target: [Scale, Positionwise] for target in _rules(Scale, "mul.Tensor div.Tensor neg")},
    **_rules(BatchNorm, "batch_norm"),
    **_rules(Convolution, "conv1d conv2d conv1d.padding conv2d.padding"),
    **_rules(TransposedConvolution, "conv_transpose1d conv_transpose2d.input"),
    **_rules(MaxPool, "max_pool1d max_pool2d"),
    **_rules(AveragePool, "avg_pool1d avg_pool2d"),
    **_rules(AdaptiveAverage, "adaptive_avg_pool1d adaptive_avg_pool2d"),
    **{target: [AdaptiveMaximum] for target in ADAPTIVE_MAXIMA.values()},
    **_rules(Linear, "linear"),
    **_rules(Reduction, "sum.dim_IntList mean.dim"),
    **_rules(Extreme, "amax amin"),
    **{target: [Reshape] for target in PERMUTATIONS},
    **_rules(Reshape, "squeeze.dim squeeze.dims unsqueeze"),
    **{target: [Reshape, Split, Merge] for target in overloads("view reshape flatten.using_ints unflatten.int")},
    **_rules(Unchanged, "dropout clone contiguous detach alias dropout_ feature_dropout alpha_dropout"),
    **_rules(Cast, "to.dtype to.dtype_layout to.device to.other _to_copy type_as"),
    **_rules(Slice, "slice.Tensor"),
    **_rules(Select, "select.int"),
    **_rules(Flip, "flip"),
    **{target: [Pick] for target in UPSAMPLING},
    **_rules(Pad, "pad constant_pad_nd"),
    **_rules(Concatenation, "cat"),
    **_rules(Repeat, "repeat expand"),
}
"""Rules by operation; of several, the first that has one for the windows at hand."""


def rule_for(node: Node, inputs: Inputs) -> Rule | None:
    """The rule for an operation on inputs that differ on windows."""
    op = Operation(node)
    found = (kind.match(op, inputs) for kind in RULES.get(node.target, []))
    return next((rule for rule in found if rule is not None), None)
