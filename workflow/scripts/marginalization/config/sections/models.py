"""The sections on models."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from .keys import DISTINCT, REFERENCE, NotNegative, Numbers, Positive, key, one_of, optional, section


@section
class Input:
    """A further input of a model."""

    RULES: ClassVar = one_of("constant", "one_hot", "table", "file") | {
        "if": {"required": ["constant"], "properties": {"constant": {"type": "number"}}},
        "then": {"required": ["shape"]},
        "dependentRequired": {"one_hot": ["size"], "size": ["one_hot"], "columns": ["table"]},
    }
    constant: Numbers | None = optional(
        "The same for each background: a number, which fills a tensor of `shape`, or the numbers themselves, as a list "
        "or a nested list."
    )
    shape: tuple[Positive, ...] | None = optional(
        "Shape of the constant, without the batch; of a list, its own when left out."
    )
    one_hot: NotNegative | None = optional(
        "The same for each background: zeros, and a one at this place, counted from 0, such as that of a cell type."
    )
    size: Positive | None = optional("How many numbers `one_hot` has.")
    table: str | None = optional(
        "A table with a row for each background: a header, columns separated by tabs, and the backgrounds' names in "
        "the column `name`.",
        more="The names are those of `backgrounds.parquet`, or for shuffles those of their originals.",
    )
    columns: Annotated[tuple[str, ...], DISTINCT] | None = optional("Columns of the table.", without="all but `name`")
    file: str | None = optional("An .npy file, or an .npz file and its `key`, with a row for each background.")
    key: str | None = optional("Name of the array in an .npz file.")


@section
class Model:
    """A model, from a file or a factory."""

    RULES: ClassVar = one_of("file", "factory", "chrombpnet", "bpnet", "cherimoya") | {
        "dependentRequired": {"kwargs": ["factory"], "weights": ["factory"], "bias": ["chrombpnet"]},
    }
    file: str | None = optional(
        "A TorchScript file, a torch.export file (.pt2), or a pickled module (with trust_pickle).",
        more="Which one it is, is seen from its content.",
    )
    factory: str | None = optional(
        "What makes the model: `package.module:callable` or `path/to/file.py:callable`.",
        more="The callable may have dots in it, such as `bpnetlite.bpnet:BPNet.from_chrombpnet`.",
        **REFERENCE,
    )
    chrombpnet: str | None = optional(
        "A ChromBPNet as chrombpnet or ENCODE keeps it: an .h5 file, or a folder or a tar of folds.",
        more="It brings its length, its readouts and its folds along: see below.",
    )
    bias: bool | None = optional("Keep a ChromBPNet's bias model in; without this key it is left out.")
    bpnet: str | None = optional(
        "A BPNet as Keras wrote it, such as that of basepairmodels: an .h5 file, or a folder or a tar of folds.",
        more="It brings its length, its readouts, zero controls and its folds along: see below.",
    )
    cherimoya: str | None = optional(
        "A Cherimoya as its package saves it: a .torch file, or a folder or a tar of folds.",
        more="It brings its length, its readouts, zero controls and its folds along: see below.",
    )
    kwargs: dict[str, Any] | None = optional(
        "Keyword arguments of the factory.",
        more="A value that is the path of a file, also within lists and mappings, counts as an input of the screen; "
        "one that ends like a file (`.h5`, `.pt`, `.tsv` ...) where there is no file is an error.",
    )
    weights: str | None = optional(
        "A state_dict (.pt, .pth or .safetensors) to load into what the factory made.",
        more="It may be alone in its file or in a checkpoint: see below.",
    )
    trust_pickle: bool = key(
        "Unpickle a whole module. A pickle can run any code, so say so only of files that you trust.", False
    )
    input_layout: tuple[Literal["positions", "letters"], ...] | None = optional(
        "What the axes of its sequences after the batch are: `[positions, letters]` for a model of (batch, length, 4).",
        without="`[letters, positions]`",
        minItems=2,
        maxItems=2,
        uniqueItems=True,
    )
    inputs: tuple[Input, ...] = key(
        "The model's further inputs, in order, after the sequence.",
        (),
        more="`{constant: number, shape: [...]}`, the same for each background, such as zeros for a control track; "
        "`{constant: [[0.5, 1], [0, 2]]}`, the numbers themselves, as a list or a nested list (with a `shape`, one "
        "list holds them row by row); `{one_hot: 3, size: 10}`, zeros and a one; `{table: x.tsv, columns: [a, b]}`, "
        "numbers by the name of each background; or `{file: x.npy}` or `{file: x.npz, key: name}` with a row for each, "
        "in the order of `backgrounds.parquet` (float64 becomes float32).",
    )
