"""ChromBPNets and BPNets as Keras wrote them: the numbers, the files of folds, what they bring, and what is refused."""

import json
import tarfile

import h5py
import keras_files as kf
import numpy as np
import pytest
import torch
from keras_files import LENGTH, OUT, branch, write, write_whole
from marginalization.config.attributions import check_attributions
from marginalization.config.checks import check_config, model_files
from marginalization.config.models import complete
from marginalization.config.sections import Config, Model
from marginalization.errors import InputError
from marginalization.inference.incremental.engine import Incremental
from marginalization.models.loading import load_model
from marginalization.models.readouts import ReadoutModel
from marginalization.packages.stored import fold_files
from screens import MINIMAL, resolved, schema, typed

ACCESSIBILITY, BIAS = branch(1), branch(2, without_bias=False)
BACKGROUNDS = {"random": {"n": 3}}


@pytest.fixture(name="X")
def sequences():
    return np.eye(4)[np.random.default_rng(0).integers(0, 4, (3, LENGTH))]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that paths are relative to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(models, **sections):
    """A config with what its models bring along."""
    config = resolved(models=models, backgrounds=sections.pop("backgrounds", BACKGROUNDS), **sections)
    complete(config)
    return config


def outputs(spec, X, *args):
    model = load_model(typed(Model, spec), "m").double()
    tensors = (torch.from_numpy(x).transpose(1, 2) if x.ndim == 3 else torch.from_numpy(x) for x in (X, *args))
    with torch.no_grad():
        return [y.numpy() for y in model(*tensors)]


def assert_outputs(ours, reference):
    logits, counts = reference
    np.testing.assert_allclose(ours[0], logits.transpose(0, 2, 1) if logits.ndim == 3 else logits, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours[1], counts, rtol=0, atol=1e-12)


def test_a_chrombpnet_without_its_bias_model(here, X):
    reference = kf.branch_outputs(ACCESSIBILITY, X)
    assert reference[0].shape == (3, OUT)
    assert np.ptp(reference[0]) > 0.5
    for path in (write("nobias.h5", ACCESSIBILITY), write_whole("whole.h5", ACCESSIBILITY, BIAS)):
        assert_outputs(outputs({"chrombpnet": path}, X), reference)


def test_a_chrombpnet_with_its_bias_model(here, X):
    path = write_whole("whole.h5", ACCESSIBILITY, BIAS)
    assert_outputs(outputs({"chrombpnet": path, "bias": True}, X), kf.whole_outputs(ACCESSIBILITY, BIAS, X))


def test_a_bias_model_by_itself(here, X):
    assert_outputs(outputs({"bpnet": write("bias.h5", BIAS)}, X), kf.branch_outputs(BIAS, X))


def test_a_bpnet_with_control_tracks(here, X):
    path = write("bpnet.h5", kf.bpnet(3))
    tracks = np.random.default_rng(1).poisson(1.0, (3, OUT, 2)).astype(float)
    counts = np.log1p(tracks.sum(axis=1))
    given = outputs({"bpnet": path}, X, tracks, counts)
    assert_outputs(given, kf.bpnet_outputs(kf.bpnet(3), X, tracks, counts))
    zero = outputs({"bpnet": path}, X, tracks * 0, counts * 0)
    assert_outputs(zero, kf.bpnet_outputs(kf.bpnet(3), X, tracks * 0, counts * 0))
    assert np.abs(given[0] - zero[0]).max() > 0.1


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("readout", ["both", "log_counts"])
def test_they_are_captured_and_equal_full_passes(here, X, bias, readout):
    path = write_whole("whole.h5", ACCESSIBILITY, BIAS)
    config = completed({"m": {"chrombpnet": path, "bias": bias}})
    readouts = {key: of for key, of in Config.of(config).readouts.items() if readout in ("both", key)}
    assert_incremental(ReadoutModel(load_model(typed(Model, config["models"]["m"]), "m"), readouts), X, [])


def test_a_bpnet_is_captured_and_equals_full_passes(here, X):
    config = completed({"m": {"bpnet": write("bpnet.h5", kf.bpnet(3))}})
    shapes = [item["shape"] for item in config["models"]["m"]["inputs"]]
    assert shapes == [[2, OUT], [2]]
    args = [torch.zeros(3, *shape, dtype=torch.float64) for shape in shapes]
    assert_incremental(
        ReadoutModel(load_model(typed(Model, config["models"]["m"]), "m"), Config.of(config).readouts), X, args
    )


def assert_incremental(model, X, args):
    model = model.double().eval()
    X = torch.from_numpy(X).transpose(1, 2).contiguous()
    motif = torch.eye(4, dtype=torch.float64)[torch.tensor([[0, 1, 2, 3, 2]])].transpose(1, 2)
    with torch.no_grad():
        engine = Incremental(model, [X, *args])
        for lo in (0, 70, LENGTH - 5):
            engine.prepare([X, *args], (0, 3), lo, lo + 5, 3)
            Z = X.clone()
            Z[:, :, lo : lo + 5] = motif
            after, reference = engine.after((Z - X)[:, :, lo : lo + 5], lo, slice(0, 3)), model(Z, *args)
            assert after.keys() == reference.keys()
            for key, value in reference.items():
                torch.testing.assert_close(after[key], value, rtol=0, atol=1e-11)


@pytest.fixture
def folds(here):
    """A folder as ENCODE has it."""
    for fold in range(2):
        parts = branch(10 + fold), branch(20 + fold, without_bias=False)
        below = here / "models" / f"fold_{fold}"
        write(below / f"model.chrombpnet_nobias.fold_{fold}.ENCSR1.h5", parts[0])
        write(below / f"model.bias_scaled.fold_{fold}.ENCSR1.h5", parts[1])
        write_whole(below / f"model.chrombpnet.fold_{fold}.ENCSR1.h5", *parts)
        (below / f"model.chrombpnet.fold_{fold}.ENCSR1.tar").write_bytes(b"")
    return "models"


@pytest.fixture(params=["folder", "tar", "gzipped tar"])
def stored_folds(request, folds):
    if request.param == "folder":
        return folds
    name = "models.tar" if request.param == "tar" else "models.tar.gz"
    with tarfile.open(name, "w" if request.param == "tar" else "w:gz") as archive:
        archive.add(folds)
    return name


@pytest.mark.parametrize("bias", [False, True])
def test_folds_become_a_group(stored_folds, X, bias):
    config = completed({"atac": {"chrombpnet": stored_folds, "bias": bias}, "other": {"chrombpnet": stored_folds}})
    assert config["groups"] == {name: [f"{name}.fold_0", f"{name}.fold_1"] for name in ("atac", "other")}
    assert list(config["models"]) == config["groups"]["atac"] + config["groups"]["other"]
    for fold in range(2):
        spec = config["models"][f"atac.fold_{fold}"]
        assert ("chrombpnet_nobias" in spec["chrombpnet"]) is not bias
        parts = branch(10 + fold), branch(20 + fold, without_bias=False)
        reference = kf.whole_outputs(*parts, X) if bias else kf.branch_outputs(parts[0], X)
        assert_outputs(outputs(spec, X), reference)
        (file,) = model_files(Config.of(config), f"atac.fold_{fold}")
        assert file == (spec["chrombpnet"] if stored_folds == "models" else stored_folds)
    again = json.loads(json.dumps(config))
    complete(again)
    assert again == config


def test_folds_stand_for_their_model_in_groups(folds):
    write("one.h5", ACCESSIBILITY)
    models = {"one": {"chrombpnet": "one.h5"}, "atac": {"chrombpnet": folds}}
    config = completed(models, groups={"all": ["one", "atac"]})
    assert config["groups"]["all"] == ["one", "atac.fold_0", "atac.fold_1"]
    with pytest.raises(
        InputError, match=r"models\.atac: its folds need the name atac\.fold_1, which is another model's"
    ):
        completed({**models, "atac.fold_1": {"chrombpnet": "one.h5"}})


def test_a_folder_of_one_fold_is_a_model(folds):
    config = completed({"atac": {"chrombpnet": f"{folds}/fold_1"}})
    assert config["groups"] == {}
    assert config["models"]["atac"]["chrombpnet"] == f"{folds}/fold_1/model.chrombpnet_nobias.fold_1.ENCSR1.h5"


def test_what_the_lab_writes_overrides_what_a_model_brings(here):
    models = {"m": {"bpnet": write("bpnet.h5", kf.bpnet(3))}}
    config = completed(models)
    assert config["backgrounds"]["length"] == LENGTH
    assert list(config["readouts"]) == ["log_counts", "counts"]
    own = [{"constant": 1, "shape": [2, OUT + 4]}, {"constant": 1, "shape": [2]}]
    readouts = {"mine": {"output": 1}}
    config = completed(
        {"m": {**models["m"], "inputs": own}}, readouts=readouts, backgrounds={**BACKGROUNDS, "length": LENGTH + 4}
    )
    assert config["models"]["m"]["inputs"] == own
    assert list(config["readouts"]) == ["mine"]
    longer = completed(models, backgrounds={**BACKGROUNDS, "length": LENGTH + 4})
    assert longer["models"]["m"]["inputs"] == [{**item, "constant": 0} for item in own]


def test_without_such_a_model_the_length_is_required():
    with pytest.raises(InputError, match="backgrounds: 'length' is a required property"):
        check_config({**MINIMAL, "backgrounds": BACKGROUNDS}, schema())
    check_config({**MINIMAL, "models": {"m": {"bpnet": "x.h5"}}, "backgrounds": BACKGROUNDS}, schema())


def refused(**spec):
    with pytest.raises(InputError) as error:
        completed({"m": spec})
    return str(error.value).removeprefix("config: models.m: ")


def test_a_file_of_another_kind_is_told(here):
    write("bias.h5", BIAS)
    write("nobias.h5", ACCESSIBILITY)
    torch.save({"state_dict": {}}, "bpnet.torch")
    with h5py.File("weights.h5", "w") as file:
        file["layer/kernel:0"] = np.zeros(3)
    (here / "cut.h5").write_bytes((here / "bias.h5").read_bytes()[:3000])
    (here / "empty.h5").touch()
    assert "whose names begin with wo_bias_; give a BPNet, or a bias model by itself, as `bpnet`" in refused(
        chrombpnet="bias.h5"
    )
    assert refused(chrombpnet="nobias.h5", bias=True).startswith("nobias.h5 holds no bias model; give the whole model")
    assert refused(bpnet="bpnet.torch").endswith("if you trust it, give it as `file`, with `trust_pickle: true`")
    assert refused(bpnet="weights.h5").startswith("weights.h5 is an HDF5 file without a model, holding layer; give")
    assert refused(bpnet="cut.h5").startswith("cut.h5 is an HDF5 file that is damaged or cut off")
    assert refused(bpnet="empty.h5") == "empty.h5 is empty; copy or download it again"
    assert refused(bpnet="bis.h5") == "no file bis.h5; did you mean bias.h5?"


def test_a_folder_without_the_model_is_told(folds, here):
    (here / "none").mkdir()
    assert refused(chrombpnet="none") == "none holds no file *chrombpnet_nobias*.h5; it holds no .h5 file at all"
    write("folds/fold_0/model.h5", BIAS)
    assert refused(chrombpnet="folds").endswith("holds no file *chrombpnet_nobias*.h5; it holds fold_0/model.h5")
    assert "for fold_0; give the one that you mean" in refused(bpnet=folds)
    assert fold_files("folds", "bpnet", False, "models.m") == {"": "folds/fold_0/model.h5"}


def changed(keras, name, **settings):
    """A network with other settings of a layer."""
    layers = [{**of, "config": {**of["config"], **settings}} if of["name"] == name else of for of in keras.layers]
    return keras._replace(layers=layers)


@pytest.mark.parametrize(
    ("keras", "message"),
    [
        (
            BIAS._replace(weights={key: of for key, of in BIAS.weights.items() if key != ("bpnet_2conv", "bias")}),
            "lacks the bias of its layer bpnet_2conv (Conv1D), so it is damaged or cut off",
        ),
        (
            changed(BIAS, "bpnet_1conv", filters=6),
            "has a kernel of the shape (3, 5, 5) in its layer bpnet_1conv, not (3, 5, 6)",
        ),
        (
            changed(BIAS, "bpnet_1conv", activation="gelu"),
            "has a layer bpnet_1conv (Conv1D) with strides, groups or an activation that is not read",
        ),
        (
            changed(BIAS, "bpnet_1crop", cropping=[1, 1]),
            "has a layer add_1 (Add) that adds shapes which differ: (136, 5), (138, 5)",
        ),
        (
            changed(kf.bpnet(1), "main_logsumexp_counts_bias_0", function=["", None, None]),
            "(Lambda) of other code than the logsumexp of BPNet and ChromBPNet",
        ),
        (BIAS._replace(outputs=BIAS.outputs[:1]), "takes (160, 4) and gives 1 outputs; a bpnet takes (length, 4)"),
    ],
)
def test_a_network_that_is_not_read_is_told(here, keras, message):
    assert message in refused(bpnet=write("m.h5", keras))


def test_a_network_without_its_graph_is_told(here):
    path = write("m.h5", BIAS)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "CustomModel", "config": {}})
    assert refused(bpnet=path).startswith("m.h5 is a CustomModel of Keras's without a description of how its layers")


def test_a_kind_of_layer_that_is_not_read_is_told(here):
    layers = [{**of, "class_name": "LSTM"} if of["name"] == "gap" else of for of in BIAS.layers]
    assert "has a layer gap of the kind LSTM" in refused(bpnet=write("m.h5", BIAS._replace(layers=layers)))


def test_deep_lift_shap_has_no_rule_for_the_sum_of_counts(here):
    path = write_whole("whole.h5", ACCESSIBILITY, BIAS)
    attributions = {"function": "deep_lift_shap", "window": 5}
    config = completed({"m": {"chrombpnet": path, "bias": True}}, attributions=attributions)
    with pytest.raises(InputError, match=r"two models in models\.m; leave out its `bias`"):
        check_attributions(Config.of(config))
    check_attributions(Config.of(completed({"m": {"chrombpnet": path}}, attributions=attributions)))


def test_models_of_two_lengths_need_one(here):
    write("a.h5", BIAS)
    layers = [*BIAS.layers]
    layers[0] = kf.layer("InputLayer", "sequence", batch_input_shape=[None, LENGTH + 10, 4])
    write("b.h5", BIAS._replace(layers=layers))
    with pytest.raises(InputError, match=r"160 bases \(models.a\) and 170 bases \(models.b\)"):
        completed({"a": {"bpnet": "a.h5"}, "b": {"bpnet": "b.h5"}})
