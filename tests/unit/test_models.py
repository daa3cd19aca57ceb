import json
import pickle
import sys
import zipfile

import pytest
import torch
from marginalization.config.sections import Model
from marginalization.errors import InputError
from marginalization.inference.prediction import predict
from marginalization.models.loading import load_model
from marginalization.sequences.onehot import one_hot_encode
from safetensors.torch import save_file
from screens import typed
from toy_models import Convolution

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGGGG"])

LAB = """
from beside import SIZE
import torch

class Net(torch.nn.Linear):
    def __init__(self, outputs=2):
        super().__init__(SIZE, outputs)

    class Builder:
        @classmethod
        def build(cls, **kwargs):
            return Net(**kwargs)

def number():
    return 7

def function():
    return lambda X: X

def broken(path):
    raise FileNotFoundError(f"no table {path}")

CONSTANT = 3
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab's model.py, which imports from a file beside it."""
    (tmp_path / "model.py").write_text(LAB)
    (tmp_path / "beside.py").write_text("SIZE = 4")
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    yield tmp_path / "model.py"
    sys.modules.pop("beside", None)


def load(path, **options):
    return load_model(typed(Model, {"file": str(path), "trust_pickle": False, **options}), "toy")


def exported(path):
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Convolution().eval(), (X.float(),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return path


def test_torchscript_and_export(tmp_path):
    expected = predict(Convolution(), X)
    torch.jit.trace(Convolution().eval(), X.float()).save(tmp_path / "traced.pt")
    torch.jit.script(Convolution()).save(tmp_path / "scripted.pt")
    exported(tmp_path / "exported.pt2")
    for name in ("traced.pt", "scripted.pt", "exported.pt2"):
        torch.testing.assert_close(predict(load(tmp_path / name), X, batch_size=2), expected)


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_truncated_file_is_no_model(tmp_path, cut):
    whole = exported(tmp_path / "whole.pt2").read_bytes()
    (tmp_path / "cut.pt2").write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(InputError, match=r"models\.toy: .*cut\.pt2"):
        load(tmp_path / "cut.pt2")


class OnGPU(torch.nn.Module):
    """Makes a tensor on a GPU, whatever it is given."""

    def forward(self, X):
        return X.sum(dim=-1) + torch.ones(4, device=torch.device("cuda:0"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="it runs where there is a GPU")
def test_a_torchscript_that_asks_for_a_gpu(tmp_path):
    torch.jit.script(OnGPU()).save(tmp_path / "m.pt")
    with pytest.raises(
        InputError, match=r"m\.pt can not be loaded: .*makes tensors on cuda:0, and there is no GPU here"
    ):
        load(tmp_path / "m.pt")


def altered(path, entry, alter):
    """A copy of an exported program with another content of an entry, or without it."""
    other = path.with_name(f"altered_{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(entry):
                content = alter(content)
            if content is not None:
                archive.writestr(name, content)
    return other


def test_an_export_that_lacks_something(tmp_path):
    path = altered(exported(tmp_path / "whole.pt2"), "weights/weight_1", lambda _: None)
    with pytest.raises(
        InputError, match=r"altered_whole\.pt2 can not be loaded: .*data/weights/weight_1: file not found"
    ):
        load(path)


def test_an_export_of_another_version(tmp_path):
    def older(content):
        return json.dumps(json.loads(content) | {"schema_version": {"major": 7, "minor": 1}, "torch_version": "2.5.1"})

    path = altered(exported(tmp_path / "whole.pt2"), "models/model.json", older)
    with pytest.raises(InputError) as error:
        load(path)
    assert "Serialized schema version SchemaVersion(major=7, minor=1) does not match" in str(error.value)
    assert f"it was exported by PyTorch 2.5.1, and this is {torch.__version__}: export it again" in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it loads where there is a GPU")
def test_an_export_of_a_gpu(tmp_path):
    def on_gpu(content):
        return content.replace(b'"type": "cpu", "index": null', b'"type": "cuda", "index": 0')

    path = altered(exported(tmp_path / "whole.pt2"), "model.json", on_gpu)
    path = altered(path, "model_weights_config.json", on_gpu)
    with pytest.raises(
        InputError, match=r"exported on a GPU, and there is none here: .*move_to_device_pass\(program, 'cpu'"
    ):
        load(path)


def test_a_factory_of_a_module():
    spec = {"factory": "toy_models:Convolution", "kwargs": {"letters": 20}}
    model = load_model(typed(Model, spec), "toy")
    assert type(model) is Convolution
    assert model.conv.weight.shape == (8, 20, 5)


def test_a_factory_of_a_file_with_dots_in_its_name(lab):
    model = load_model(typed(Model, {"factory": f"{lab}:Net.Builder.build", "kwargs": {"outputs": 3}}), "toy")
    assert model.weight.shape == (3, 4)


@pytest.mark.parametrize("suffix", ["pt", "pth", "safetensors"])
def test_weights(lab, tmp_path, suffix):
    state = {"weight": torch.arange(8.0).reshape(2, 4), "bias": torch.tensor([5.0, 6.0])}
    path = str(tmp_path / f"weights.{suffix}")
    (save_file if suffix == "safetensors" else torch.save)(state, path)
    spec = {"factory": f"{lab}:Net", "weights": path}
    model = load_model(typed(Model, spec), "toy")
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    with pytest.raises(InputError, match=r"weights\.\w+ does not fit what Net expects.* size mismatch for weight"):
        load_model(typed(Model, {**spec, "kwargs": {"outputs": 3}}), "toy")
    with pytest.raises(InputError, match="the factory made a function, which takes no weights"):
        load_model(typed(Model, {"factory": f"{lab}:function", "weights": path}), "toy")


class Malicious:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.filterwarnings("ignore:unclosed file")  # the harm
def test_no_pickle_is_unpickled_unasked(lab, tmp_path):
    harm = tmp_path / "harm"
    torch.save(Malicious(harm), tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt is a pickle, and unpickling a file runs .*`trust_pickle: true`"):
        load(tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"holds a pickled io\.open, no state_dict"):
        load_model(typed(Model, {"factory": f"{lab}:Net", "weights": str(tmp_path / "model.pt")}), "toy")
    assert not harm.exists()
    with pytest.raises(InputError, match="holds a TextIOWrapper, no model"):
        load(tmp_path / "model.pt", trust_pickle=True)
    assert harm.exists()  # so the file does do harm to those who trust it


@pytest.mark.parametrize("entry", ["data/sample_inputs/model.pt", "data/constants/opaque_obj_0"])
def test_no_pickle_in_an_export_is_unpickled_unasked(tmp_path, entry):
    """torch.export.load itself falls back to unpickling whatever stands in the place of the example inputs."""
    harm = tmp_path / "harm"
    torch.save(Malicious(harm), tmp_path / "pickle")
    exported(tmp_path / "good.pt2")
    with zipfile.ZipFile(tmp_path / "good.pt2") as good, zipfile.ZipFile(tmp_path / "bad.pt2", "w") as bad:
        root = good.namelist()[0].split("/")[0]
        for name in good.namelist():
            if name != f"{root}/{entry}":
                bad.writestr(name, good.read(name))
        bad.write(tmp_path / "pickle", f"{root}/{entry}")
    with pytest.raises(InputError, match=r"bad\.pt2 can not be loaded"):
        load(tmp_path / "bad.pt2")
    assert not harm.exists()


def test_a_trusted_pickle(tmp_path):
    torch.save(Convolution(), tmp_path / "model.pt")
    model = load(tmp_path / "model.pt", trust_pickle=True)
    assert torch.equal(predict(model, X), predict(Convolution(), X))
    torch.save(Convolution().state_dict(), tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"state\.pt holds a OrderedDict, no model; a state_dict goes to `weights`"):
        load(tmp_path / "state.pt", trust_pickle=True)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Convolution()))
    assert torch.equal(predict(load(tmp_path / "plain.pt", trust_pickle=True), X), predict(Convolution(), X))
    whole = (tmp_path / "plain.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.pt can not be unpickled: (EOFError|UnpicklingError)"):
        load(tmp_path / "cut.pt", trust_pickle=True)


def test_a_trusted_pickle_whose_class_is_gone(tmp_path, monkeypatch):
    module = type(sys)("gone")
    exec("import torch\nclass Net(torch.nn.Linear): pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "gone", module)
    torch.save(module.Net(4, 2), tmp_path / "model.pt")
    monkeypatch.delitem(sys.modules, "gone")
    with pytest.raises(InputError, match=r"ModuleNotFoundError.*'gone'.*must be importable, .*`factory`"):
        load(tmp_path / "model.pt", trust_pickle=True)
