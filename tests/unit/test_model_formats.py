"""What model files are, by their content: each kind that is no model for PyTorch has its own sentence."""

import gzip
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from marginalization.config.sections import Model
from marginalization.errors import InputError
from marginalization.inputs import model_formats as formats
from marginalization.models.loading import load_model
from safetensors.torch import save, save_file
from screens import typed
from torch import nn


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return buffer.getvalue()


def torch_saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def scripted():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 1)), buffer)
    return buffer.getvalue()


def exported():
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(nn.Linear(2, 1), (torch.zeros(1, 2),)), buffer)
    return buffer.getvalue()


def numpy_saved(save, *args, **arrays):
    buffer = io.BytesIO()
    save(buffer, *args, **arrays)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("fold_0/model.h5"))
    return buffer.getvalue()


STATE = nn.Linear(2, 1).state_dict()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>"
ONNX = b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\xa5\x1f\n"

KINDS = {
    "torchscript": (scripted(), formats.TORCHSCRIPT),
    "export": (exported(), formats.EXPORT),
    "torch.save": (torch_saved(STATE), formats.TORCH_PICKLE),
    "torch.save of old": (torch_saved(STATE, _use_new_zipfile_serialization=False), formats.TORCH_PICKLE),
    "pickle": (pickle.dumps({"w": 1}), formats.PLAIN_PICKLE),
    "pickle of old": (pickle.dumps({"w": 1}, protocol=2), formats.PLAIN_PICKLE),
    "safetensors": (save(STATE), formats.SAFETENSORS),
    "safetensors with metadata": (save(STATE, {"format": "pt", "step": "9" * 500}), formats.SAFETENSORS),
    "empty": (b"", formats.EMPTY),
    "lfs": (POINTER, formats.LFS_POINTER),
    "annex": (b"/annex/objects/SHA256E-s3--ab.h5\n", formats.ANNEX_POINTER),
    "html": (HTML, formats.WEB_PAGE),
    "html with a mark": (b"\xef\xbb\xbf<html>", formats.WEB_PAGE),
    "xml of a store": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', formats.WEB_PAGE),
    "hdf5": (b"\x89HDF\r\n\x1a\n\x00\x00\x00\x00", formats.HDF5),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), formats.KERAS),
    "onnx": (ONNX, formats.ONNX),
    "onnx without a producer": (b"\x08\x08:\xa5\x1f\n\x30", formats.ONNX),
    "saved model": (b"\x08\x01\x12\xa4\xd4\x0a", formats.SAVED_MODEL),
    "flax": (b"\x81\xa6params\x82\xa5Dense", formats.JAX),
    "npz": (numpy_saved(np.savez, a=np.ones(2), b=np.ones(2)), formats.NUMPY),
    "npy": (numpy_saved(np.save, np.ones(2)), formats.NUMPY),
    "docx": (zipped("[Content_Types].xml", "word/document.xml"), formats.OFFICE),
    "zip": (zipped("fold_0/model.h5", "fold_1/model.h5"), formats.PACKED),
    "tar.gz": (gzip.compress(tarred()), formats.PACKED),
    "tar": (tarred(), formats.PACKED),
    "compiled": (zipped("m/archive_format", "m/data/aotinductor/model/x.so"), formats.COMPILED),
    "cut zip": (torch_saved(STATE)[:-300], formats.CUT_ZIP),
    "text": (b"A\tC\tG\tT\n0.1\t0.2\t0.3\t0.4\n", formats.TEXT),
    "text that the head cuts": ("é".encode() * 1000, formats.TEXT),
    "text after a letter": (("a" + "é" * 1000).encode(), formats.TEXT),
    "unknown": (bytes(range(7, 256)), formats.UNKNOWN),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds(tmp_path, name):
    content, kind = KINDS[name]
    (tmp_path / "model.pt").write_bytes(content)  # whatever the name says
    assert formats.kind_of(str(tmp_path / "model.pt")) is kind


MODELS = {formats.TORCHSCRIPT, formats.EXPORT}
PICKLES = {formats.TORCH_PICKLE, formats.PLAIN_PICKLE}
WEIGHTS = {formats.TORCH_PICKLE, formats.SAFETENSORS}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("trust", [False, True])
def test_a_file_is_loaded_or_told_what_it_is(tmp_path, name, trust):
    """The permission to unpickle is asked for pickles alone."""
    content, kind = KINDS[name]
    path = str(tmp_path / "model.pt")
    (tmp_path / "model.pt").write_bytes(content)
    if kind in MODELS or (kind in PICKLES and trust):
        assert formats.require_model(path, trust, "models.toy") is kind
        return
    with pytest.raises(InputError) as error:
        load_model(typed(Model, {"file": path, "trust_pickle": trust}), "toy")
    message = str(error.value)
    assert message.startswith(f"config: models.toy: {path} is ")
    assert ("trust_pickle" in message) == (kind in PICKLES)
    if kind not in PICKLES:
        assert message == f"config: models.toy: {path} {kind.what}; {kind.use.format(path=path)}"


@pytest.mark.parametrize("name", KINDS)
def test_weights_are_loaded_or_told_what_they_are(tmp_path, name):
    content, kind = KINDS[name]
    path = str(tmp_path / "model.pt")
    (tmp_path / "model.pt").write_bytes(content)
    spec = {"factory": "torch.nn:Linear", "kwargs": {"in_features": 2, "out_features": 1}, "weights": path}
    if kind in WEIGHTS:
        model = load_model(typed(Model, spec), "toy")
        assert all(torch.equal(value, STATE[key]) for key, value in model.state_dict().items())
        return
    with pytest.raises(InputError) as error:
        load_model(typed(Model, spec), "toy")
    assert str(error.value) == f"config: models.toy: {path} {kind.what}; {kind.use.format(path=path)}"


def test_how_a_keras_bpnet_is_loaded(tmp_path):
    path = tmp_path / "nobias.h5"
    path.write_bytes(KINDS["hdf5"][0])
    with pytest.raises(InputError) as error:
        formats.require_model(str(path), False, "models.toy")
    assert f"Give a ChromBPNet as `chrombpnet: {path}` and a BPNet as `bpnet: {path}`" in str(error.value)


def test_safetensors_as_a_file_go_to_weights(tmp_path):
    save_file(STATE, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="give it as `weights`, beside the `factory` that makes its model"):
        formats.require_model(str(tmp_path / "w.safetensors"), True, "models.toy")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["saved_model.pb", "variables"], formats.SAVED_MODEL),
        (["_METADATA", "manifest.ocdbt"], formats.ORBAX),
        ([".metadata", "__0_0.distcp"], formats.DISTRIBUTED),
        (["data.pkl", "version", "byteorder"], formats.UNPACKED),
        (["config.json", "pytorch_model.bin"], formats.HUGGING_FACE),
        (["config.json", "model.safetensors"], formats.HUGGING_FACE),
        (["config.json", "README.md"], None),
        ([], None),
    ],
)
def test_folders(tmp_path, names, kind):
    for name in names:
        (tmp_path / name).touch()
    assert formats.kind_of_folder(str(tmp_path)) is kind
