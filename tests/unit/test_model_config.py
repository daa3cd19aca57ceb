"""What is said of models and functions before any job starts: their files, and what names their code."""

import subprocess
import sys

import pytest
import torch
from marginalization.config.attributions import check_attributions
from marginalization.config.checks import check_config
from marginalization.config.models import check_models, require_modules
from marginalization.config.sections import Config
from marginalization.errors import InputError
from screens import MINIMAL, resolved, schema
from torch import nn

NET = "import torch\nclass Net(torch.nn.Linear):\n    pass\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder that paths are relative to, with files that configs name."""
    monkeypatch.chdir(tmp_path)
    for name in ("model.py", "nets/bpnet.py", "nets/deep/er.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(NET)
    torch.save(nn.Linear(2, 1).state_dict(), "weights.pt")
    for name in ("model.ipynb", "notes", "nobias.h5"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def check(spec, **sections):
    check_models(Config.of(resolved(models={"toy": spec}, **sections)))


def refused(spec, **sections):
    with pytest.raises(InputError) as error:
        check(spec, **sections)
    return str(error.value)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("nets:Net", "nets is a folder; did you mean nets/bpnet.py:Net?"),
        ("nets/:Net", "nets/ is a folder; did you mean nets/bpnet.py:Net?"),
        ("nets/deep:Net.make", "nets/deep is a folder; did you mean nets/deep/er.py:Net.make?"),
        ("nets:Other", "nets is a folder; give `path/to/file.py:callable` or `package.module:callable`"),
        ("model.ipynb:Net", "model.ipynb is a notebook, which can not be imported; save its code as a file with "),
        ("modle.py:Net", "no file modle.py; did you mean model.py?"),
        ("model:Net", "model:Net names no module; did you mean model.py:Net?"),
        ("nets/bpnet:Net", "nets/bpnet:Net names no module; did you mean nets/bpnet.py:Net?"),
        ("nets.bpnet:Net", "nets.bpnet:Net names no module; did you mean nets/bpnet.py:Net?"),
        ("model.py::Net", "model.py::Net names no module; did you mean model.py:Net?"),
        ("notes:Net.make", None),
        ("./notes:Net", "./notes is neither a file that ends in .py nor the name of a module; give `path/to/file.py:c"),
        ("bpnet-lite.bpnet:BPNet", "bpnet-lite.bpnet is neither a file that ends in .py nor the name of a module"),
        ("nets\\bpnet.py:Net", "no file nets\\bpnet.py"),
        ("model.py:Net", None),
        ("torch.nn:Linear", None),
        ("not_installed.at_all:Net", None),
    ],
)  # fmt: skip
def test_what_names_code(factory, message):
    """A factory and a readout's or an attribution's function are told the same."""
    config = resolved(
        models={"toy": {"factory": factory}},
        readouts={"r": {"function": factory}},
        attributions={"function": factory, "window": 4},
    )
    for place in ("models.toy.factory", "readouts.r.function"):
        if message is None:
            check_models(Config.of(config))
        else:
            with pytest.raises(InputError) as error:
                check_models(Config.of(config))
            assert f"config: {place}: {message}" in str(error.value)
        config["models"] = {}
    if message is None:
        check_attributions(Config.of(config))
    else:
        with pytest.raises(InputError) as error:
            check_attributions(Config.of(config))
        assert f"config: attributions.function: {message}" in str(error.value)


@pytest.mark.parametrize(
    ("factory", "meant"),
    [
        ("bpnetlite.bpnet.BPNet.from_chrombpnet", "bpnetlite.bpnet:BPNet.from_chrombpnet"),
        ("nets.build_model", "nets:build_model"),
        ("models/model.py/Net", "models/model.py:Net"),
        ("model.py.Net", "model.py:Net"),
        ("model.py Net", "model.py:Net"),
        ("model.py:Net()", "model.py:Net"),
        ("model.py", None),
        ("model.py:", None),
        ("Net", None),
    ],
)
def test_separators(factory, meant):
    with pytest.raises(InputError) as error:
        check_config({**MINIMAL, "models": {"toy": {"factory": factory}}}, schema())
    assert f"models.toy.factory: {factory!r} does not end in a colon and a name" in str(error.value)
    assert (f"did you mean '{meant}'?" in str(error.value)) == (meant is not None)
    assert ("did you mean" in str(error.value)) == (meant is not None)


def test_packages_that_are_not_installed():
    config = resolved(
        models={"a": {"factory": "model.py:Net"}, "b": {"factory": "torch.nn:Linear"}, "c": {"factory": "torch.no:Net"}}
    )
    require_modules(Config.of(config))
    config["models"]["d"] = {"factory": "safe_tensors.torch:load"}
    with pytest.raises(
        InputError, match=r"models\.d\.factory: there is no module safe_tensors .*did you mean safetensors"
    ):
        require_modules(Config.of(config))
    del config["models"]["d"]
    config["readouts"]["r"] = {"function": "no_such_thing:read"}
    with pytest.raises(
        InputError, match=r"readouts\.r\.function: there is no module no_such_thing .*install the package"
    ):
        require_modules(Config.of(config))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"filename": "nobais.h5"}, "models.toy.kwargs.filename: no file nobais.h5; did you mean nobias.h5?"),
        ({"path": "data/fold_0.H5"}, "models.toy.kwargs.path: no file data/fold_0.H5: the folder data does not exist"),
        ({"a": {"b": ["nobias.h5", "x.npz"]}}, "models.toy.kwargs.a.b[1]: no file x.npz"),
        ({"table": "x/motifs.tsv"}, "models.toy.kwargs.table: no file x/motifs.tsv"),
        ({"repo": "johahi/borzoi", "weights": "data/w.pt"}, "models.toy.kwargs.weights: no file data/w.pt"),
        ({"filename": "nobias.h5", "n": 3, "rate": 0.1, "none": None}, None),
        ({"repo": "johahi/borzoi-replicate-0", "filename": "model.safetensors"}, None),
        ({"url": "https://example.org/model.h5", "s3": "s3://bucket/x.pt"}, None),
        ({"activation": "relu", "kind": "v1.5", "tracks": "a/b/c", "dtype": "torch.float32", "name": "K562.A"}, None),
        ({"pattern": "fold_*.h5", "several": "a.h5,b.h5", "form": "fold_{}.pt", "folder": "nets"}, None),
    ],
)  # fmt: skip
def test_files_in_kwargs(kwargs, message):
    if message is None:
        check({"factory": "model.py:Net", "kwargs": kwargs})
    else:
        assert message in refused({"factory": "model.py:Net", "kwargs": kwargs})


def test_files_in_kwargs_that_only_stand_for_others(folder):
    kwargs = {"factory": "model.py:Net", "kwargs": {"filename": "nobias.h5"}}
    (folder / "nobias.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n")
    assert "models.toy.kwargs.filename: nobias.h5 is a Git LFS pointer, which only points" in refused(kwargs)
    (folder / "nobias.h5").write_bytes(b"")
    assert "models.toy.kwargs.filename: nobias.h5 is empty; copy or download it again" in refused(kwargs)
    (folder / "nobias.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    check(kwargs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"file": "weights.pt"}, "models.toy: weights.pt is a pickle, and unpickling a file runs whatever code its"),
        ({"file": "nobias.h5"}, "models.toy: nobias.h5 is a text file; give the model's own file"),
        ({"file": "nets"}, "models.toy: nets is a folder; give a file"),
        ({"file": "saved"}, "models.toy: saved is a TensorFlow SavedModel; PyTorch does not read it."),
        ({"file": "wieghts.pt"}, "models.toy: no file wieghts.pt; did you mean weights.pt?"),
        ({"factory": "model.py:Net", "weights": "model.py"}, "models.toy: model.py is a text file"),
        ({"factory": "model.py:Net", "weights": "saved"}, "models.toy: saved is a TensorFlow SavedModel"),
        ({"file": "weights.pt", "trust_pickle": True}, None),
        ({"factory": "model.py:Net", "weights": "weights.pt"}, None),
    ],
)  # fmt: skip
def test_stored_models(folder, spec, message):
    (folder / "saved" / "variables").mkdir(parents=True)
    (folder / "saved" / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    if message is None:
        check(spec)
    else:
        assert message in refused(spec)


def test_nothing_of_it_imports_torch():
    code = "import sys, marginalization.config.resolving; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
