"""`to_grain` and `to_torch` of sequences of batches."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest
from keras_regen.compat import ImageDataGenerator
from keras_regen.compat.sequence import TimeseriesGenerator

from ..versions import needs_keras_s_grain

grain = pytest.importorskip("grain")

from keras_regen.compat import to_grain, to_torch  # noqa: E402

MAKERS = (to_grain, to_torch)[: 1 + (importlib.util.find_spec("torch") is not None)]


class Batches(keras.utils.PyDataset):
    """Lists of what Keras takes, of three batches; what is asked for is noted."""

    def __init__(self, offset=0.0):
        super().__init__()
        self.offset, self.asked = offset, []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.asked.append(index)
        x = np.arange(6.0).reshape(3, 2) + index + self.offset
        return [keras.ops.convert_to_tensor(x, "float32"), {"y": np.arange(3) + index}]


class WithoutLength(keras.utils.PyDataset):
    num_batches = 2

    def __getitem__(self, index):
        return np.full((1, 2), index)


class Legacy:
    """No subclass of anything."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.full(3, index), [f"name {index}", "b"], None


def arrays(element):
    parts = element.values() if isinstance(element, dict) else element if isinstance(element, tuple) else None
    return [np.asarray(element)] if parts is None else [array for part in parts for array in arrays(part)]


@pytest.mark.parametrize("make", MAKERS)
def test_the_batches_of_a_sequence(make):
    sequence = Batches()
    batches = make(sequence)
    assert len(batches) == 3
    assert batches.class_names is batches.file_paths is batches.skipped is None
    for number in (5, 0, 4):
        x, labels = batches[number]
        np.testing.assert_array_equal(x, np.arange(6.0).reshape(3, 2) + number % 3)
        np.testing.assert_array_equal(labels["y"], np.arange(3) + number % 3)
    assert max(sequence.asked) == 2
    if make is to_grain:
        assert {type(array) for array in (x, labels["y"])} == {np.ndarray}
    passes = batches if make is to_grain else batches.loader()
    for _ in range(2):
        assert [int(y["y"][0]) for _, y in passes] == [0, 1, 2]
    np.testing.assert_array_equal(make(WithoutLength())[3], [[1, 1]])
    numbers, names, nothing = make(Legacy())[1]
    assert (numbers.tolist(), list(names), nothing) == ([1, 1, 1], ["name 1", "b"], None)


@pytest.mark.parametrize("make", MAKERS)
def test_sequences_side_by_side(make):
    pair, named = make((Batches(), Batches(10.0))), make({"a": Batches(), "b": Batches(10.0)})
    zipped = make(zip(Batches(), Batches(10.0), strict=True))
    for number in range(4):
        for element in (pair[number], named[number], zipped[number]):
            want = [np.arange(6.0).reshape(3, 2) + number % 3, np.arange(3) + number % 3]
            for got, expected in zip(arrays(element), [*want, want[0] + 10, want[1]], strict=True):
                np.testing.assert_array_equal(got, expected)
    assert set(named[0]) == {"a", "b"}
    with pytest.raises(ValueError, match=r"same number of batches. Received: \[3, 2\]"):
        make((Batches(), Legacy()))


@pytest.mark.parametrize("make", MAKERS)
def test_windows_of_a_series(make):
    series = np.arange(30.0)
    generator = TimeseriesGenerator(series, series, length=4, batch_size=8)
    batches = make(generator)
    for number in range(2 * len(generator)):
        for got, want in zip(batches[number], generator[number % len(generator)], strict=True):
            np.testing.assert_array_equal(got, want)


def test_grain_s_own_functions_and_states():
    """Shuffled, repeated and sliced by Grain; a state goes on with the very next batch."""
    firsts = [int(y["y"][0]) for _, y in to_grain(Batches()).shuffle(seed=1).repeat(2)]
    assert sorted(firsts[:3]) == sorted(firsts[3:]) == [0, 1, 2]
    assert [int(y["y"][0]) for _, y in to_grain(Batches())[1::2]] == [1]
    assert [int(y["y"][0]) for _, y in itertools.islice(to_grain(Batches(), repeat=True), 5)] == [0, 1, 2, 0, 1]
    iterator = iter(to_grain(Batches()).to_iter_dataset())
    next(iterator)
    fresh = iter(to_grain(Batches()).to_iter_dataset())
    fresh.set_state(iterator.get_state())
    np.testing.assert_array_equal(next(fresh)[0], next(iterator)[0])


@needs_keras_s_grain
def test_fit():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    sequence = type("Pairs", (Batches,), {"__getitem__": lambda self, i: (np.ones((2, 2)), np.full((2, 1), i))})()
    data = [(to_grain(sequence, repeat=True), {"steps_per_epoch": 3})]
    if to_torch in MAKERS:
        data.append((to_torch(sequence).loader(), {}))
    for batches, arguments in data:
        assert np.isfinite(model.fit(batches, epochs=2, verbose=0, **arguments).history["loss"]).all()


class Shuffling(Batches):
    def on_epoch_end(self):
        self.offset += 1


class Random(Batches):
    def __getitem__(self, index):
        return np.random.rand(2)


class Counting(Batches):
    def __getitem__(self, index):
        self.offset += 1
        return np.array([self.offset])


class Failing(Batches):
    def __getitem__(self, index):
        raise ValueError("the user's own")


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return np.zeros(1)


SERIES = {"data": np.arange(30.0), "targets": np.arange(30.0), "length": 4, "shuffle": True}
REFUSED = {
    "a generator": (lambda: (batch for batch in [1]), "generator has no batches by number"),
    "a zip of them": (
        lambda: zip(Batches(), (batch for batch in [1]), strict=False),
        "generator has no batches by number",
    ),
    "a path": (lambda: "photos", "'photos' is no sequence of batches"),
    "without end": (Endless, "Endless has no batches by number, or no length"),
    "empty": (list, "list is empty"),
    "a hook": (Shuffling, "Shuffling.on_epoch_end may change"),
    "drawing": (Random, r"Random\[0\] draws from np\.random"),
    "with a state": (Counting, r"Counting\[0\] gives something else each time"),
    "drawn rows": (lambda: TimeseriesGenerator(**SERIES), r"TimeseriesGenerator\[0\] draws from np\.random"),
    "permuted rows": (lambda: TimeseriesGenerator(**SERIES, replacement=False), "TimeseriesGenerator.on_epoch_end may"),
    "beside images": (
        lambda: (ImageDataGenerator().flow(np.zeros((3, 4, 4, 3))), Batches()),
        "Batches is no iterator of images. Make a dataset of each",
    ),
    "its own error": (Failing, "^the user's own$"),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, make):
    source, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        make(source())


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "arguments", [{"batched": False}, {"dtype": "uint8"}, {"draws": "replay"}, {"masks": [0]}, {"class_weight": {0: 1}}]
)
def test_arguments_that_are_for_images(arguments, make):
    with pytest.raises(TypeError, match="takes no other argument"):
        make((Batches(), Batches()), **arguments)
