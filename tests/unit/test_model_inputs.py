"""A model's inputs beside the sequence."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from marginalization.config.checks import model_files
from marginalization.config.resolving import resolve
from marginalization.config.sections import Model
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.models.loading import load_inputs
from screens import MINIMAL, SCHEMA, run_screen, screen_of, typed


def load(*items, n=3, names=None):
    return load_inputs(typed(Model, {"inputs": list(items)}), "toy", n, names)


@given(st.integers(1, 5), st.lists(st.integers(1, 3), max_size=3), st.floats(-5, 5, width=32))
def test_a_constant(n, shape, value):
    (tensor,) = load({"constant": value, "shape": shape}, n=n)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == np.full((n, *shape), value).tolist()


@given(st.integers(1, 5), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(-9, 9))
def test_a_constant_of_lists(n, shape, first):
    array = np.arange(first, first + np.prod(shape)).reshape(shape) / 4
    for listed, item in [(array, {}), (array, {"shape": shape}), (array.ravel(), {"shape": shape})]:
        (tensor,) = load({"constant": listed.tolist(), **item}, n=n)
        assert tensor.dtype == torch.float32
        assert tensor.tolist() == [array.tolist()] * n


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"constant": [[1, 2], [3]]}, "the rows of the constant differ in length"),
        ({"constant": [1, [2, 3]]}, "the rows of the constant differ in length"),
        ({"constant": [1, 2, 3], "shape": [2, 2]}, r"the constant has 3 numbers, and shape \[2, 2\] holds 4"),
    ],
)
def test_constants_that_are_no_tensor(item, message):
    with pytest.raises(InputError, match=rf"config: models\.toy\.inputs\[0\]: {message}"):
        load(item)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "i8", "u1", "?"])
def test_arrays_keep_their_dtype(tmp_path, dtype):
    array = np.array([[0, 1], [1, 0], [1, 1]], dtype=dtype)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", first=array + array, second=array)
    items = [{"file": str(tmp_path / "x.npy")}, {"file": str(tmp_path / "x.npz"), "key": "second"}]
    for tensor in load(*items):
        assert torch.equal(tensor, torch.from_numpy(array.astype(array.dtype.newbyteorder("="))))


@pytest.mark.parametrize("rows", [0, 2, 4])
def test_a_row_for_each_background(tmp_path, rows):
    np.save(tmp_path / "x.npy", np.ones((rows, 2)))
    with pytest.raises(InputError) as error:
        load({"constant": 1, "shape": []}, {"file": str(tmp_path / "x.npy")})
    assert f"config: models.toy.inputs[1]: {tmp_path}/x.npy has shape ({rows}, 2), but there are 3" in str(error.value)


def test_a_single_number_is_no_row_for_each(tmp_path):
    np.save(tmp_path / "x.npy", np.float32(3))
    with pytest.raises(InputError, match=r"has shape \(\), but there are 3 backgrounds"):
        load({"file": str(tmp_path / "x.npy")})


@pytest.mark.parametrize("key", [{}, {"key": "third"}])
def test_the_keys_of_an_archive(tmp_path, key):
    np.savez(tmp_path / "x.npz", first=np.ones(3), second=np.ones(3))
    with pytest.raises(InputError, match="holds first, second; name one of them as `key`"):
        load({"file": str(tmp_path / "x.npz"), **key})


@pytest.mark.parametrize(
    "content", [b"", b"1\t2\n", b"PK\x03\x04 cut", np.array(["a", "b", "c"]), np.array([None, {}, 1], dtype=object)]
)
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_files_without_numbers(tmp_path, content, name):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif name == "x.npy":
        np.save(path, content)
    else:
        np.savez(path, a=content)
    with pytest.raises(InputError, match=r"models\.toy\.inputs\[0\]: .*x\.np[yz] (is no \.npy|holds <U1, no numbers)"):
        load({"file": str(path), "key": "a"})


@given(st.integers(1, 5), st.integers(1, 6).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_a_one_hot_input(n, one_hot):
    place, size = one_hot
    (tensor,) = load({"one_hot": place, "size": size}, n=n)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [np.eye(size)[place].tolist()] * n


TABLE = "dnase\tname\trna\n0.5\tb\t-1\n2\ta\t1e3\n7\tunused\t0\n"


@pytest.fixture
def table(tmp_path):
    def written(text=TABLE):
        (tmp_path / "x.tsv").write_text(text)
        return str(tmp_path / "x.tsv")

    return written


@pytest.mark.parametrize(
    ("columns", "rows"),
    [(None, [[2, 1000], [0.5, -1]]), (["rna"], [[1000], [-1]]), (["rna", "dnase"], [[1000, 2], [-1, 0.5]])],
)
def test_a_table_by_the_names_of_backgrounds(table, columns, rows):
    """In any order, with rows of others, and for all shuffles of a background."""
    item = {"table": table(), **({"columns": columns} if columns else {})}
    (tensor,) = load(item, n=2, names=["a", "b"])
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == rows
    (copies,) = load(item, n=4, names=["a/0", "a/1", "b/0", "b/1"])
    assert copies.tolist() == [rows[0], rows[0], rows[1], rows[1]]
    (some,) = load(item, n=4)
    assert some[[1, 0]].tolist() == rows
    assert some[3].tolist() == some[0].tolist()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (TABLE, {}, r"x.tsv has no row for background c, and for 1 of 3 in all; give one for each"),
        (TABLE, {"columns": ["DNase"]}, "x.tsv has no column DNase; did you mean dnase?"),
        (TABLE.replace("\tname", "\tbackground"), {}, "line 1: the header has dnase, background, rna; it needs the"),
        (TABLE.replace("unused", "a"), {}, "line 4: background a is there twice; give it once"),
        (TABLE.replace("1e3", "high"), {}, "line 3: rna 'high' is no number"),
        (TABLE.replace("1e3", "nan"), {}, "line 3: rna 'nan' is no number"),
        (TABLE.replace("\t1e3", ""), {}, "line 3: rna '' is no number"),
    ],
    ids=lambda value: "" if isinstance(value, str) and "\t" in value else None,
)
def test_tables_that_do_not_fit(table, text, options, message):
    with pytest.raises(InputError) as error:
        load({"table": table(text), **options}, names=["a", "b", "c"])
    assert str(error.value).startswith("config: models.toy.inputs[0]: ")
    assert message in str(error.value)


def config_of(*items, **sections):
    model = {"factory": "odd_models:module", "kwargs": {"function": "inputs joined"}, "inputs": list(items)}
    return {**MINIMAL, "models": {"m": model}, **sections}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"one_hot": 3, "size": 3}, r"inputs\[0\]: one_hot 3 is not within its size; the places of 3 are 0 to 2"),
        ({"one_hot": 3}, r"one_hot goes only with size"),
        ({"table": "x.tsv", "constant": [1]}, "give exactly one of constant, one_hot, table, file"),
        ({"columns": ["a"], "file": "x.npy"}, "columns goes only with table"),
        ({"table": "none.tsv"}, "models.m: no file none.tsv"),
    ],
)
def test_the_dry_run_refuses(item, message):
    def dry_run():
        return model_files(resolve(config_of(item), str(SCHEMA)), "m")

    with pytest.raises(InputError, match=message):
        dry_run()


def test_a_screen_with_a_table(tmp_path, table):
    """Each background has its own row before and after, and the plan tells of one that has none."""
    path = table(TABLE.replace("a\t1e3", "background_0\t1e3").replace("\tb\t", "\tbackground_1\t"))
    model = config_of({"table": path}, {"one_hot": 1, "size": 2})["models"]
    readouts = {"r": {"targets": ["G", "dnase", "rna", "0", "1"]}}
    config = screen_of(tmp_path, ["GT"], ["A" * 12, "C" * 12], models=model, readouts=readouts)
    effects = pd.concat(map(pd.read_parquet, run_screen(config, tmp_path / "run").effects))
    found = effects.set_index(["background_id", "target"])
    assert found["before"].unstack().to_dict("index") == {
        0: {"G": 0, "dnase": 2, "rna": 1000, "0": 0, "1": 1},
        1: {"G": 0, "dnase": 0.5, "rna": -1, "0": 0, "1": 1},
    }
    assert found["effect"].unstack().loc[:, ["G", "dnase", "1"]].to_numpy().tolist() == [[1, 0, 0], [1, 0, 0]]
    table()
    with pytest.raises(InputError, match=r"inputs\[0\]: .*x\.tsv has no row for background background_0, and"):
        make_plan(config, tmp_path / "cache")
