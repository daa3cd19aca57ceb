"""Small random networks of all the operations that genomics models are made of, for hypothesis to draw."""

from collections.abc import Callable

import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

LARGEST = 2000
"""The most numbers of an activation of one sequence."""


class Layer(nn.Module):
    """A function of an activation, and the modules and parameters that it uses."""

    def __init__(self, function: Callable, *modules: nn.Module, **parameters: torch.Tensor):
        super().__init__()
        self.function = function
        self.inner = nn.ModuleList(modules)
        for name, value in parameters.items():
            setattr(self, name, nn.Parameter(value))

    def forward(self, x, *args):
        return self.function(self, x, *args)


class Chain(nn.Module):
    """Layers one after another, all given the model's further inputs too."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x, *args):
        for layer in self.layers:
            x = layer(x, *args)
        return x


class Network(nn.Module):
    """A body and heads upon it, put together as an output tree."""

    def __init__(self, body: nn.Module, heads: list[nn.Module], form: str):
        super().__init__()
        self.body = body
        self.heads = nn.ModuleList(heads)
        self.form = form

    def forward(self, X, *args):
        h = self.body(X, *args)
        ys = [head(h, *args) for head in self.heads]
        if self.form == "dict":
            return {"none": None, **{str(i): y for i, y in enumerate(ys)}}
        if self.form == "nested":
            return (ys[0], {"others": [*ys[1:], None]})
        return tuple(ys) if self.form == "tuple" else ys[0]


def simple(function):
    """A layer without modules or parameters."""
    return Layer(lambda _, x, *args: function(x))


def of_module(module):
    return Layer(lambda layer, x, *args: layer.inner[0](x), module)


ACTIVATIONS = {
    "relu": torch.relu,
    "relu in place": lambda x: functional.relu(1 * x, inplace=True),
    "gelu": functional.gelu,
    "gelu by tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "elu": functional.elu,
    "leaky_relu": functional.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": lambda x: torch.exp(x.clamp(-3, 3)),
    "softplus": functional.softplus,
    "log": lambda x: torch.log(x.abs() + 0.1),
    "log1p": lambda x: torch.log1p(x.relu()),
    "square": lambda x: 0.3 * x.clamp(-2, 2) ** 2,
    "product": lambda x: x.tanh() * x,
    "quotient": lambda x: x / (1 + x.abs()),
    "inverse": lambda x: 2 / (1 + x.sigmoid()),
    "rsub": lambda x: 1 - x,
    "sub": lambda x: x.sigmoid() - 0.5 * x,
    "alpha": lambda x: torch.add(x, x.tanh(), alpha=-2),
    "neg": lambda x: -x,
    "mish": functional.mish,
    "hardswish": functional.hardswish,
    "softsign": functional.softsign,
    "logsigmoid": functional.logsigmoid,
    "maximum": lambda x: torch.maximum(x, 0.5 - x),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "dropout": lambda x: functional.dropout(x, training=False),
    "float": lambda x: x.to(torch.float64).to(x.dtype),
}


def _rng(draw):
    return torch.Generator().manual_seed(draw(st.integers(0, 2**32)))


def _noise(draw, *shape):
    return torch.randn(shape, generator=_rng(draw), dtype=torch.float64)


def _shape_after(layer, shape, args):
    """The shape of a layer's output, or None where it fits no input of such a shape."""
    found = set()
    for n in (1, 2, 3):  # where one of them is the number of channels, an output may seem to have rows
        x = torch.zeros(n, *shape, dtype=torch.float64)
        with torch.no_grad():
            try:
                y = layer(x, *[arg[:1].expand(n, *arg.shape[1:]) for arg in args])
            except RuntimeError:
                return None
        if not isinstance(y, torch.Tensor) or y.ndim == 0 or y.shape[0] != n:
            return None
        found.add(tuple(y.shape[1:]))
    small = len(found) == 1 and 0 < y[0].numel() <= LARGEST
    return found.pop() if small else None


def _randomized(draw, module):
    """A module in float64 whose weights and statistics are random."""
    rng = _rng(draw)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 1 / max(1, parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64) * scale)
        for name, buffer in module.named_buffers():
            if buffer.is_floating_point():
                noise = torch.rand(buffer.shape, generator=rng, dtype=torch.float64)
                buffer.copy_(noise + 0.5 if "var" in name else noise - 0.5)
    return module


def _kernel(draw, length):
    size = draw(st.integers(1, min(7, length)))
    return size, draw(st.integers(1, 3)), draw(st.integers(1, 3))


def convolution(draw, shape, args):
    channels, length = shape
    size, stride, dilation = _kernel(draw, length)
    padding = draw(st.sampled_from(["same", "valid"]) | st.integers(0, 9))
    stride = 1 if padding == "same" else stride
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    out = groups * draw(st.integers(1, max(1, 8 // groups)))
    bias = draw(st.booleans())
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": bias}
    return of_module(_randomized(draw, nn.Conv1d(channels, out, size, **options)))


def wide_convolution(draw, shape, args):
    """Of many channels, such as the engine may compute by its taps."""
    channels, length = shape
    size, _, dilation = _kernel(draw, length)
    first = _randomized(draw, nn.Conv1d(channels, 16, 1))
    second = _randomized(draw, nn.Conv1d(16, draw(st.integers(1, 20)), size, dilation=dilation, padding="same"))
    return Layer(lambda layer, x, *args: layer.inner[1](layer.inner[0](x).relu()), first, second)


def running_means(draw, shape, args):
    """Valid convolutions, of which each reads the mean of what all layers before it gave, cropped to what is left."""
    channels, length = shape
    filters = draw(st.sampled_from([3, 16]))
    modules = [_randomized(draw, nn.Conv1d(channels, filters, draw(st.integers(1, min(3, length)))))]
    for _ in range(draw(st.integers(1, 3))):
        dilation = draw(st.integers(1, 3))
        modules.append(_randomized(draw, nn.Conv1d(filters, filters, draw(st.integers(1, 3)), dilation=dilation)))
    kind = draw(st.sampled_from(["sums", "sums in place", "all", "stacked"]))
    at_the_end = draw(st.booleans())

    def cropped(x, length):
        first = x.shape[2] - length if at_the_end else (x.shape[2] - length) // 2
        return x[:, :, first : first + length]

    def mean(outputs):
        parts = [cropped(y, outputs[-1].shape[2]) for y in outputs]
        return torch.stack(parts).mean(0) if kind == "stacked" else sum(parts) / len(parts)

    def function(layer, x, *args):
        first, *others = layer.inner
        outputs = [first(x).relu()]
        total = outputs[0]
        for i, inner in enumerate(others, 1):
            if kind in ("all", "stacked"):
                outputs.append(inner(mean(outputs)).relu())
                continue
            y = inner(total / i).relu()
            before = cropped(total, y.shape[2])
            total = before.clone().add_(y) if kind == "sums in place" else before + y
        return mean(outputs) if kind in ("all", "stacked") else total / len(layer.inner)

    return Layer(function, *modules)


def convolution_2d(draw, shape, args):
    """The spellings of one-dimensional convolutions as two-dimensional ones."""
    channels, length = shape
    size, stride, dilation = _kernel(draw, length)
    pad = draw(st.integers(0, 4))
    out = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["rows", "row", "transposed", "same", "frames"]))
    if kind == "rows":  # (N, 1, channels, L) with kernel (channels, k), then (1, k)
        first = nn.Conv2d(1, out, (channels, size), stride=(1, stride), padding=(0, pad), dilation=(1, dilation))
        second = nn.Conv2d(out, out, (1, 2), padding=(0, 1))
        modules = [_randomized(draw, first), _randomized(draw, second)]
        return Layer(lambda layer, x, *args: layer.inner[1](layer.inner[0](x.unsqueeze(1)).relu()).squeeze(2), *modules)
    if kind == "row":  # (N, channels, 1, L)
        module = nn.Conv2d(channels, out, (1, size), stride=(1, stride), padding=(0, pad), dilation=(1, dilation))
        return Layer(lambda layer, x, *args: layer.inner[0](x[:, :, None]).squeeze(2), _randomized(draw, module))
    if kind == "transposed":  # (N, 1, L, channels) with kernel (k, channels)
        module = nn.Conv2d(1, out, (size, channels), stride=(stride, 1), padding=(pad, 0), dilation=(dilation, 1))
        module = _randomized(draw, module)
        return Layer(lambda layer, x, *args: layer.inner[0](x.transpose(1, 2).unsqueeze(1)).squeeze(3), module)
    if kind == "same":
        module = _randomized(draw, nn.Conv2d(1, out, (draw(st.integers(1, 3)), size), padding="same"))
        return Layer(lambda layer, x, *args: layer.inner[0](x[:, None]).flatten(1, 2), module)
    norm, pool = nn.BatchNorm2d(out), nn.MaxPool2d((2, 2), ceil_mode=True)
    modules = [_randomized(draw, nn.Conv2d(1, out, 3, padding=1)), _randomized(draw, norm), pool]
    return Layer(
        lambda layer, x, *args: layer.inner[2](layer.inner[1](layer.inner[0](x[:, None]))).flatten(1, 2), *modules
    )


def transposed_convolution(draw, shape, args):
    channels, length = shape
    size, stride, dilation = _kernel(draw, length)
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    further = draw(st.integers(0, max(stride, dilation) - 1))
    options = {"stride": stride, "dilation": dilation, "output_padding": further, "bias": draw(st.booleans())}
    padding, out = draw(st.integers(0, 4)), groups * draw(st.integers(1, max(1, 6 // groups)))
    if draw(st.booleans()):
        module = nn.ConvTranspose1d(channels, out, size, padding=padding, groups=groups, **options)
        return of_module(_randomized(draw, module))
    options |= {"stride": (1, stride), "dilation": (1, dilation), "output_padding": (0, further)}
    module = _randomized(draw, nn.ConvTranspose2d(1, 2, (2, size), padding=(1, padding), **options))
    return Layer(lambda layer, x, *args: layer.inner[0](x[:, None]).flatten(1, 2), module)


def backend_convolution(draw, shape, args):
    """`torch.convolution`, which graphs of other makers hold."""
    stride, padding, transposed = draw(st.integers(1, 3)), draw(st.integers(0, 3)), draw(st.booleans())
    weight = _noise(draw, *((shape[0], 3) if transposed else (3, shape[0])), draw(st.integers(1, min(5, shape[1]))))
    options = [[stride], [padding], [1], transposed, [0], 1]
    return Layer(lambda layer, x, *args: torch.convolution(x, layer.weight, None, *options), weight=weight)


def upsampling(draw, shape, args):
    mode = draw(st.sampled_from(["nearest", "nearest-exact"]))
    length, factor = draw(st.integers(1, 2 * shape[1] + 1)), draw(st.sampled_from([1, 1.5, 2, 2.7, 3]))
    corners = draw(st.booleans())
    functions = [
        lambda x: functional.interpolate(x, size=length, mode=mode),
        lambda x: functional.interpolate(x, scale_factor=factor, mode=mode),
        lambda x: functional.interpolate(x, scale_factor=factor, mode=mode, recompute_scale_factor=True),
        lambda x: functional.interpolate(x[:, None], scale_factor=(2, factor), mode=mode).flatten(1, 2),
        lambda x: functional.interpolate(x, size=length, mode="linear", align_corners=corners),
        lambda x: functional.interpolate(x, scale_factor=factor, mode="linear", align_corners=corners),
        lambda x: functional.interpolate(x, scale_factor=factor, mode="linear", recompute_scale_factor=True),
        lambda x: functional.interpolate(x[:, None], scale_factor=(2, factor), mode="bilinear").flatten(1, 2),
    ]
    return simple(draw(st.sampled_from(functions)))


def picks(draw, shape, args):
    """What picks positions or channels out of others."""
    channels, length = shape
    places = draw(st.lists(st.integers(-length, length - 1), min_size=1, max_size=6))
    of_channels = draw(st.lists(st.integers(-channels, channels - 1), min_size=1, max_size=6))
    shift, size, step = (draw(st.integers(low, 5)) for low in (-5, 1, 1))
    ends = [draw(st.integers(0, length)) for _ in range(2)]
    mode = draw(st.sampled_from(["reflect", "replicate", "circular"]))
    groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
    dim = draw(st.sampled_from([1, 2]))
    functions = [
        lambda x: x[:, :, places],
        lambda x: x.index_select(1, torch.tensor(of_channels) % channels),
        lambda x: x[:, of_channels],
        lambda x: x.gather(2, torch.tensor(places).expand(x.shape[0], 1, -1) % length),
        lambda x: x.gather(1, (torch.tensor(of_channels) % channels).view(1, -1, 1).expand(x.shape[0], -1, length)),
        lambda x: x.diff(dim=dim) if x.shape[dim] > 1 else x,
        lambda x: functional.channel_shuffle(x[..., None], groups)[..., 0],
        lambda x: x.roll(shift, 2),
        lambda x: x.roll((shift, 1, shift), (2, 1, -1)),
        lambda x: x.repeat_interleave(size, 2),
        lambda x: x.repeat_interleave(size, 1),
        lambda x: x.unfold(2, min(size, length), step).flatten(2),
        lambda x: x.unfold(2, min(size, length), step).amax(-1),
        lambda x: x.unfold(1, 1, step).flatten(1, 2).unflatten(1, (-1, 1)).select(2, 0).unflatten(1, (-1, 1)).mT,
        lambda x: functional.pad(x, ends, mode=mode),
        lambda x: functional.pad(x[:, None], (*ends, 0, 0), mode=mode)[:, 0],
        lambda x: x[:, :, places[0]].unsqueeze(2) * x.narrow(2, 0, 1),
    ]
    return simple(draw(st.sampled_from(functions)))


def product(draw, shape, args):
    """Matrices upon the channels, the positions, or at each position."""
    channels, length = shape
    n = draw(st.integers(1, 5))
    sizes, function = draw(
        st.sampled_from(
            [
                ((channels, n), lambda x, w: (x.mT @ w).mT),
                ((n, channels), lambda x, w: w @ x),
                ((length, n), lambda x, w: x @ w),
                ((length, channels, n), lambda x, w: (x.mT.unsqueeze(2) @ w).squeeze(2).mT),
                ((1, channels, n), lambda x, w: torch.bmm(x.mT, w.expand(x.shape[0], channels, n)).mT),
                ((channels, n), lambda x, w: torch.einsum("ncl,co->nol", x, w)),
                ((channels, length), lambda x, w: torch.einsum("bcl,cl->bl", x, w)[:, None]),
                ((channels, length, n), lambda x, w: torch.einsum("bcl,clo->bo", x, w)[:, None]),
                ((channels, n), lambda x, w: torch.tensordot(x, w, [[1], [0]]).mT),
                ((channels,), lambda x, w: torch.einsum("bcl,bcl,c->bl", x, x.tanh(), w)[:, None]),
                ((channels,), lambda x, w: (x.mT @ w).unsqueeze(1)),
                ((channels * length, n), lambda x, w: (x.flatten(1) @ w).unsqueeze(2)),
                ((1,), lambda x, w: (x.mT @ x * w).mT),
                ((n, channels), lambda x, w: torch.baddbmm(w[:, :1], w.expand(x.shape[0], n, channels), x, alpha=0.5)),
                (
                    (channels * length, 1),
                    lambda x, w: torch.addmv(x[:, 0, 0], x.flatten(1), w[:, 0], beta=2)[:, None, None],
                ),
                ((channels * length, n), lambda x, w: torch.addmm(w[0], x.flatten(1), w).unsqueeze(2)),
                ((1,), lambda x, w: x.mT.unsqueeze(2).matmul(x.mT.tanh().unsqueeze(3)).flatten(1)[:, None] * w),
            ]
        )
    )
    return Layer(lambda layer, x, *args: function(x, layer.weight), weight=_noise(draw, *sizes) / 3)


def mask(draw, shape, args):
    """What is true or false of activations and letters."""
    functions = [
        lambda x: torch.where((x > 0) & (x.flip(1) < 0), x, 0.3 * x),
        lambda x: x.masked_fill(x <= 0, 0.2),
        lambda x: x * (x.relu() > 0),
        lambda x: x - (x < 0).to(x.dtype),
        lambda x: torch.cat([x > 0, x < 0], 1).to(x.dtype).roll(1, 2),
        lambda x: (x > 0).any(1, keepdim=True).logical_not().float().to(x.dtype) + 0.1 * x,
        lambda x: torch.where(x.relu() != 0, x.long().clamp(-2, 2) + 1, 0.5).to(x.dtype),
        lambda x: functional.pad(x > 0, (1, 2)).flip(2)[:, :, 1:].to(x.dtype),
        lambda x: (x > 0).sum(1, keepdim=True).to(x.dtype) + x,
        lambda x: (x > 0)[:, :, 0].to(x.dtype).unsqueeze(2) * x[:, :, -1:],
        lambda x: (x[:, :1] > 0) * torch.ones_like(x),
        lambda x: functional.embedding((x > 0).long().argmax(1), torch.arange(8.0).view(-1, 2).to(x.dtype)).mT,
        lambda x: torch.where((x > 0).all(2, keepdim=True), x, -x),
    ]
    return simple(draw(st.sampled_from(functions)))


def stacked(draw, shape, args):
    dim = draw(st.integers(1, 3))
    functions = [
        lambda x: torch.stack([x, x.tanh(), x], dim).sum(dim),
        lambda x: torch.stack(x.unbind(1)[::-1], 1),
        lambda x: torch.stack([x, torch.zeros_like(x)], 2).flatten(1, 2),
        lambda x: torch.cat([x, x.new_ones(x.shape[0], 1, x.shape[2])], 1),
        lambda x: x[:, :1].expand_as(x) * x.flatten(1).view_as(x),
        lambda x: x + torch.full_like(x[:, :1, :1], 0.5),
    ]
    return simple(draw(st.sampled_from(functions)))


def attention(draw, shape, args):
    """What mixes all positions: of what follows, only what is taken is to be computed."""
    channels, length = shape
    modules = [_randomized(draw, nn.Linear(channels, 4)) for _ in range(3)]
    bias = _noise(draw, *draw(st.sampled_from([(length, length), (1, length), (2, length, length)])))
    kind = draw(st.sampled_from(["fused", "biased", "by hand", "einsum", "causal", "of itself", "layer"]))
    if kind == "layer":
        rows_first, hidden = draw(st.booleans()), bias.ndim == 2 and len(bias) == length
        module = _randomized(draw, nn.MultiheadAttention(4, 2, batch_first=rows_first))

        def attend(layer, x, *args):
            q, v = (inner(x.mT) if rows_first else inner(x.mT).transpose(0, 1) for inner in layer.inner[:2])
            y, weights = layer.inner[2](q, v, v, attn_mask=layer.weight > 1 if hidden else None)
            return (y.mT if rows_first else y.permute(1, 2, 0)) + weights.mean(1)[:, None]

        return Layer(attend, *modules[:2], module, weight=bias.clone().fill_diagonal_(0) if hidden else bias)

    def function(layer, x, *args):
        q, k, v = (inner(x.mT).unflatten(-1, (2, 2)).transpose(1, 2) for inner in layer.inner)
        if kind == "by hand":
            y = ((q @ k.mT) * 0.5 + layer.weight).softmax(-1) @ v
        elif kind == "einsum":
            weights = torch.einsum("n h i d, n h j d -> n h i j", q, k).softmax(-1)
            y = torch.einsum("n h i j, n h j d -> n h i d", weights, v)
        elif kind == "of itself":
            y = functional.scaled_dot_product_attention(q, q, v)
        else:
            mask = layer.weight if kind == "biased" else None
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=kind == "causal")
        y = y.transpose(1, 2).flatten(2).mT
        return torch.cat([x, y], 1) if x.shape[1] != 4 else x + y

    return Layer(function, *modules, weight=bias)


def reading(draw, shape, args):
    """Recurrent layers of any kind, number and directions, along a few positions, for capturing each takes its time."""
    kind = draw(st.sampled_from([nn.LSTM, nn.GRU, nn.RNN]))
    options = {"num_layers": draw(st.integers(1, 2)), "bidirectional": draw(st.booleans()), "bias": draw(st.booleans())}
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    module = _randomized(draw, kind(shape[0], draw(st.integers(1, 3)), batch_first=True, **options))
    return Layer(lambda layer, x, *args: layer.inner[0](x[:, :, -8:].mT)[0].mT, module)


def taken(draw, shape, args):
    """A few positions, as a readout takes them."""
    start = draw(st.integers(0, shape[1] - 1))
    stop = draw(st.integers(start + 1, shape[1]))
    functions = [lambda x: x[:, :, start:stop], lambda x: x[:, :, start : start + 1], lambda x: x[:, :, start, None]]
    return simple(draw(st.sampled_from(functions)))


def normalization(draw, shape, args):
    kind = draw(st.sampled_from(["batch", "layer", "both", "group", "rms"]))
    if kind == "batch":
        return of_module(_randomized(draw, nn.BatchNorm1d(shape[0], affine=draw(st.booleans()))))
    if kind == "group":  # over the positions too
        return of_module(_randomized(draw, nn.GroupNorm(1, shape[0])))
    if kind == "both":
        return of_module(_randomized(draw, nn.LayerNorm(shape)))
    module = nn.LayerNorm(shape[0]) if kind == "layer" else nn.RMSNorm(shape[0])
    return Layer(lambda layer, x, *args: layer.inner[0](x.transpose(1, 2)).transpose(1, 2), _randomized(draw, module))


def activation(draw, shape, args):
    return simple(ACTIVATIONS[draw(st.sampled_from(sorted(ACTIVATIONS)))])


def learned_activation(draw, shape, args):
    n = draw(st.sampled_from([1, shape[0]]))
    if draw(st.booleans()):
        return of_module(_randomized(draw, nn.PReLU(n)))
    module = _randomized(draw, nn.PReLU(shape[1]))
    return Layer(lambda layer, x, *args: layer.inner[0](x.mT).mT, module)


def gate(draw, shape, args):
    size = draw(st.sampled_from([1, 3]))
    modules = [_randomized(draw, nn.Conv1d(shape[0], 2 * shape[0], size, padding=size // 2))]
    kind = draw(st.sampled_from(["glu", "chunk", "split", "tanh"]))

    def function(layer, x, *args):
        y = layer.inner[0](x)
        if kind == "glu":
            return functional.glu(y, dim=1)
        if kind == "tanh":
            return y[:, : x.shape[1]].tanh() * y[:, x.shape[1] :].sigmoid()
        a, b = y.chunk(2, dim=1) if kind == "chunk" else y.split(x.shape[1], dim=1)
        return a * b.sigmoid()

    return Layer(function, *modules)


def pool(draw, shape, args):
    size = draw(st.integers(1, min(6, shape[1])))
    stride = draw(st.none() | st.integers(1, 4))
    padding = draw(st.integers(0, size // 2))
    ceil_mode = draw(st.booleans())
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    two = {"stride": (1, stride or size), "padding": (0, padding), "ceil_mode": ceil_mode}
    kind = draw(st.sampled_from(["max", "average", "max 2d", "average 2d", "rows", "rows max", "lp"]))
    include = draw(st.booleans())
    if kind == "max":
        return of_module(nn.MaxPool1d(size, dilation=draw(st.integers(1, 3)), **options))
    if kind == "average":
        return of_module(nn.AvgPool1d(size, count_include_pad=include, **options))
    if kind == "lp":
        return simple(lambda x: functional.lp_pool1d(x.relu() + 0.1, 2, size, stride, ceil_mode))
    if kind == "max 2d":
        return simple(lambda x: functional.max_pool2d(x.unsqueeze(2), (1, size), **two).squeeze(2))
    if kind == "average 2d":
        override = draw(st.none() | st.integers(1, 4))
        further = {"count_include_pad": include, "divisor_override": override}
        return simple(lambda x: functional.avg_pool2d(x.unsqueeze(2), (1, size), **two, **further).squeeze(2))
    if kind == "rows":
        return simple(lambda x: functional.avg_pool2d(x[:, None], size, count_include_pad=include, **options)[:, 0])
    return simple(lambda x: functional.max_pool2d(x[:, None], size, **options)[:, 0])


def adaptive_pool(draw, shape, args):
    n = draw(st.integers(1, shape[1] + 3))
    rows = draw(st.integers(1, shape[0]))
    functions = [
        lambda x: functional.adaptive_avg_pool1d(x, n),
        lambda x: functional.adaptive_max_pool1d(x, n),
        lambda x: functional.adaptive_avg_pool2d(x[:, None], (rows, n))[:, 0],
        lambda x: functional.adaptive_max_pool2d(x[:, None], (rows, n))[:, 0],
    ]
    return simple(draw(st.sampled_from(functions)))


def crop(draw, shape, args):
    length = shape[1]
    start = draw(st.none() | st.integers(-length, length - 1))
    stop = draw(st.none() | st.integers(-length, length + 2))
    step = draw(st.integers(1, 3))
    return simple(lambda x: x[:, :, start:stop:step])


def padding(draw, shape, args):
    amounts = draw(st.lists(st.integers(-4, 4), min_size=2, max_size=2))
    amounts += draw(st.sampled_from([[], [0, 1], [1, 0], [-1, 2]]))
    mode = draw(st.sampled_from(["constant", "constant", "constant", "reflect", "replicate", "circular"]))
    if mode != "constant":
        amounts = [abs(n) for n in amounts[:2]]
        return simple(lambda x: functional.pad(x, amounts, mode=mode))
    value = draw(st.sampled_from([0.0, 0.7]))
    return simple(lambda x: functional.pad(x, amounts, value=value))


def movement(draw, shape, args):
    """What moves dimensions about."""
    functions = [
        lambda x: x.flip(2),
        lambda x: x.flip(1, 2),
        lambda x: x.flip(-2),
        lambda x: x.transpose(1, 2),
        lambda x: x.permute(0, 2, 1).contiguous(),
        lambda x: x.swapaxes(-1, -2),
        lambda x: x.unsqueeze(1).permute(0, 3, 1, 2).squeeze(2),
        lambda x: x.unsqueeze(-1).squeeze(-1),
        lambda x: x[:, None].expand(-1, 2, -1, -1).flatten(1, 2),
        lambda x: x.repeat(1, 2, 1),
        lambda x: x[:, None].repeat(1, 2, 1, 1)[:, 1],
        lambda x: x.view(x.shape[0], 1, *x.shape[1:]).squeeze(1),
        lambda x: x.reshape(x.shape[0], -1, x.shape[2]).narrow(1, 0, 1),
        lambda x: x[:, -1:],
        lambda x: x[:, 0].unsqueeze(1),
        lambda x: x.roll(1, 2),
    ]
    return simple(draw(st.sampled_from(functions)))


def elsewhere(draw, shape, args):
    """What is done while the rows are not first."""
    length = shape[1]
    order, ends = draw(st.sampled_from([((2, 0, 1), (1, 2, 0)), ((1, 0, 2), (1, 0, 2)), ((1, 2, 0), (2, 0, 1))]))
    place = draw(st.sampled_from([(1, 1, 1), (*shape[:1], 1, 1), (length, 1, 1), (1,)]))
    # What normalizes the rows would need more than one.
    norm = _randomized(draw, nn.LayerNorm(shape[order[2] - 1])) if order[2] else nn.Tanh()
    number = _noise(draw, *place)
    functions = [
        lambda layer, y: (y + layer.weight).relu().permute(ends),
        lambda layer, y: layer.inner[0](y * 0.5).permute(ends),
        lambda layer, y: (y.tanh() * y + y.contiguous()).permute(ends),
        lambda layer, y: y.transpose(0, 1).exp().transpose(0, 1).permute(ends),
        lambda layer, y: y.mean([i for i in range(3) if order[i] == 2])[..., None].movedim(0, -1).permute(ends).abs(),
        lambda layer, y: y.softmax(order.index(1)).permute(ends)[:, :, 1:],
        lambda layer, y: (y[1:] if order[0] == 2 else y[:, :, 1:]).permute(ends),
        lambda layer, y: y.sum([i for i in range(3) if order[i] == 1], keepdim=True).permute(ends),
        lambda layer, y: (
            y.select(order.index(1), 0).sigmoid().permute(*((1, 0) if order.index(0) else (0, 1)))[:, None]
        ),
    ]
    function = draw(st.sampled_from(functions))
    return Layer(lambda layer, x, *args: function(layer, x.permute(order)), norm, weight=number)


def stretches(draw, shape, args):
    """What splits the positions into stretches, in which something is done, and merges them again or not."""
    size = draw(st.integers(1, shape[1]))
    assume(shape[1] % size == 0)
    axes = draw(st.sampled_from([(-1, size), (-1, 1, size), (shape[1] // size, size)]))
    functions = [
        lambda x: (x * x.softmax(-1)).sum(-1).flatten(2),
        lambda x: x.softmax(-1).flatten(2),
        lambda x: x.flip(-1).reshape(x.shape[0], -1, shape[1]),
        lambda x: x.amax(-1).flatten(2),
        lambda x: x.movedim(-1, 1).flatten(1, 2).flatten(2),
    ]
    function = draw(st.sampled_from(functions))
    return simple(lambda x: function(x.unflatten(2, axes)))


def scale(draw, shape, args):
    size = draw(st.sampled_from([(), (1,), (shape[1],), (shape[0], 1), shape, (1, *shape), (1, 1, shape[1])]))
    functions = [
        lambda layer, x, *args: x * layer.weight,
        lambda layer, x, *args: x / (layer.weight.abs() + 1),
        lambda layer, x, *args: x + layer.weight,
        lambda layer, x, *args: layer.weight - x,
        lambda layer, x, *args: torch.maximum(layer.weight, x),
        lambda layer, x, *args: layer.weight / (x.abs() + 1),
        lambda layer, x, *args: x * 0.5 + 1,
    ]
    return Layer(draw(st.sampled_from(functions)), weight=_noise(draw, *size))


def excitation(draw, shape, args):
    """Squeeze and excite, of all positions or of some."""
    modules = [_randomized(draw, nn.Linear(shape[0], shape[0]))]
    some = draw(st.sampled_from([slice(None), slice(0, max(1, shape[1] // 2))]))
    reduce = draw(st.sampled_from([torch.mean, torch.sum, torch.amax]))

    def function(layer, x, *args):
        return x * layer.inner[0](reduce(x[:, :, some], -1)).sigmoid().unsqueeze(2)

    return Layer(function, *modules)


def softmax(draw, shape, args):
    dim = draw(st.sampled_from([1, 2]))
    return simple(draw(st.sampled_from([lambda x: x.softmax(dim), lambda x: functional.log_softmax(x, dim)])))


def over_channels(draw, shape, args):
    """What reduces the channels at each position."""
    functions = [
        lambda x: x.mean(1, keepdim=True),
        lambda x: x.sum(1)[:, None],
        lambda x: x.amax(1, keepdim=True),
        lambda x: x.max(1, keepdim=True)[0],
        lambda x: x.amin(1).unsqueeze(1),
        lambda x: x.logsumexp(1, keepdim=True),
        lambda x: x.var(1, correction=0)[:, None],
        lambda x: x.std(1, keepdim=True, correction=0) + x,
        lambda x: sum(torch.var_mean(x, 1, keepdim=True, correction=0)),
        lambda x: (0.3 * x).tanh().prod(1, keepdim=True) + x,
        lambda x: functional.normalize(x + 0.1, dim=1),
        lambda x: x.cumsum(1) * 0.3,
        lambda x: x - x.logsumexp(2, keepdim=True),
        lambda x: x - x.mean(2, keepdim=True),
        lambda x: x.cumsum(2) * 0.1,
        lambda x: x.flip(2).cumsum(-1).flip(2) * 0.1,
    ]
    return simple(draw(st.sampled_from(functions)))


def dense(draw, shape, args):
    """A dense layer at each position, or over the positions."""
    if draw(st.booleans()):
        module = _randomized(draw, nn.Linear(shape[0], draw(st.integers(1, 6))))
        return Layer(lambda layer, x, *args: layer.inner[0](x.transpose(1, 2)).transpose(1, 2), module)
    return of_module(_randomized(draw, nn.Linear(shape[1], draw(st.integers(1, 6)))))


def further_input(draw, shape, args):
    """A further input of the model, of each background its own, added or multiplied."""
    assume(args)
    module = _randomized(draw, nn.Linear(args[0].shape[1], shape[0]))
    functions = [
        lambda layer, x, *args: x + layer.inner[0](args[0]).unsqueeze(2),
        lambda layer, x, *args: x * layer.inner[0](args[0])[:, :, None],
        lambda layer, x, *args: x * args[0][:, :1, None],
        lambda layer, x, *args: x - args[0].sum(1).view(x.shape[0], 1, 1),
        lambda layer, x, *args: torch.maximum(x, layer.inner[0](args[0])[..., None]),
        lambda layer, x, *args: x + args[0].chunk(2, 1)[0].sum(1)[:, None, None],
        lambda layer, x, *args: x + args[0].t().sum(0)[:, None, None],
    ]
    if len(args) > 1:
        functions.append(lambda layer, x, *args: x + args[1][:, :, : x.shape[2]].sum(2, keepdim=True))
    return Layer(draw(st.sampled_from(functions)), module)


LAYERS = [convolution, wide_convolution, convolution_2d, normalization, activation, learned_activation, gate, pool]
LAYERS += [adaptive_pool, crop, padding, movement, scale, excitation, softmax, over_channels, dense, further_input]
LAYERS += [
    attention,
    reading,
    taken,
    picks,
    product,
    mask,
    stacked,
    transposed_convolution,
    backend_convolution,
    upsampling,
]
LAYERS += [elsewhere, stretches, running_means, convolution, activation, pool, crop]


def residual(draw, shape, args, depth):
    inner, _ = chain(draw, shape, args, draw(st.integers(1, 2)), depth + 1)
    kind = draw(
        st.sampled_from(["sum", "product", "channels", "positions", "swapped", "maximum", "shared", "in place"])
    )
    functions = {
        "sum": lambda layer, x, *args: x + layer.inner[0](x, *args),
        "in place": lambda layer, x, *args: layer.inner[0](x, *args).clone().add_(x),
        "product": lambda layer, x, *args: x * layer.inner[0](x, *args),
        "maximum": lambda layer, x, *args: torch.maximum(x, layer.inner[0](x, *args)),
        "channels": lambda layer, x, *args: torch.cat([x, layer.inner[0](x, *args)], dim=1),
        "positions": lambda layer, x, *args: torch.cat([x, layer.inner[0](x, *args)], dim=-1),
        "swapped": lambda layer, x, *args: torch.cat([layer.inner[0](x, *args), x, x], dim=2),
        "shared": lambda layer, x, *args: layer.inner[0](x, *args) + layer.inner[0](x.flip(1, 2), *args),
    }
    return Layer(functions[kind], inner)


def two_crops(draw, shape, args, depth):
    """Parts of the positions that pass through layers of their own, of which one may need them whole."""
    length = shape[1]
    cut = draw(st.integers(1, max(1, length - 1)))
    assume(0 < cut < length)
    one, _ = chain(draw, (shape[0], cut), args, 1, depth + 1)
    two, _ = chain(draw, (shape[0], length - cut), args, 1, depth + 1)
    return Layer(
        lambda layer, x, *args: torch.cat(
            [layer.inner[0](x[:, :, :cut], *args).flatten(1), layer.inner[1](x[:, :, cut:], *args).flatten(1)], 1
        ).unsqueeze(1),
        *(one, two),
    )


def chain(draw, shape, args, n, depth=0):
    """n layers that fit on one another, and the shape of what they give."""
    layers = []
    for _ in range(n):
        kinds = LAYERS if depth > 1 else [*LAYERS, residual, residual, two_crops]
        kind = draw(st.sampled_from(kinds))
        layer = kind(draw, shape, args, depth) if kind in (residual, two_crops) else kind(draw, shape, args)
        after = _shape_after(layer, shape, args)
        if after is not None and len(after) == 2:
            layers.append(layer)
            shape = after
    return Chain(layers), shape


def head(draw, shape, args):
    channels, length = shape
    n = channels * length
    kind = draw(st.sampled_from(["whole", "dense", "reduced", "recurrent", "attention", "flat", "one", "wide"]))
    if kind == "dense":
        module = _randomized(draw, nn.Linear(n, 3))
        flatten = draw(
            st.sampled_from(
                [
                    lambda x: x.flatten(1),
                    lambda x: x.view(x.shape[0], -1),
                    lambda x: x.transpose(1, 2).flatten(1),
                    lambda x: functional.dropout(x.reshape(x.shape[0], -1), training=False),
                ]
            )
        )
        after = draw(st.sampled_from([torch.relu, torch.clone]))
        return Layer(lambda layer, x, *args: after(layer.inner[0](flatten(x.contiguous()))), module)
    if kind == "reduced":
        functions = [
            lambda x: x.mean(-1),
            lambda x: x.sum(dim=2),
            lambda x: x.amax(2),
            lambda x: x.max(dim=-1).values,
            lambda x: x.min(dim=-1)[0],
            lambda x: x.mean((1, 2), keepdim=True),
            lambda x: x.amax((1, 2)),
            lambda x: x.logsumexp(2),
            lambda x: functional.adaptive_avg_pool1d(x, 1).squeeze(-1),
            lambda x: functional.adaptive_max_pool1d(x, 1).flatten(1),
            lambda x: x.std(2, correction=0),
        ]
        return simple(draw(st.sampled_from(functions)))
    if kind == "recurrent":
        first = draw(st.booleans())
        module = _randomized(draw, nn.GRU(channels, 3, bidirectional=draw(st.booleans()), batch_first=first))
        order = (0, 2, 1) if first else (2, 0, 1)
        if args and draw(st.booleans()):  # begun with a further input
            start = _randomized(draw, nn.Linear(args[0].shape[1], 3 * (1 + module.bidirectional)))

            def function(layer, x, *args):
                hidden = layer.inner[1](args[0]).view(x.shape[0], -1, 3).transpose(0, 1).contiguous()
                y, _ = layer.inner[0](x.permute(order), hidden)
                return y if first else y.transpose(0, 1)

            return Layer(function, module, start)

        def function(layer, x, *args):
            _, hidden = layer.inner[0](x.permute(order))
            return hidden[-1]

        return Layer(function, module)
    if kind == "attention":
        queries = _randomized(draw, nn.Linear(channels, 4))

        def function(layer, x, *args):
            q = layer.inner[0](x.transpose(1, 2))
            weights = (q @ q.transpose(1, 2)).softmax(-1)
            return functional.scaled_dot_product_attention(q, q, q).mean(1) + (weights @ q).mean(1)

        return Layer(function, queries)
    if kind == "flat":
        return simple(lambda x: x.flatten(1))
    if kind == "one":
        position = draw(st.integers(-length, length - 1))
        return simple(lambda x: x[:, :, position])
    if kind == "wide":
        module = _randomized(draw, nn.Conv1d(channels, 1, min(5, length)))
        return Layer(lambda layer, x, *args: layer.inner[0](x).squeeze(1), module)
    return simple(lambda x: x)


@st.composite
def networks(draw, length=None):
    """A network, backgrounds (n, 4, length) one-hot in float64, and further inputs of n rows each."""
    length = length or draw(st.integers(4, 40))
    n = draw(st.integers(1, 4))
    rng = _rng(draw)
    X = nn.functional.one_hot(torch.randint(0, 4, (n, length), generator=rng), 4).mT.double()
    if draw(st.booleans()):
        X[:, :, draw(st.integers(0, length - 1))] = 0
    n_args = draw(st.integers(0, 2))
    args = [_noise(draw, n, 2), _noise(draw, n, 1, length)][:n_args]
    body, shape = chain(draw, (4, length), args, draw(st.integers(1, 6)))
    heads = []
    for _ in range(draw(st.integers(1, 3))):
        inner, after = chain(draw, shape, args, draw(st.integers(0, 2)), 1)
        last = head(draw, after, args)
        assume(_shape_after(last, after, args) is not None)
        heads.append(Chain([inner, last]))
    form = draw(st.sampled_from(["one", "tuple", "dict", "nested"]))
    return Network(body, heads, form).double().eval(), X, args


@st.composite
def mixing_networks(draw):
    """A network that mixes all positions, and of what some further layers make of them gives a few."""
    X = nn.functional.one_hot(torch.randint(0, 4, (2, draw(st.integers(8, 30))), generator=_rng(draw)), 4).mT.double()
    layers, shape, args = [], tuple(X.shape[1:]), [_noise(draw, 2, 2)]
    between = draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4))
    for kind in (convolution, attention, *between, taken):
        layer = kind(draw, shape, args)
        after = _shape_after(layer, shape, args)
        if after is not None and len(after) == 2:
            layers.append(layer)
            shape = after
    return Chain(layers).double().eval(), X, args


@st.composite
def substitutions(draw, X):
    """What stands where in which backgrounds: one-hot (rows, 4, width) with unknown letters, a start, and the rows."""
    n, _, length = X.shape
    width = draw(st.sampled_from([1, 2, length]) | st.integers(1, length))
    lo = draw(st.sampled_from([0, length - width]) | st.integers(0, length - width))
    many = draw(st.booleans())
    first = draw(st.integers(0, n - 1))
    rows = slice(first, first + 1) if many else slice(first, draw(st.integers(first + 1, n)))
    count = draw(st.integers(1, 4)) if many else rows.stop - rows.start
    codes = torch.randint(0, 5, (count, width), generator=_rng(draw))
    if draw(st.integers(0, 9)) == 0:
        codes[:] = 4
    return nn.functional.one_hot(codes, 5)[:, :, :4].mT.double(), lo, rows
