"""A model's inputs beside the sequence."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from marginalization.config.sections import Model
from marginalization.errors import InputError
from marginalization.models.loading import load_inputs
from screens import typed


def load(*items, n=3):
    return load_inputs(typed(Model, {"inputs": list(items)}), "toy", n)


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
