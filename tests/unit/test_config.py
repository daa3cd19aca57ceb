import copy
import json

import pytest
from jsonschema import Draft202012Validator
from marginalization.config.checks import Everything, check_config, config_hash, profile_readouts, readouts_of
from marginalization.config.sections import Config
from marginalization.errors import InputError
from screens import MINIMAL, resolved, schema

TF = {"tf_class": "Homeo domain factors", "tf_family": "HOX*"}
INPUTS = [
    {"constant": 1, "shape": [2]},
    {"constant": [[1, 2.5]]},
    {"file": "input.npz", "key": "x"},
    {"one_hot": 3, "size": 10},
    {"table": "x.tsv", "columns": ["a"]},
]
FULL = {
    "screen": "full",
    "seed": 1,
    "models": {
        "factory": {
            "factory": "package.module:Class.make",
            "kwargs": {"width": 3},
            "weights": "weights.pt",
            "input_layout": ["positions", "letters"],
            "inputs": INPUTS,
        },
        "file": {"file": "model.pt", "trust_pickle": True},
        "atac": {"chrombpnet": "folds", "bias": True},
        "chip": {"bpnet": "bpnet.h5"},
        "other": {"cherimoya": "other.torch"},
    },
    "groups": {"both": ["factory", "file"]},
    "readouts": {
        "some": {
            "output": "head",
            "layout": ["positions", "tracks"],
            "positions": [2, 5],
            "reduce": "sum",
            "channels": ["b", "a"],
            "targets": ["a", "b"],
            "reverse_order": [1, 0],
            "effect": "ratio",
            "pseudocount": 0.5,
        },
        "profile": {"profile": {"logits": 0, "counts": "c", "keep": False}},
        "own": {"function": "own.py:read"},
        "table": {"targets": {"file": "targets.txt", "where": {"genome": 0}, "name": "description"}},
    },
    "elements": {
        "motifs": [
            {
                "file": "motifs.meme",
                "format": "meme",
                "sequences": "sampled",
                "min_information": 0.1,
                "samples": 2,
                "trim": 0.2,
                "trim_contribution": 0.1,
            },
            {"jaspar": {"release": "JASPAR2026", "collection": "CORE", "tax_group": "plants", **TF}},
        ],
        "annotations": [
            {
                "file": "peaks.bed",
                "genome": "genome.fa",
                "format": "bed",
                "stranded": False,
                "summit_flank": 3,
                "max_width": 9,
            },
            {"file": "hits.tsv", "patterns": "modisco.h5"},
        ],
        "pairs": [
            {"first": "a", "second": "b", "distances": [0, 7], "orientations": ["-+", "++"]},
            {"first": "b", "second": "b", "distances": {"from": 0, "to": 9, "step": 3}},
            {"first": ["a", "family:HOX*"], "second": "*", "distances": [1]},
        ],
        "arrangements": [
            {"motifs": ["a", "b", "a"], "distances": [5, [3, 4]], "orientation": "+-+"},
            {"motifs": ["a"], "copies": 4, "distances": [10]},
        ],
        "ablations": {
            "annotations": [{"file": "hits.tsv", "genome": "genome.fa"}],
            "by": "GATTACA",
            "shuffles": 3,
            "elsewhere": 4,
            "within": None,
        },
        "maps": {"most": 3},
        "controls": {
            "shuffles": 20,
            "kind": "dinucleotide",
            "per": "stratum",
            "genomic": {"genome": "genome.fa", "n": 30},
            "strata": {"width": 3, "gc": 4},
            "level": 0.1,
            "effect_floor": 0.2,
        },
    },
    "backgrounds": {
        "length": 100,
        "loci": {"file": "loci.bed", "genome": "genome.fa", "summits": True, "columns": {"signal": 7}},
        "transform": "local_dinucleotide_shuffle",
        "bin_size": 20,
        "copies": 2,
        "match_gc": "peaks.bed",
        "max_unknown": 3,
        "exclude": "peaks.bed",
        "chromosomes": ["chr1"],
        "holdout": ["chr2"],
        "past_end": "drop",
        "maximum": 10,
    },
    "placement": {"start": [3, 5], "strands": "both", "average_strands": True},
    "compare": [
        {"first": "factory", "second": "both", "scaled": True},
        {"first": "a", "second": "b", "readout": "some"},
    ],
    "measured": [{"file": "affinities.tsv", "column": "ln_ka"}],
    "attributions": {
        "function": "own.py:attribute",
        "readouts": ["own"],
        "window": 20,
        "kwargs": {"width": 3},
        "marginals": 50,
    },
    "compute": {"device": "cpu", "dtype": "float64", "precision": "high", "batch_size": 3, "threads": 2},
    "shards": {"backgrounds": 5, "marginals": 50, "rows": 900, "minutes": 7.5, "max_jobs": 20},
    "keep_effects": "summary",
}
OTHERS = {  # the keys that exclude those of FULL
    "backgrounds.fasta": {"length": 100, "fasta": "x.fa"},
    "backgrounds.random": {"length": 100, "random": {"n": 2, "gc": 0.4}},
}
NAMED = {
    *("models", "groups", "readouts", "models.factory.kwargs", "attributions.kwargs"),
    "readouts.table.targets.where",
    "backgrounds.loci.columns",
}
"""Where the keys are names that the person chooses."""


def nodes(value, place=()):
    """Each value of a config with the keys that lead to it."""
    yield place, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from nodes(child, (*place, key))


def at(config, place):
    for key in place:
        config = config[key]
    return config


def dotted(place):
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).removeprefix(".")


SCAN = {"start": {"from": 2, "to": 40, "step": 5}, "strands": "-"}
CONFIGS = [FULL, *({**FULL, "backgrounds": section} for section in OTHERS.values()), {**FULL, "placement": SCAN}]
KEYS = {
    dotted(place): (config, place)
    for config in CONFIGS
    for place, _ in nodes(config)
    if place and isinstance(place[-1], str) and dotted(place[:-1]) not in NAMED
}


def properties(part, defs):
    """The keys that a part of the schema knows, each with its own schema."""
    part = defs[part["$ref"].split("/")[-1]] if "$ref" in part else part
    for key, child in part.get("properties", {}).items():
        target = defs[child["$ref"].split("/")[-1]] if "$ref" in child else child
        yield key, {**target, **child}
        yield from properties(child, defs)
    for child in (part.get("items"), part.get("additionalProperties"), *part.get("oneOf", [])):
        if isinstance(child, dict):
            yield from properties(child, defs)


def test_every_key_is_described_and_tested_below():
    whole = schema()
    Draft202012Validator.check_schema(whole)
    keys = list(properties(whole, whole["$defs"]))
    assert len(keys) > 60
    assert [key for key, part in keys if len(part.get("description", "")) < 8] == []
    assert {key for key, _ in keys} == {place[-1] for _, place in KEYS.values()}


@pytest.mark.parametrize("config", [MINIMAL, *CONFIGS])
def test_a_config_is_accepted_with_and_without_its_defaults(config):
    check_config(config, schema())
    filled = resolved(**config)
    check_config(filled, schema())
    assert resolved(**filled) == filled


def test_defaults():
    config = resolved()
    assert config["placement"] == {"start": "centre", "strands": "+", "average_strands": False}
    assert config["compute"] == {
        "device": "auto",
        "dtype": None,
        "precision": "highest",
        "batch_size": 64,
        "threads": 1,
    }
    assert config["models"]["toy"]["trust_pickle"] is False


@pytest.mark.parametrize("key", sorted(KEYS))
def test_an_unknown_key_is_named_with_the_nearest_known_one(key):
    config, place = KEYS[key]
    config = copy.deepcopy(config)
    parent = at(config, place[:-1])
    parent[place[-1] + "x"] = parent.pop(place[-1])
    where = f" in {dotted(place[:-1])}" if place[:-1] else ""
    with pytest.raises(InputError) as error:
        check_config(config, schema())
    assert str(error.value) == f"config: unknown key '{place[-1]}x'{where}; did you mean '{place[-1]}'?"


def test_an_unknown_key_like_no_other_is_told_the_known_ones():
    known = "backgrounds, marginals, max_jobs, minutes, rows"
    with pytest.raises(InputError, match=rf"'qqq' in shards; known keys are {known}$"):
        check_config({**MINIMAL, "shards": {"qqq": 1}}, schema())


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_value_of_a_wrong_type_is_refused_where_it_stands(key):
    config, place = KEYS[key]
    config = copy.deepcopy(config)
    parent = at(config, place[:-1])
    parent[place[-1]] = [[]] if isinstance(parent[place[-1]], dict) else [[], 1.5]
    with pytest.raises(InputError, match=r"^config: ") as error:
        check_config(config, schema())
    assert f"config: {dotted(place)}" in str(error.value)


TOY = {"factory": "a.b:C"}
PAIR = {"first": "a", "second": "b", "distances": [0]}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"models": {"m": {}}}, "models.m: give exactly one of file, factory"),
        ({"models": {"m": {**TOY, "file": "x"}}}, "models.m: give exactly one of file, factory"),
        ({"models": {"m": {"file": "x", "weights": "y"}}}, "models.m: weights goes only with factory"),
        (
            {"models": {"m": {"factory": "no_colon"}}},
            "models.m.factory: 'no_colon' does not end in a colon and a name .*What makes",
        ),
        ({"models": {"a b": TOY}}, "models: 'a b' does not match"),
        ({"models": {1: TOY}}, "models: 1 is not of type 'string'"),
        ({"models": {}}, "models: {} should be non-empty"),
        (
            {"models": {"m": {**TOY, "inputs": [{"constant": 1}]}}},
            r"models.m.inputs\[0\]: 'shape' is a required property",
        ),
        (
            {"models": {"m": {**TOY, "inputs": [{"shape": [1]}]}}},
            r"models.m.inputs\[0\]: give exactly one of constant, one_hot, table, file",
        ),
        ({"models": {"m": {**TOY, "inputs": [{"constant": [[1], "a"]}]}}}, r"models.m.inputs\[0\].constant"),
        ({"models": {"m": {**TOY, "inputs": [{"constant": []}]}}}, r"models.m.inputs\[0\].constant"),
        ({"compute": {"device": "gpu"}}, "compute.device: 'gpu' does not match .*a PyTorch device: `cpu`, `cuda`"),
        ({"compute": {"device": "cuda:"}}, "compute.device: 'cuda:' does not match"),
        ({"elements": {"motifs": [{}]}}, r"elements.motifs\[0\]: give exactly one of file, jaspar"),
        ({"backgrounds": {"length": 5}}, "backgrounds: give exactly one of loci, fasta, random"),
        ({"backgrounds": {"random": {"n": 1}}}, "backgrounds: 'length' is a required property"),
        (
            {"placement": {"start": "center"}},
            "placement.start: 'center' is not allowed here .*`centre`",
        ),
        ({"placement": {"start": [1, -3]}}, r"placement.start\[1\]: -3 is less than the minimum of 0"),
        ({"placement": {"start": {"from": -1}}}, "placement.start.from: -1 is less than the minimum of 0"),
        ({"placement": {"start": {"from": 1, "step": 0}}}, "placement.start.step: 0 is less than the minimum of 1"),
        ({"placement": {"start": {"to": 5}}}, "placement.start: 'from' is a required property"),
        ({"elements": {"pairs": [{"first": "a", "distances": [0]}]}}, r"pairs\[0\]: 'second' is a required property"),
        (
            {"elements": {"pairs": [{**PAIR, "distances": [3, -1]}]}},
            r"pairs\[0\].distances\[1\]: -1 is less than the minimum of 0",
        ),
        ({"elements": {"pairs": [{**PAIR, "distances": []}]}}, r"pairs\[0\].distances: \[\] should be non-empty"),
        ({"elements": {"pairs": [{**PAIR, "orientations": ["+"]}]}}, r"orientations\[0\]: '\+' is not one of"),
        ({"placement": {"strands": "x"}}, r"strands: 'x' is not one of \['\+', '-', 'both'\]"),
        (
            {"readouts": {"r": {"positions": "al"}}},
            "readouts.r.positions: 'al' is not allowed here .*a number of central ones",
        ),
        ({"readouts": {"r": {"effect": "fold"}}}, "readouts.r.effect: 'fold' is not one of .*'log2_fold_change'"),
        (
            {"readouts": {"r": {"effect": "ratio", "pseudocount": -1}}},
            "readouts.r.pseudocount: -1 is less than the min",
        ),
        (
            {"readouts": {"r": {"pseudocount": 0}}},
            "readouts.r: pseudocount goes only with effect log2_fold_change or ratio, not difference$",
        ),
        ({"readouts": {"r": {"effect": "log_odds", "pseudocount": 1}}}, "or ratio, not log_odds$"),
        ({"groups": {"toy": ["toy", "toy2"]}}, "groups.toy: there is a model of that name; give the group another"),
        ({"groups": {"g": ["toy", "tor"]}}, "groups.g: there is no model tor; did you mean toy"),
        ({"groups": {"g": ["toy", "xyz"]}}, "groups.g: there is no model xyz; there are toy"),
        ({"compare": [{"first": "toy", "second": "toy"}]}, r"compare\[0\]: toy is compared with itself"),
        (
            {"compare": [{"first": "toy", "second": "tory"}]},
            r"compare\[0\]: there is no model or group tory; did you mean toy",
        ),
        (
            {"compare": [{"first": "a", "second": "b", "readout": "x"}]},
            r"compare\[0\]: there is no readout x; there are prediction",
        ),
        (
            {
                "readouts": {"x": {"targets": ["a", "c"]}},
                "compare": [{"first": "a", "second": "b", "readout": "x"}],
            },
            r"compare\[0\]: there is no target b; there are a, c",
        ),
        (
            {
                "models": {"a": {"file": "x"}, "b": {"file": "y"}},
                "compare": [{"first": "a", "second": "b", "scaled": True}],
            },
            r"compare\[0\]: scaled divides by the spread of controls; give elements.controls too",
        ),
        ({"groups": {"g": ["toy"]}}, r"groups.g: \['toy'\] is too short"),
        ({"attributions": {}}, "attributions: 'function' is a required property"),
        ({"attributions": {"function": "deep_lift"}}, "attributions.function: 'deep_lift' does not match .*saturation"),
        ({"readouts": None}, "readouts: None is not of type 'object' .*Scalars to take"),
        ({"seed": True}, "seed: True is not of type 'integer'"),
        ({"screen": "a/b"}, "screen: 'a/b' does not match"),
    ],
)
def test_what_is_wrong_is_said_in_words(section, message):
    with pytest.raises(InputError, match=message):
        check_config({**MINIMAL, **section}, schema())


@pytest.mark.parametrize("section", ["models", "readouts"])
def test_names_that_differ_by_case_alone_are_refused(section):
    config = {**MINIMAL, section: {name: TOY if section == "models" else {} for name in ("ctcf", "gata", "CTCF")}}
    with pytest.raises(
        InputError, match=f"^config: {section}: ctcf and CTCF differ by the case of their letters alone"
    ):
        check_config(config, schema())


def test_a_name_that_is_too_long_for_a_folder():
    with pytest.raises(InputError, match=r"^config: models: '(x{201})' is too long"):
        check_config({**MINIMAL, "models": {"x" * 201: TOY}}, schema())


def test_a_missing_section():
    with pytest.raises(InputError, match="config: top level: 'models' is a required property"):
        check_config({key: value for key, value in MINIMAL.items() if key != "models"}, schema())


def test_the_hash_is_of_the_values_alone():
    config = resolved()
    turned = json.loads(json.dumps(dict(reversed(config.items()))))
    assert config_hash(config) == config_hash(turned) != config_hash(resolved(seed=1))


def test_readouts():
    ((name, readout),) = readouts_of(Config.of(resolved())).items()
    assert name == "prediction"
    assert isinstance(readout, Everything)
    assert profile_readouts(Config.of(resolved())) == []
    profile = {"profile": {"logits": 0, "counts": 1}}
    config = resolved(readouts={"z": profile, "b": {"profile": {**profile["profile"], "keep": False}}, "a": {}})
    assert list(readouts_of(Config.of(config))) == ["a", "b", "z"]
    assert profile_readouts(Config.of(config)) == ["z"]


def test_a_readout_of_two_kinds_is_refused():
    config = {**MINIMAL, "readouts": {"both": {"output": 1, "profile": {"logits": 0, "counts": 1}}}}
    with pytest.raises(InputError, match=r"readouts\.both: output and profile exclude each other"):
        check_config(config, schema())
