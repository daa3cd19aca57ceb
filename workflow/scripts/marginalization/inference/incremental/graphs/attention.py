"""PyTorch's attention layers with the batch as their first dimension, which they move to the second."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from types import MethodType

import torch
from torch import nn
from torch.nn import functional


@contextlib.contextmanager
def rows_first(model: nn.Module) -> Iterator[None]:
    """Have PyTorch's attention layers keep the batch as their first dimension, so that there are rules for them."""
    layers = [m for m in model.modules() if getattr(type(m), "forward", None) is nn.MultiheadAttention.forward]
    layers = [layer for layer in layers if "forward" not in vars(layer)]
    try:
        for layer in layers:
            layer.forward = MethodType(_attend, layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _attend(
    self: nn.MultiheadAttention,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    key_padding_mask: torch.Tensor | None = None,
    need_weights: bool = True,
    attn_mask: torch.Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What `nn.MultiheadAttention` gives, with its arguments; weights that nobody takes are dropped from the graph."""
    odd = self.training or self.bias_k is not None or self.add_zero_attn or key_padding_mask is not None
    if odd or query.ndim != 3 or (is_causal and attn_mask is None) or (attn_mask is not None and attn_mask.ndim != 2):
        options = key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        y: tuple[torch.Tensor, torch.Tensor | None] = nn.MultiheadAttention.forward(self, query, key, value, *options)
        return y
    q, k, v = (_heads(self, i, x if self.batch_first else x.transpose(0, 1)) for i, x in enumerate((query, key, value)))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=q.dtype).masked_fill(attn_mask, -math.inf)
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask).transpose(1, 2).flatten(2)
    mixed = functional.linear(mixed, self.out_proj.weight, self.out_proj.bias)
    mixed = mixed if self.batch_first else mixed.transpose(0, 1)
    if not need_weights:
        return mixed, None
    logits = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
    weights = (logits if attn_mask is None else logits + attn_mask).softmax(-1)
    return mixed, weights.mean(1) if average_attn_weights else weights


def _heads(layer: nn.MultiheadAttention, i: int, x: torch.Tensor) -> torch.Tensor:
    """Queries, keys or values, by their number: (rows, heads, positions, channels)."""
    if layer.in_proj_weight is None:
        weight = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)[i]
    else:
        weight = layer.in_proj_weight.chunk(3)[i]
    bias = None if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)[i]
    return functional.linear(x, weight, bias).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
