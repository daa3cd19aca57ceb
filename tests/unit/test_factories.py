"""A lab's own code: imported and called so that it can not reach the numbers, and told in one line where it fails."""

import logging
import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch
from marginalization.config.sections import Model
from marginalization.errors import InputError
from marginalization.models.factories import import_callable
from marginalization.models.loading import load_model
from screens import typed


@pytest.fixture(autouse=True)
def modules():
    """Modules as they were, whatever a lab's files import."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("marginalization_lab_") or name in ("layers", "layers.inner", "package", "first"):
            del sys.modules[name]


def write(folder, name, code):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    return path


def load(reference, **kwargs):
    return load_model(typed(Model, {"factory": str(reference), "kwargs": kwargs}), "toy")


def refused(reference, **kwargs):
    with pytest.raises(InputError) as error:
        load(reference, **kwargs)
    return str(error.value)


LAB = """
import sys
import torch

class Net(torch.nn.Linear):
    def __init__(self, outputs=2, inputs=4):
        super().__init__(inputs, outputs)

    class Builder:
        pass

def needs(filters, layers, activation="relu"):
    return Net()

def inside(path=None):
    return needs()

def nothing(): pass
def a_class(): return Net
def a_pair(): return Net(), {"filters": 3}
def a_text(): return "model"
def a_state(): return Net().state_dict()
def a_number(): return 7
def ends(): sys.exit("usage: model.py [-h] --data DATA")
def rates(lr=0.1, beta=0.5): raise ValueError("no rate")
def broken(path): raise FileNotFoundError(f"no table {path}")

CONSTANT = 3
"""


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("Nett", {}, "models.toy.factory: {lab} has no Nett; did you mean Net?"),
        ("Net.Bilder", {}, "has no Net.Bilder; did you mean Builder?"),
        ("Zzz", {}, "has no Zzz; it has sys, torch, Net, needs, inside, nothing, a_class, a_pair, a_text, a_state and"),
        ("CONSTANT", {}, "CONSTANT of {lab} is a int, which can not be called"),
        ("needs", {"layers": 2}, "models.toy.kwargs: {lab}:needs needs filters, which the kwargs do not have; they"),
        ("needs", {}, "models.toy.kwargs: {lab}:needs needs filters, layers, which the kwargs do not have"),
        ("Net", {"output": 3}, "models.toy.kwargs: {lab}:Net takes no output; did you mean outputs?"),
        ("Net", {"path": 3}, "models.toy.kwargs: {lab}:Net takes no path; it takes outputs, inputs"),
        ("inside", {}, "{lab}:inside failed with TypeError: needs() missing 2 required positional arguments"),
        ("nothing", {}, "models.toy: {lab}:nothing made nothing; let it return the model"),
        ("a_class", {}, "returned the class Net, no model; return Net(...), or name the class itself as `factory`"),
        ("a_pair", {}, "made a tuple of Net, dict, no model; let it return the model alone"),
        ("a_text", {}, "made a str, no model"),
        ("a_state", {}, "made a state_dict, no model; give its file as `weights`"),
        ("a_number", {}, "made a int, no model"),
        ("ends", {}, "failed with SystemExit: usage: model.py [-h] --data DATA, which ends the program ({lab}, line "),
        ("broken", {"path": "x"}, "no table x ({lab}, line 26); its kwargs are {{'path': 'x'}}"),
        ("rates", {"lr": "1e-3"}, "its kwargs are {{'lr': '1e-3'}}; lr is text to YAML: write 1.0e-3"),
        ("rates", {"lr": 1, "beta": "1.5E5"}, "; beta is text to YAML: write 1.5e+5"),
    ],
)  # fmt: skip
def test_factories_that_fail(tmp_path, name, kwargs, message):
    lab = write(tmp_path, "model.py", LAB)
    said = refused(f"{lab}:{name}", **kwargs)
    assert message.format(lab=lab) in said
    assert said.startswith("config: models.toy")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import torch\n1 / 0\n", "failed with ZeroDivisionError: division by zero ({lab}, line 2)"),
        ("import torch\n\ndef Net(:\n", "failed with SyntaxError: {lab}, line 3: invalid syntax"),
        ("import torch\nprint 'hello'\n", "failed with SyntaxError: {lab}, line 2: Missing parentheses"),
        ("import torch\n\tx = 1\n", "failed with IndentationError: {lab}, line 2: unexpected indent"),
        ("import sys\nsys.exit(2)\n", "failed with SystemExit: 2, which ends the program ({lab}, line 2); put what a "),
        (
            "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--data', required=True)\n"
            "args = parser.parse_args([])\n",
            "failed with SystemExit: 2, which ends the program ({lab}, line 4); put what a script does when it is run",
        ),
        ("from .layers import Layer\n", "ImportError: attempted relative import with no known parent package"),
        ("from .layers import Layer\n", "; a file that is named by its path is in no package: import what lies "),
        (
            "import no_such_package.layers\n",
            "No module named 'no_such_package' ({lab}, line 1); install the package that has the module "
            "no_such_package into the environment of the jobs, {prefix}",
        ),
        ("import torch.nnn\n", "No module named 'torch.nnn' ({lab}, line 1); did you mean torch.nn?"),
        ("import safe_tensors\n", "did you mean safetensors?"),
        ("from torch.nn import Linearr\n", "failed with ImportError: cannot import name 'Linearr' from 'torch.nn'"),
    ],
)  # fmt: skip
def test_files_that_do_not_import(tmp_path, code, message):
    lab = write(tmp_path, "model.py", code)
    before = set(sys.modules)
    assert message.format(lab=lab, prefix=sys.prefix) in refused(f"{lab}:Net")
    assert not [name for name in set(sys.modules) - before if name.startswith("marginalization_lab_model")]


def test_a_module_that_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "nets/bpnet.py", LAB)
    assert refused("nets.bpnet:Net").endswith("No module named 'nets'; did you mean nets/bpnet.py, with its ending?")


def test_an_import_that_prints(tmp_path, capsys):
    lab = write(tmp_path, "model.py", "print('loading')\n" + LAB)
    assert type(load(f"{lab}:Net")).__name__ == "Net"
    assert capsys.readouterr().out == "loading\n"


def test_a_file_is_run_once(tmp_path):
    """What a model and a readout's function of one file share, such as a class, is the same."""
    lab = write(tmp_path, "model.py", LAB + "def is_net(y): return isinstance(y, Net)\n")
    net = load(f"{lab}:Net")
    assert import_callable(f"{lab}:is_net", "readouts.r.function")(net)


def test_files_of_one_name_in_two_folders(tmp_path):
    for folder, size in (("a", 2), ("b", 3)):
        write(
            tmp_path / folder,
            "model.py",
            f"import torch\nclass Net(torch.nn.Linear):\n def __init__(s): super().__init__(1, {size})\n",
        )
    first, second = load(f"{tmp_path}/a/model.py:Net"), load(f"{tmp_path}/b/model.py:Net")
    assert (first.out_features, second.out_features) == (2, 3)
    assert type(first).__module__ != type(second).__module__
    for model in (first, second):  # as pickle and torch.export look for them
        assert sys.modules[type(model).__module__].Net is type(model)


USES = """
import torch
from layers import size

def Net():
    from layers import size as now
    return torch.nn.Linear(now, size)
"""


@pytest.mark.parametrize("package", [False, True])
def test_what_lies_beside_files_of_two_folders(tmp_path, package):
    for folder, size in (("a", 2), ("b", 3)):
        write(tmp_path / folder, "model.py", USES)
        if package:
            write(tmp_path / folder, "layers/inner.py", f"size = {size}")
            write(tmp_path / folder, "layers/__init__.py", "from .inner import size")
        else:
            write(tmp_path / folder, "layers.py", f"size = {size}")
    a, b = f"{tmp_path}/a/model.py:Net", f"{tmp_path}/b/model.py:Net"
    for reference, size in ((a, 2), (b, 3), (a, 2), (b, 3)):
        model = load(reference)
        assert (model.in_features, model.out_features) == (size, size)
    with pytest.raises(ImportError):  # rather than that of the wrong folder
        import layers  # noqa: F401


def test_imports_within_functions_of_a_single_folder(tmp_path):
    write(tmp_path, "first.py", "size = 2")
    lab = write(tmp_path, "model.py", "def read(y):\n from first import size\n return size\n")
    assert import_callable(f"{lab}:read", "readouts.r.function")(None) == 2


def test_a_folder_does_not_hide_the_librarys_modules(tmp_path):
    """A lab may have a file of the name of one of Python's modules that is not imported yet."""
    write(tmp_path, "this_is_late.py", "x = 1")
    lab = write(tmp_path, "model.py", LAB)
    before = sys.path[0]
    load(f"{lab}:Net")
    assert sys.path[0] == before
    assert sys.path[-1] == str(tmp_path)


STATE = """
import logging, os, random, warnings
import numpy as np
import torch

def change():
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.manual_seed(3); np.random.seed(3); random.seed(3)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    np.seterr(all="raise")
    os.chdir("/")
    os.environ["CUDA_VISIBLE_DEVICES"] = "7"
    warnings.simplefilter("error")
    logging.basicConfig(force=True, level=logging.ERROR)
    logging.disable(logging.ERROR)
    logging.getLogger("marginalization.models.loading").disabled = True

def Net():
    change()
    return lambda X: X
"""


def state():
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "made": torch.zeros(1).device,
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),
        "random": random.getstate(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "benchmark": torch.backends.cudnn.benchmark,
        "tf32": torch.backends.cuda.matmul.fp32_precision,
        "errors": np.geterr(),
        "folder": os.getcwd(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "warnings": warnings.filters[:],
        "logging": (logging.root.handlers[:], logging.root.level, logging.root.manager.disable),
        "logger": logging.getLogger("marginalization.models.loading").disabled,
    }


@pytest.mark.parametrize("code", [STATE + "change()", STATE, STATE + "change()\n1 / 0"])
def test_what_a_lab_sets_for_the_process_does_not_stay(tmp_path, code):
    lab = write(tmp_path, "model.py", code)
    before = state()
    if "1 / 0" in code:
        refused(f"{lab}:Net")
    else:
        load(f"{lab}:Net")
    assert state() == before


def test_a_model_is_made_in_the_dtype_that_its_file_sets(tmp_path):
    lab = write(tmp_path, "model.py", "import torch\ntorch.set_default_dtype(torch.float64)\n" + LAB)
    assert load(f"{lab}:Net").weight.dtype == torch.float64
    assert torch.get_default_dtype() == torch.float32


def test_random_weights_are_the_same_in_every_process(tmp_path):
    """Shards of a model without weights must not each have another one."""
    lab = write(
        tmp_path,
        "model.py",
        LAB + "import numpy, random\ndef draws():\n d = (numpy.random.rand(), random.random())\n return lambda: d\n",
    )
    first = load(f"{lab}:Net"), load(f"{lab}:draws")()
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    second = load(f"{lab}:Net"), load(f"{lab}:draws")()
    assert torch.equal(first[0].weight, second[0].weight)
    assert first[1] == second[1]


def test_models_without_numbers(tmp_path):
    lab = write(tmp_path, "model.py", LAB + "def empty():\n with torch.device('meta'): return Net()\n")
    assert "models.toy: its tensors are on the meta device, without numbers; make it on the CPU" in refused(
        f"{lab}:empty"
    )


def test_a_factory_that_loads_an_export(tmp_path):
    program = torch.export.export(torch.nn.Linear(4, 2), (torch.ones(2, 4),))
    torch.export.save(program, tmp_path / "m.pt2")
    model = load("torch.export:load", f=str(tmp_path / "m.pt2"))
    assert model(torch.ones(2, 4)).shape == (2, 2)
