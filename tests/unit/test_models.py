import sys
import zipfile

import pytest
import torch
from marginalization.errors import InputError
from marginalization.models import import_callable, load_model
from marginalization.onehot import one_hot_encode
from marginalization.prediction import predict
from safetensors.torch import save_file
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
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    yield tmp_path / "model.py"
    sys.modules.pop("beside", None)


def load(path, **options):
    return load_model({"file": str(path), "trust_pickle": False, **options}, "toy")


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


def test_an_export_that_does_not_load(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.pt2", "w") as archive:
        archive.writestr("bad/archive_format", "pt2")
    with pytest.raises(InputError, match=r"models\.toy: .*bad\.pt2 can not be loaded"):
        load(tmp_path / "bad.pt2")


def test_a_factory_of_a_module():
    spec = {"factory": "toy_models:Convolution", "kwargs": {"letters": 20}}
    model = load_model(spec, "toy")
    assert type(model) is Convolution
    assert model.conv.weight.shape == (8, 20, 5)


def test_a_factory_of_a_file_with_dots_in_its_name(lab):
    model = load_model({"factory": f"{lab}:Net.Builder.build", "kwargs": {"outputs": 3}}, "toy")
    assert model.weight.shape == (3, 4)


@pytest.mark.parametrize("suffix", ["pt", "pth", "safetensors"])
def test_weights(lab, tmp_path, suffix):
    state = {"weight": torch.arange(8.0).reshape(2, 4), "bias": torch.tensor([5.0, 6.0])}
    path = str(tmp_path / f"weights.{suffix}")
    (save_file if suffix == "safetensors" else torch.save)(state, path)
    spec = {"factory": f"{lab}:Net", "weights": path}
    model = load_model(spec, "toy")
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    with pytest.raises(InputError, match=r"weights\.\w+ does not fit what Net expects.* size mismatch for weight"):
        load_model({**spec, "kwargs": {"outputs": 3}}, "toy")
    with pytest.raises(InputError, match="the factory made a function, which takes no weights"):
        load_model({"factory": f"{lab}:function", "weights": path}, "toy")


def test_weights_of_another_model(lab, tmp_path):
    torch.save({"layer.weight": torch.ones(2, 4)}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r'w\.pt does not fit .* Missing key\(s\) in state_dict: "weight", "bias"'):
        load_model({"factory": f"{lab}:Net", "weights": str(tmp_path / "w.pt")}, "toy")


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_that_are_none(lab, tmp_path, suffix):
    path = tmp_path / f"w.{suffix}"
    path.write_text("letters")
    with pytest.raises(InputError, match=r"models\.toy: .*w\.\w+ (is no state_dict|holds more than tensors)"):
        load_model({"factory": f"{lab}:Net", "weights": str(path)}, "toy")
    torch.save(torch.ones(3), tmp_path / "tensor.pt")
    with pytest.raises(InputError, match="holds a Tensor, no state_dict"):
        load_model({"factory": f"{lab}:Net", "weights": str(tmp_path / "tensor.pt")}, "toy")


class Malicious:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_pickle_is_unpickled_unasked(lab, tmp_path):
    harm = tmp_path / "harm"
    torch.save(Malicious(harm), tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt is a pickle, and unpickling a file runs .*`trust_pickle: true`"):
        load(tmp_path / "model.pt")
    with pytest.raises(InputError, match="holds more than tensors"):
        load_model({"factory": f"{lab}:Net", "weights": str(tmp_path / "model.pt")}, "toy")
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
    (tmp_path / "text.pt").write_text("no model")
    with pytest.raises(InputError, match=r"text\.pt can not be unpickled"):
        load(tmp_path / "text.pt", trust_pickle=True)


def test_a_trusted_pickle_whose_class_is_gone(tmp_path, monkeypatch):
    module = type(sys)("gone")
    exec("import torch\nclass Net(torch.nn.Linear): pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "gone", module)
    torch.save(module.Net(4, 2), tmp_path / "model.pt")
    monkeypatch.delitem(sys.modules, "gone")
    with pytest.raises(InputError, match=r"ModuleNotFoundError.*'gone'.*must be importable, .*`factory`"):
        load(tmp_path / "model.pt", trust_pickle=True)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (
            "{lab}:Nett",
            r"toy\.factory: .* has no Nett; it has SIZE, torch, Net, number, function, broken",
        ),
        ("{lab}:Net.Bilder", r"has no Net\.Bilder"),
        ("{lab}:CONSTANT", r"CONSTANT of .*model\.py is a int, which can not be called"),
        ("{lab}:number", r"models\.toy: .*number made a int, no model"),
        ("{lab}:broken", r"broken failed with FileNotFoundError: no table x; its kwargs are \{'path': 'x'\}"),
        ("{lab}:Net", r"Net failed with TypeError: .*unexpected keyword argument 'path'"),
        ("no_such_package:Net", "importing no_such_package failed with ModuleNotFoundError"),
    ],
)
def test_factories_that_fail(lab, factory, message):
    spec = {"factory": factory.format(lab=lab)}
    with pytest.raises(InputError, match=message):
        load_model({**spec, "kwargs": {} if "number" in factory else {"path": "x"}}, "toy")


def test_a_file_that_does_not_import(tmp_path):
    (tmp_path / "bad.py").write_text("import torch\n1 / 0\n")
    with pytest.raises(InputError, match=r"readouts\.r\.function: importing .*bad\.py failed with ZeroDivisionError"):
        import_callable(f"{tmp_path / 'bad.py'}:read", "readouts.r.function")
