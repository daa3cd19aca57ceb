"""What the first look at a model finds, in words, before any shard."""

import logging
import re
from pathlib import Path

import pytest
import torch
from marginalization.config.sections import Config
from marginalization.config.stale import check_reads
from marginalization.errors import InputError
from marginalization.probing.probe import probe
from marginalization.store.files import write_json
from marginalization.store.paths import Results
from odd_models import LettersLast, Net, counts
from screens import resolved

LENGTH = 40


def config_of(spec, length=LENGTH, **sections):
    return resolved(models={"toy": spec}, backgrounds={"length": length, "random": {"n": 5}}, **sections)


def found(spec, length=LENGTH, **sections):
    """What the probe says of a healthy model."""
    return probe(Config.of(config_of(spec, length, **sections)), "toy", 5)


def refusal(spec, length=LENGTH, **sections):
    """What the probe says of one that it refuses."""
    with pytest.raises(InputError) as error:
        probe(Config.of(config_of(spec, length, **sections)), "toy", 5)
    message = str(error.value)
    assert "\n" not in message
    return message


def of(factory, **spec):
    """The section of a model of odd_models."""
    return {"factory": f"odd_models:{factory}", **spec}


def function(name, **spec):
    """The same of a module of one of its functions."""
    return of("module", kwargs={"function": name}, **spec)


def label(value):
    """The name of a test of a section."""
    return str(value.get("kwargs", value["factory"])) if isinstance(value, dict) else ""


RANDOM = "config: models.toy is random at inference: it gives the same sequences other numbers each time"
CHANGING = (
    "config: models.toy changes from call to call: it gives the same sequences other numbers each time, with equal "
    "random draws too"
)
BATCH = "config: models.toy depends on its batch: it gives a sequence other numbers beside others than alone"
HELD = (
    ". It holds Net in training mode, where nobody else can reach it: call .eval() on it in the factory, or return the "
    "module itself"
)
CALLS = ". It calls {} in training mode: do so in training alone, by self.training"
ALONE = ". Have it change them in training alone (`if self.training:`)"
STATISTICS = "; running it changes norm.num_batches_tracked, norm.running_mean, norm.running_var"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (of("closure"), RANDOM + HELD),
        (of("part"), RANDOM + HELD),
        (of("Wrapper"), RANDOM + HELD),
        (of("Unregistered"), RANDOM + HELD),
        (of("closure_without_dropout"), BATCH + HELD),
        (function("functional dropout"), RANDOM + CALLS.format("dropout")),
        (function("torch's noise"), RANDOM + "."),
        (function("numpy's noise"), RANDOM + "."),
        (function("python's noise"), RANDOM + "."),
        (function("noise of its own"), CHANGING + "."),
        (of("Counter"), CHANGING + "; running it changes calls" + ALONE),
        (of("MovingNorm"), CHANGING + "; running it changes moving" + ALONE),
        (of("Replaced"), CHANGING + "; running it changes calls" + ALONE),
        (of("Noisy"), CHANGING + "; running it changes weight" + ALONE),
        (function("batch mean"), BATCH + "."),
        (function("batch mean beside much"), BATCH + "."),
        (function("batch size"), BATCH + "."),
        (function("functional batch norm"), BATCH + CALLS.format("batch_norm")),
        (of("TrainedNorm", kwargs={"dropout": 0.0}), BATCH + STATISTICS + CALLS.format("batch_norm")),
        (
            of("WithoutStatistics"),
            BATCH + ". norm is batch normalization without running statistics, so it takes those of the batch",
        ),
    ],
    ids=lambda value: (
        str(value["kwargs"] if "kwargs" in value else value["factory"]) if isinstance(value, dict) else ""
    ),
)
def test_what_is_no_function(spec, message):
    assert refusal(spec) == message


def test_what_is_said_of_models_of_letters_last(tmp_path):
    """Their remedies and names are those of the lab's own model."""
    last = {"input_layout": ["positions", "letters"]}
    assert refusal(of("letters_last", kwargs={"name": "MovingNorm"}, **last)) == (
        CHANGING + "; running it changes model.moving" + ALONE
    )
    program = torch.export.export(
        LettersLast(Net(0.5).train()),
        (torch.zeros(2, LENGTH, 4),),
        dynamic_shapes=({0: torch.export.Dim("batch", min=2)},),
    )
    torch.export.save(program, tmp_path / "model.pt2")
    assert refusal({"file": str(tmp_path / "model.pt2"), **last}).endswith(STORED)
    said = refusal(of("letters_last", kwargs={"name": "Net"}, inputs=[{"constant": 0, "shape": [1]}], **last))
    assert "List in models.toy.inputs what it takes after the" in said


@pytest.mark.parametrize(
    "spec",
    [of("closure", kwargs={"training": False}), of("Net"), of("CallsCounted"), of("RampKept"), function("integers")],
    ids=lambda spec: spec["factory"],
)
@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_healthy_models(spec, dtype):
    assert found(spec, compute={"dtype": dtype})["targets"]["prediction"]


def exported(path, model, batch, length=LENGTH):
    """A program of a model, for exactly so many sequences or, by a Dim, for any number."""
    dynamic = ({0: batch},) if not isinstance(batch, int) else None
    example = torch.zeros(batch if isinstance(batch, int) else 2, 4, length)
    torch.export.save(torch.export.export(model, (example,), dynamic_shapes=dynamic), path)
    return {"file": str(path)}


ANY = torch.export.Dim("batch", min=1)
STORED = ". It was exported in training mode: call model.eval() before the export, and save it again"


@pytest.mark.parametrize(("dropout", "message"), [(0.5, RANDOM), (0.0, BATCH)])
def test_programs_that_were_in_training_mode(tmp_path, dropout, message):
    program = exported(tmp_path / "model.pt2", Net(dropout).train(), torch.export.Dim("batch", min=2))
    assert refusal(program) == message + STATISTICS + STORED
    torch.jit.trace(Net(dropout).train(), torch.zeros(2, 4, LENGTH), check_trace=False).save(tmp_path / "model.pt")
    assert refusal({"file": str(tmp_path / "model.pt")}) == message + STATISTICS + STORED


def test_stored_models_that_know_their_mode(tmp_path):
    """A script keeps its mode as a number that can be set."""
    torch.jit.script(Net().train()).save(tmp_path / "model.pt")
    assert found({"file": str(tmp_path / "model.pt")})["targets"] == {"prediction": ["0", "1", "2"]}
    assert found(exported(tmp_path / "model.pt2", Net().eval(), ANY))["targets"] == {"prediction": ["0", "1", "2"]}


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
def test_programs_of_one_size_of_batch(tmp_path, batch):
    """Of three sequences too, which is how many the probe takes."""
    message = refusal(exported(tmp_path / "model.pt2", Net().eval(), batch))
    n = 1 if batch == 3 else 3
    assert message.startswith(
        f"config: models.toy fails on inputs of shape ({n}, 4, 40): AssertionError: Guard failed: "
    )
    assert message.endswith(
        f"It was exported for batches of exactly {batch}: export it from an example of two sequences with "
        'dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)'
    )


def test_the_remedy_for_a_size_of_batch_is_one(tmp_path):
    """Of two inputs, too: the message says what to write."""
    examples, inputs = (torch.zeros(1, 4, LENGTH), torch.zeros(1, 1)), [{"constant": 2, "shape": [1]}]
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Two(), examples), path)
    said = refusal({"file": str(path), "inputs": inputs})
    shapes = eval(said.rpartition("dynamic_shapes=")[2])
    two = tuple(torch.cat([x, x]) for x in examples)
    torch.export.save(torch.export.export(Two(), two, dynamic_shapes=shapes), path)
    assert found({"file": str(path), "inputs": inputs})["targets"]


class Two(torch.nn.Module):
    def forward(self, X, track):
        return counts(X) + track


@pytest.mark.parametrize(
    ("spec", "length", "message"),
    [
        (
            of("stacked"),
            40,
            "(3x160 and 120x1). It runs on sequences of 30 bases: set backgrounds.length to the length",
        ),
        (of("pooled"), 160, "(3x40 and 60x1). It runs on sequences of 240 bases: set backgrounds.length to"),
        (
            of("positions_last"),
            40,
            "(12x40 and 4x2). It takes sequences as (batch, length, 4): write `input_layout: [positions, letters]` in "
            "models.toy",
        ),
        (
            of("Net", input_layout=["positions", "letters"]),
            40,
            "It takes sequences as (batch, 4, length): leave out models.toy.input_layout",
        ),
        (of("as_images"), 40, "but got 3 channels instead. It takes sequences as (batch, 4, 1, length): have"),
        (of("closure_in_float64"), 40, "should be the same. It runs in float64: set compute.dtype to that"),
        (of("alone"), 40, "is invalid for input of size 480. It runs on 1 of them, and must take any number at a time"),
        (function("functional batch norm of counts"), 40, CALLS.format("batch_norm")),
        ({"factory": "toy_models:Lookup"}, 40, "List in models.toy.inputs what"),
        (of("Net", inputs=[{"constant": 0, "shape": [1]}]), 40, "List in models.toy.inputs what it takes after the"),
        (function("defect"), 40, "NameError: name 'undefined' is not defined."),
    ],
    ids=label,
)
def test_models_that_fail(spec, length, message):
    said = refusal(spec, length)
    assert re.match(r"config: models\.toy fails on inputs of shape \([13], 4, \d+\)(, \(3, 1\))?: \w+: ", said)
    assert message in said
    assert ("backgrounds.length" in said) == ("backgrounds.length" in message)


def test_a_program_of_another_length(tmp_path):
    said = refusal(exported(tmp_path / "model.pt2", Net().eval(), ANY, length=30))
    assert "It runs on sequences of 30 bases: set backgrounds.length" in said
    found(exported(tmp_path / "model.pt2", Net().eval(), ANY, length=30), length=30)


def test_the_shapes_say_so_where_no_length_that_is_tried_fits():
    said = refusal(of("long"), 40)
    assert said.endswith("Set backgrounds.length to the length that the model was trained on")
    assert found(of("long"), 979)


@pytest.mark.parametrize("inputs", [[{"constant": [[1, 2], [3, 4]]}], [{"constant": 2.5, "shape": [2, 2]}]])
def test_rows_of_the_further_inputs_go_along(inputs):
    assert found(function("inputs summed", inputs=inputs))["targets"] == {"prediction": ["0", "1", "2", "3"]}


def test_fewer_backgrounds_than_the_probe_has_sequences():
    spec = function("two inputs", inputs=[{"constant": 1, "shape": [1]}])
    assert probe(Config.of(config_of(spec)), "toy", 1)["targets"]


OUTPUT = "config: readouts.prediction: output 0 of the model "
HUMAN = "config: readouts.prediction: output 'human' of the model "
NO_ROW = ", so there is no row for each"
NAN = "config: models.toy gives no number (NaN)"
SQUEEZED = "; a squeeze() without an axis drops a batch of one"
TURNED = "; axis 1 looks like the batch, which comes first"
RETURNS = "config: readouts.prediction: the model returns "
ONE_OF = "; it must return a tensor, or a list, tuple, dict or dataclass of them"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "squeezed",
            f"{OUTPUT}has shape (40,) for 1 sequence{NO_ROW}; a squeeze() without an axis drops a batch of one",
        ),
        ("transposed", f"{OUTPUT}has shape (4, 3) for 3 sequences{NO_ROW}{TURNED}"),
        ("as many as sequences", f"{OUTPUT}has shape (3, 1) for 1 sequence{NO_ROW}{TURNED}"),
        ("a number", f"{OUTPUT}has shape () for 3 sequences{NO_ROW}"),
        ("python's number", f"{RETURNS}a float{ONE_OF}"),
        ("numpy", f"{RETURNS}a numpy.ndarray{ONE_OF}"),
        ("complex", f"{OUTPUT}is torch.complex64; a readout takes real numbers"),
        ("boolean", f"{OUTPUT}is torch.bool; a readout takes real numbers"),
        ("nothing", f"{RETURNS}an empty dict, no tensors"),
        ("None", f"{RETURNS}an empty tuple, no tensors"),
        (
            "no numbers",
            "config: readouts.prediction: there is nothing in it: it has 0 numbers for each sequence",
        ),
        ("nested", f"{HUMAN}is a dict, no tensor; take one out of it by a `function`"),
        (
            "NaN",
            "config: models.toy gives no number (NaN) in readout prediction for 1 of 3 random sequences of 40 bases",
        ),
    ],
)
def test_outputs_that_are_no_rows_of_numbers(name, message):
    assert refusal(function(name)) == message


def test_outputs_with_names():
    """Of a tuple with names each is an output by its place and by its name; of a dataclass by its name."""
    readouts = {"by_name": {"output": "second"}, "by_place": {"output": 1}}
    assert found(function("named tuple"), readouts=readouts)["targets"]["by_name"] == ["0", "1", "2", "3"]
    assert found(function("dataclass"), readouts={"a": {"output": "first"}})["targets"]["a"] == ["0", "1", "2", "3"]
    said = refusal(function("dataclass"), readouts={"a": {"output": "second"}})
    assert said == "config: readouts.a: the model has no output 'second'; it has 'first' (batch, 4)"


def test_a_readout_that_fails():
    said = refusal(function("counts"), readouts={"a": {}, "x": {"function": "odd_models:read_x"}})
    assert said.endswith("The model itself runs: readouts.x can not read what it returns")
    assert "backgrounds.length" not in said


def test_only_what_is_read_has_to_be_a_function():
    readouts = {"a": {"output": 0}}
    assert found(function("half noise"), readouts=readouts)["targets"]["a"] == ["0", "1", "2", "3"]
    assert refusal(function("half noise")).startswith(RANDOM)


@pytest.mark.parametrize(
    ("name", "readout", "message"),
    [
        ("constant", {}, "readouts.a: models.toy gives the same for 3 random sequences: does it have its weights"),
        (
            "infinite",
            {},
            "readouts.a: models.toy is infinite for a random sequence; a shard stops where one of its own is",
        ),
    ],
)
def test_warnings(caplog, name, readout, message):
    caplog.set_level(logging.WARNING)
    assert found(function(name), readouts={"a": readout})["profile_length"] == {}
    (record,) = caplog.records
    assert message in record.message


def test_no_warnings_of_healthy_profiles(caplog):
    readouts = {"counts": {"profile": {"logits": 0, "counts": 1}}}
    assert found({"factory": "screens:Tracks"}, readouts=readouts) == {
        "targets": {"counts": ["+", "-"]},
        "profile_length": {"counts": LENGTH},
        "parameters": 0,
        "reads": {},
    }
    assert not caplog.records


HIDDEN = """
import importlib, json, torch
table = importlib.import_module("".join(["ta", "bles"]))
class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        with open("scale.json") as file:
            self.scale = json.load(file)
    def forward(self, X):
        return X[:, :1].sum(dim=2) * self.scale
"""


def test_what_the_code_of_a_model_reads_unseen_is_on_record(tmp_path, monkeypatch):
    """And a change of it is told, as the plan can not see it."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("hidden.py", HIDDEN), ("tables.py", "import seen"), ("scale.json", "3"), ("seen.py", "")):
        (tmp_path / name).write_text(text)
    config = resolved(models={"m": {"factory": "hidden.py:Scaled"}})
    found = probe(Config.of(config), "m", 5)
    assert sorted(found["reads"]) == ["scale.json", "seen.py", "tables.py"]
    write_json(found, "results/models/m.json")
    check_reads(Results(Path("results")), ["m"])
    (tmp_path / "scale.json").write_text("4")
    with pytest.raises(InputError, match=r"models\.m reads scale\.json, which has changed"):
        check_reads(Results(Path("results")), ["m"])
