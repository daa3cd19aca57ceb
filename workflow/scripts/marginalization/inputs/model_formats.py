"""What a model file is, seen from its first bytes: the kinds that can be loaded, and what to do with the others.

Nothing here imports torch, because Snakemake looks at the files at every parse.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError


class Kind(NamedTuple):
    """What a file is, as the end of a sentence about it, and how to use it here."""

    what: str
    use: str


_REBUILD = "PyTorch does not read it. Build the model in PyTorch, and give it as a `factory` with its `weights`"
_AGAIN = "copy or download it again"
_SAVE_STATE = "save `model.state_dict()` with torch.save, and give that file as `weights`, beside the `factory`"

TORCHSCRIPT = Kind("is a TorchScript model", "give it as `file`, without `factory` and `weights`")
EXPORT = Kind("is a torch.export model", "give it as `file`, without `factory` and `weights`")
TORCH_PICKLE = Kind("is a pickle", "")
PLAIN_PICKLE = Kind("is a pickle that torch.save did not write", _SAVE_STATE)
SAFETENSORS = Kind(
    "is a safetensors file, weights without their model",
    "give it as `weights`, beside the `factory` that makes its model",
)

EMPTY = Kind("is empty", _AGAIN)
LFS_POINTER = Kind("is a Git LFS pointer, which only points to the file", "fetch the file itself with `git lfs pull`")
ANNEX_POINTER = Kind(
    "is a git-annex pointer, which only points to the file", "fetch the file itself with `git annex get`"
)
WEB_PAGE = Kind("is a web page, as servers send one in place of a file", "download the file itself")
CUT_ZIP = Kind("is the beginning of a zip file whose end is missing", _AGAIN)
HDF5 = Kind(
    "is an HDF5 file (.h5), such as Keras writes",
    "PyTorch does not read it. Give a ChromBPNet as `chrombpnet: {path}` and a BPNet as `bpnet: {path}`; any other has "
    "to be built in PyTorch, as a `factory` with its `weights`",
)
KERAS = Kind(
    "is a Keras model (.keras)",
    "PyTorch does not read it. Name a `factory` in a file of your own that loads it with Keras on its torch backend, "
    "and takes (batch, 4, length); or build it in PyTorch, as a `factory` with its `weights`",
)
SAVED_MODEL = Kind("is a TensorFlow SavedModel", _REBUILD)
TENSORFLOW = Kind("is a TensorFlow graph (.pb)", _REBUILD)
ONNX = Kind(
    "is an ONNX model",
    "PyTorch does not read it. Save the PyTorch model that it was made from with torch.export.save",
)
JAX = Kind("is a msgpack file, as Flax and JAX write weights", _REBUILD)
ORBAX = Kind("is an Orbax checkpoint of JAX", _REBUILD)
NUMPY = Kind(
    "is a NumPy file, arrays without a model",
    "name a `factory` in a file of your own that puts them into the model, and give it the file in its `kwargs`",
)
OFFICE = Kind("is an Office document", "give the model's own file")
PACKED = Kind("is packed (zip, tar, gzip or alike)", "unpack it, and give the model's file that is in it")
COMPILED = Kind("is a compiled AOTInductor package", "save the model with torch.export.save")
HUGGING_FACE = Kind(
    "is a Hugging Face folder",
    "name its class's from_pretrained as `factory`, with the folder in `kwargs`; or give the weights in it as "
    "`weights`, beside the `factory` that makes the model",
)
DISTRIBUTED = Kind(
    "is a distributed checkpoint of PyTorch",
    "turn it into one file with torch.distributed.checkpoint.format_utils.dcp_to_torch_save, for `weights`",
)
UNPACKED = Kind("is the folder that a file of torch.save unpacks to", "give the file as it was before unpacking")
TEXT = Kind("is a text file", "give the model's own file")
UNKNOWN = Kind(
    "is no model file known here",
    "save the model with torch.export.save or torch.jit.save, or its state_dict with torch.save for `weights`",
)

DAMAGED = (EMPTY, LFS_POINTER, ANNEX_POINTER, WEB_PAGE, CUT_ZIP)
"""What can be in the place of a file that should be there."""

_PREFIXES = {
    b"version https://git-lfs": LFS_POINTER,
    b"/annex/objects/": ANNEX_POINTER,
    b"\x89HDF\r\n\x1a\n": HDF5,
    b"\x93NUMPY": NUMPY,
    b"\x1f\x8b": PACKED,
    b"BZh": PACKED,
    b"\xfd7zXZ\x00": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED,
    b"7z\xbc\xaf\x27\x1c": PACKED,
    b"\x08\x01\x12": SAVED_MODEL,
}
_TORCH_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""What torch.save's own pickles began with before they were zip files, after the pickle protocol."""


def kind_of(path: str) -> Kind:
    """What a file is, by its content."""
    with open(path, "rb") as file:
        head = file.read(1024)
    for prefix, kind in _PREFIXES.items():
        if head.startswith(prefix):
            return kind
    if not head:
        return EMPTY
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return TORCH_PICKLE if head[2:].startswith(_TORCH_MAGIC) else PLAIN_PICKLE
    if head[8:9] == b"{" and head[5:8] == b"\x00\x00\x00":
        return SAFETENSORS
    if head[257:262] == b"ustar":
        return PACKED
    if 0x81 <= head[0] <= 0x8F and 0xA1 <= head[1] <= 0xBF and head[2 : 2 + (head[1] & 31)].isascii():
        return JAX  # a map whose first key is a short string
    if _is_text(head):
        start = head.decode("utf-8-sig", errors="ignore").lstrip().lower()
        return WEB_PAGE if start.startswith(("<!doctype html", "<html", "<?xml", "<head")) else TEXT
    if head[0] == 0x08 and head[1] < 0x20 and head[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x3a"):
        return ONNX  # protobuf: a small version number, then a name or the graph
    return TENSORFLOW if path.endswith(".pb") else UNKNOWN


def _kind_of_zip(path: str) -> Kind:
    if not zipfile.is_zipfile(path):
        return CUT_ZIP
    entries = zip_entries(path)
    if "constants.pkl" in entries:
        return TORCHSCRIPT
    if any(entry.startswith("data/aotinductor/") for entry in entries) and "models/model.json" not in entries:
        return COMPILED
    if entries & {"archive_format", "serialized_exported_program.json"}:
        return EXPORT
    if "data.pkl" in entries:
        return TORCH_PICKLE
    if "model.weights.h5" in entries:
        return KERAS
    if "[Content_Types].xml" in entries:
        return OFFICE
    return NUMPY if all(entry.endswith(".npy") for entry in entries) else PACKED


def zip_entries(path: str) -> set[str]:
    """The names of a zip file's entries, without the folder that torch puts all of them into."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    roots = {name.split("/", 1)[0] for name in names}
    return {name.split("/", 1)[-1] for name in names} if len(roots) == 1 else set(names)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not merely a letter that the end of the head cuts
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter in "\t\r\n\f\ufeff" for letter in text)


def kind_of_folder(path: str) -> Kind | None:
    """What a folder is, where it is a stored model."""
    names = {entry.name for entry in Path(path).iterdir()}
    if "saved_model.pb" in names:
        return SAVED_MODEL
    if names & {"_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt"}:
        return ORBAX
    if ".metadata" in names and any(name.endswith(".distcp") for name in names):
        return DISTRIBUTED
    if {"data.pkl", "version"} <= names:
        return UNPACKED
    if "config.json" in names and any(name.endswith((".safetensors", ".bin")) for name in names):
        return HUGGING_FACE
    return None


def require_model(path: str, trust_pickle: bool, place: str) -> Kind:
    """What a model's `file` is; an InputError unless it can be loaded."""
    kind = kind_of(path)
    if kind in (TORCHSCRIPT, EXPORT) or (kind in (TORCH_PICKLE, PLAIN_PICKLE) and trust_pickle):
        return kind
    if kind in (TORCH_PICKLE, PLAIN_PICKLE):
        of_package = f"A Cherimoya is given as `cherimoya: {path}`. " if path.endswith(".torch") else ""
        raise InputError(
            f"config: {place}: {path} is a pickle, and unpickling a file runs whatever code its author put there. "
            f"{of_package}Save the model with torch.export.save or torch.jit.save, or use a `factory` with the "
            f"`weights`; if you trust the file, set models' `trust_pickle: true`"
        )
    raise unusable(path, kind, place)


def require_weights(path: str, place: str) -> Kind:
    """What a model's `weights` are; an InputError unless they can be loaded."""
    kind = kind_of(path)
    if kind not in (TORCH_PICKLE, SAFETENSORS):
        raise unusable(path, kind, place)
    return kind


def unusable(path: str, kind: Kind, place: str) -> InputError:
    """The error that says what a file is, and how to use it here."""
    return InputError(f"config: {place}: {path} {kind.what}; {kind.use.format(path=path)}")
