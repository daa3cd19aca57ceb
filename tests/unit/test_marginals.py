import pytest
import tangermeme.deep_lift_shap
import tangermeme.marginalize
import tangermeme.saturation_mutagenesis
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import marginalize, marginalize_annotations, marginalize_motifs, stream_motifs
from marginalization.inference.incremental.execution import Run
from marginalization.sequences.onehot import one_hot_encode
from toy_models import Composition, Convolution, Lookup, Positions, Scaled, TwoHeads
from trees import assert_same

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGGGG"])
PROTEIN = "ACDEFGHIKLMNPQRSTVWY"


def test_marginalize_known_answers():
    y_before, y_after = marginalize(Composition(), X, "TTT")
    assert (y_after - y_before).tolist() == [[-1, -1, -1, 3], [-1, -2, 0, 3], [0, 0, -3, 3]]
    result = marginalize(Positions(), X, "TNT", start=0)
    assert (result.y_after - result.y_before)[2].tolist() == [0, 0, -4, 4]


@st.composite
def screens(draw, letters="ACGT"):
    length = draw(st.integers(1, 30))
    text = st.text(letters + "N", min_size=length, max_size=length)
    backgrounds = draw(st.lists(text, min_size=1, max_size=5))
    motifs = draw(st.lists(st.text(letters + "N", min_size=1, max_size=length), min_size=1, max_size=6))
    start = draw(st.none() | st.integers(0, length - max(map(len, motifs))))
    return one_hot_encode(backgrounds, letters), motifs, start


@settings(max_examples=40, deadline=None)
@given(screens(), st.integers(1, 9))
def test_marginalize_equals_tangermeme(screen, batch_size):
    X, motifs, start = screen
    model = Convolution()
    ours = marginalize(model, X, motifs[0], start, batch_size=batch_size)
    assert_same(ours, tangermeme.marginalize.marginalize(model, X, motifs[0], start))


@settings(max_examples=40, deadline=None)
@given(screens(), st.integers(1, 9))
def test_many_motifs_equal_one_at_a_time(screen, batch_size):
    X, motifs, start = screen
    model = Convolution()
    y_before, y_afters = marginalize_motifs(model, X, motifs, start, batch_size=batch_size)
    for motif, y_after in zip(motifs, y_afters, strict=True):
        assert_same((y_before, y_after), tangermeme.marginalize.marginalize(model, X, motif, start))


@pytest.mark.parametrize("alphabet", ["ACGU", PROTEIN])
def test_other_alphabets_equal_tangermeme(alphabet):
    sequences = [(alphabet * 10)[i : i + 25].replace("N", "A") for i in range(4)]
    X = one_hot_encode(sequences, alphabet)
    model = Convolution(len(alphabet))
    motif = one_hot_encode(alphabet[1:5], alphabet)  # a tensor, as tangermeme reads no string with this alphabet
    ours = marginalize(model, X, motif, alphabet=list(alphabet))
    assert_same(ours, tangermeme.marginalize.marginalize(model, X, motif, alphabet=list(alphabet)))
    as_string = marginalize(model, X, alphabet[1:5], alphabet=list(alphabet))
    assert_same(ours, as_string)


def test_several_inputs_and_outputs_equal_tangermeme():
    args = (torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0], [20.0], [30.0]]))
    ours = marginalize(Scaled(), X, "TTN", args=args)
    assert_same(ours, tangermeme.marginalize.marginalize(Scaled(), X, "TTN", args=args))
    assert_same(marginalize(TwoHeads(), X, "TT"), tangermeme.marginalize.marginalize(TwoHeads(), X, "TT"))
    y_before, y_afters = marginalize_motifs(Scaled(), X, ["TTN", "G"], args=args, batch_size=2)
    assert_same((y_before, y_afters[0]), ours)
    index = torch.tensor([2, 0, 1])
    model = Lookup()
    y_before, y_afters = marginalize_motifs(model, X, ["TTN", "G"], args=[index], batch_size=2)
    assert_same(y_afters[1], marginalize(model, X, "G", args=[index]).y_after)


def test_a_motif_for_each_background_equals_tangermeme():
    motifs = one_hot_encode(["TNT", "AAA", "CNN"])
    reference = tangermeme.marginalize.marginalize(Positions(), X, motifs)
    assert_same(marginalize(Positions(), X, motifs), reference)
    y_before, y_afters = marginalize_motifs(Positions(), X, ["G", motifs], batch_size=2)
    assert_same((y_before, y_afters[1]), reference)


@pytest.mark.filterwarnings("ignore:Convergence deltas")  # of so few shuffles, on both sides
def test_attributions_equal_tangermeme():
    torch.manual_seed(0)
    model = Convolution()
    func = tangermeme.deep_lift_shap.deep_lift_shap
    options = {"target": 1, "random_state": 0, "n_shuffles": 3, "device": "cpu"}
    clean = one_hot_encode(["ACGTACGTACGGTCA", "AAAAACCCCGTGTCA"])
    ours = marginalize(model, clean, "TTT", func=func, additional_func_kwargs=options)
    assert ours.y_after.shape == (2, 4, 15)
    assert_same(ours, tangermeme.marginalize.marginalize(model, clean, "TTT", func=func, **options))
    func = tangermeme.saturation_mutagenesis.saturation_mutagenesis
    options = {"target": 1, "device": "cpu"}
    ours = marginalize(model, clean, "TTT", func=func, **options)
    assert_same(ours, tangermeme.marginalize.marginalize(model, clean, "TTT", func=func, **options))


def test_names_that_collide_reach_the_function():
    def func(model, X, start=0):
        return model(X[:, :, start:].float())

    ours = marginalize(Composition(), X, "TT", 0, func=func, additional_func_kwargs={"start": 1})
    assert ours.y_after[2].tolist() == [0, 0, 8, 1]


ANNOTATIONS = torch.tensor([[0, 0, 4], [1, 2, 7], [0, 4, 8], [2, 9, 10], [1, 8, 10]])


@pytest.mark.parametrize("model", [Positions(), TwoHeads(), Convolution()])
@pytest.mark.parametrize("kwargs", [{}, {"start": 2}, {"batch_size": 3}, {"additional_func_kwargs": {"batch_size": 1}}])
def test_annotations_equal_tangermeme(model, kwargs):
    backgrounds = X.flip(-1)
    ours = marginalize_annotations(model, X, backgrounds, ANNOTATIONS, **kwargs)
    assert_same(ours, tangermeme.marginalize.marginalize_annotations(model, X, backgrounds, ANNOTATIONS, **kwargs))


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4])
def test_annotations_of_any_number_of_outputs(n_outputs):
    def model(X):
        return [X.sum(-1) * i for i in range(n_outputs)]

    y_befores, y_afters = marginalize_annotations(model, X, X, ANNOTATIONS[:1])
    assert len(y_befores) == len(y_afters) == n_outputs
    assert all(y.shape == (1, 3, 4) for y in y_befores + y_afters)


def test_annotations_with_another_function_equal_tangermeme():
    def func(model, X, scale):
        return [scale * model(X.float()), X.sum(dim=-1)]

    kwargs = {"func": func, "scale": 3}
    ours = marginalize_annotations(Positions(), X, X.flip(0), ANNOTATIONS, **kwargs)
    assert_same(ours, tangermeme.marginalize.marginalize_annotations(Positions(), X, X.flip(0), ANNOTATIONS, **kwargs))


@pytest.fixture(params=["ours", "reference"])
def functions(request):
    """The two functions of this package, and those of the reference: both must do the same."""
    if request.param == "ours":
        return marginalize, marginalize_annotations
    return tangermeme.marginalize.marginalize, tangermeme.marginalize.marginalize_annotations


@pytest.mark.parametrize(
    ("args", "error"),
    [(torch.ones(3, 1), ValueError), (torch.ones(3), (ValueError, IndexError)), (5, TypeError), ((5,), AttributeError)],
)
def test_args_that_are_no_list_of_tensors(functions, args, error):
    with pytest.raises(error):
        functions[0](Scaled(), X, "TTT", args=args)
    with pytest.raises(error):
        functions[1](Scaled(), X, X, ANNOTATIONS, args=args)


def test_args_that_are_one_tensor_are_told_so():
    """Of the reference, whose args are the rows of a tensor, only some are an error."""
    for args in (torch.ones(3, 1), torch.ones(2, 3, 1), torch.ones(1), torch.ones(3, 1).numpy()):
        with pytest.raises(ValueError, match=r"args is one tensor, of shape \(.*; give a list"):
            marginalize(Scaled(), X, "TTT", args=args)
        with pytest.raises(ValueError, match="args is one tensor"):
            marginalize_motifs(Scaled(), X, ["TTT"], args=args)


def test_a_motif_on_another_device(functions):
    with pytest.raises(ValueError, match="same device"):
        functions[0](Composition(), X, one_hot_encode("TTT").to("meta"))
    with pytest.raises(ValueError, match="same device"):
        functions[1](Composition(), X.to("meta"), X, ANNOTATIONS)


def test_motifs_on_another_device():
    with pytest.raises(ValueError, match=r"motifs\[1\] is on meta and the backgrounds on cpu; .* same device"):
        marginalize_motifs(Composition(), X, ["A", one_hot_encode("TTT").to("meta")])


def test_no_backgrounds(functions):
    with pytest.raises(ValueError, match="at least one example"):
        functions[0](Composition(), X[:0], "TTT")
    with pytest.raises(ValueError, match="at least one example"):
        functions[1](Composition(), X, X[:0], ANNOTATIONS)


def test_a_name_given_twice(functions):
    twice = {"batch_size": 2, "additional_func_kwargs": {"batch_size": 3}}
    with pytest.raises(TypeError, match="multiple values for keyword argument 'batch_size'"):
        functions[0](Composition(), X, "TTT", **twice)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'batch_size'"):
        functions[1](Composition(), X, X, ANNOTATIONS, **twice)


@pytest.mark.parametrize("additional", [{"start": 1}, {"alphabet": ["A"]}, {"motif": "A"}, {"model": None}])
def test_a_name_that_predict_does_not_have(functions, additional):
    """They are the function's, so that a start among them moves nothing."""
    with pytest.raises(TypeError, match="argument"):
        functions[0](Composition(), X, "TTT", additional_func_kwargs=additional)
    with pytest.raises(TypeError, match="argument"):
        functions[1](Composition(), X, X, ANNOTATIONS, additional_func_kwargs=additional)


class Counting(Composition):
    """Counts the sequences it was given."""

    seen = 0

    def forward(self, X):
        Counting.seen += X.shape[0]  # of the class: what a call changes in a model itself is looked at
        return super().forward(X)


def test_backgrounds_and_equal_annotations_are_computed_once():
    model, Counting.seen = Counting(), 0
    marginalize_annotations(model, X, X, ANNOTATIONS)  # of 5 annotations, 0-4 and 4-8 of ACGTACGTAC are equal
    assert Counting.seen == 3 + 4 * 3
    Counting.seen = 0
    marginalize_motifs(model, X, ["A", "C", "G"])
    assert Counting.seen == 3 + 3 * 3


def test_batches_span_motifs():
    sizes = []

    def model(X):
        sizes.append(len(X))
        return X.sum(-1)

    marginalize_motifs(model, X, ["A", "CC", "G", "TT", "C"], batch_size=4)
    assert sizes == [3, 4, 4, 4, 3]


PALINDROMES = [("GAATTC", 2), ("TTT", 2), ("GAATTC", 2), ("GAATTC", 3), ("TTT", 2), ("GNATTC", 2)]
"""An element on both strands, which is its own reverse complement, among others; 4 of these 6 are different."""


@pytest.mark.parametrize("n", [1, 3])
def test_equal_placements_are_computed_once(n):
    model = Counting()
    own = X[:n].flip(0)[:, :, 4:6]  # a motif for each background
    others = [(own, 1), (own.clone(), 1), (own[:, [1, 0, 2, 3]], 1)]
    for placements, different in ((PALINDROMES, 4), (others, 2)):
        Counting.seen = 0
        y = torch.cat(list(stream_motifs(model, X[:n], placements, incremental=False)))
        assert Counting.seen == different * n
        for found, placement in zip(y, placements, strict=True):
            assert torch.equal(found, marginalize(Composition(), X[:n], *placement).y_after)


def test_equal_placements_are_computed_once_incrementally(monkeypatch):
    rows, right = [], Run.outputs
    monkeypatch.setattr(Run, "outputs", lambda run, *given: rows.append(len(given[1])) or right(run, *given))
    model = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 3), torch.nn.ReLU()).double()
    y = torch.cat(list(stream_motifs(model, X, PALINDROMES, incremental=True)))
    assert sum(rows) == 2 + 4 * 3  # the check takes two
    assert torch.equal(y[0], y[2])
    assert torch.equal(y[1], y[4])
    torch.testing.assert_close(y, torch.cat(list(stream_motifs(model, X, PALINDROMES, incremental=False))))


def test_streaming_takes_motifs_as_they_come():
    taken = 0

    def motifs():
        nonlocal taken
        for i in range(10_000):
            taken += 1
            yield "ACGT"[i % 4], i % 10

    stream = stream_motifs(Composition(), X, motifs(), batch_size=3)
    first = next(stream)
    assert first.shape == (16, 3, 4)
    assert taken < 10_000 / 4
    assert torch.equal(first[5], marginalize(Composition(), X, "C", 5).y_after)
    assert 16 + sum(len(y) for y in stream) == 10_000


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("incremental", [None, True])
def test_streams_through_an_exported_program(dtype, incremental):
    """The dtype is that of its parameters, whatever that of the backgrounds."""
    model = Convolution().to(dtype).eval()
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(model, (X.to(dtype),), dynamic_shapes=shapes)
    (ours,) = stream_motifs(program, X, [("TTT", None), ("A", 2)], incremental=incremental)
    assert ours.dtype == dtype
    assert_same(ours[0], marginalize(model, X, "TTT").y_after)
    assert_same(ours[1], marginalize(model, X, "A", 2).y_after)


@pytest.mark.parametrize(
    ("motifs", "start", "message"),
    [
        ([], None, "no motifs"),
        ("ACG", None, "motifs must be a list"),
        (["ACG", "A" * 11], None, "width 11 is longer"),
        (["ACG", "ACGT"], 7, "off the end"),
        (["ACG", "XYZ"], None, "not in the alphabet"),
    ],
)
def test_bad_motifs_are_refused_before_anything_is_computed(motifs, start, message):
    model, Counting.seen = Counting(), 0
    with pytest.raises(ValueError, match=message):
        marginalize_motifs(model, X, motifs, start)
    assert Counting.seen == 0


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (torch.empty(0, 3, dtype=torch.int64), "no annotations"),
        ([[0, 5, 11]], r"annotation 0 \(sequence 0, 5-11\) is out of range"),
        ([[0, 0, 2], [3, 0, 2]], "annotation 1 .*3 sequences of length 10"),
        ([[0, -2, 2]], "out of range"),
        ([[0, 4, 4]], "out of range"),
        ([[-1, 0, 4]], "out of range"),
        ([[0.0, 1.0, 2.0]], "must be integers"),
        ([[0, 1]], "shape"),
    ],
)
def test_bad_annotations_are_refused(annotations, message):
    """Stricter than tangermeme, which truncates at the end and wraps around at negative positions."""
    with pytest.raises(ValueError, match=message):
        marginalize_annotations(Composition(), X, X, annotations)
