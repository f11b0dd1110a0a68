"""`to_dataset` of time series: the batches of `[i]`, from a graph."""

import keras
import keras_preprocessing.sequence as archived
import numpy as np
import pytest
import tf_keras
from keras.src.legacy.preprocessing import sequence as legacy
from keras_regen.compat import ImageDataGenerator, to_dataset
from keras_regen.compat.sequence import TimeseriesGenerator

DATA = np.random.RandomState(0).rand(60, 2).astype("float32")
TARGETS = np.arange(60)
ARGUMENTS = [
    {"length": 5},
    {"length": 5, "sampling_rate": 2, "stride": 3, "batch_size": 4, "reverse": True},
    {"length": 1, "start_index": 7, "end_index": 30, "batch_size": 8},
    {"length": 6, "sampling_rate": 7, "batch_size": 59},
]


def check(dataset, batches):
    received = list(dataset.as_numpy_iterator())
    assert dataset.cardinality() == len(received) == len(batches)
    for mine, theirs in zip(received, batches, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_the_same_windows_in_the_same_order(arguments):
    generator = TimeseriesGenerator(DATA, TARGETS, **arguments)
    check(to_dataset(generator), list(generator))
    check(to_dataset(generator, repeat=2), list(generator) * 2)


@pytest.mark.parametrize("module", [legacy, tf_keras.preprocessing.sequence, archived], ids=lambda m: m.__name__)
def test_generators_of_other_libraries(module):
    generator = module.TimeseriesGenerator(DATA.tolist(), TARGETS, 5, stride=2, batch_size=10)
    check(to_dataset(generator), [generator[index] for index in range(len(generator))])


def test_rows_are_drawn_when_a_pass_begins():
    generator = TimeseriesGenerator(DATA, TARGETS, 5, shuffle=True, batch_size=8)
    dataset = to_dataset(generator)
    for seed in (0, 1):
        np.random.seed(seed)
        expected = [generator[index] for index in range(len(generator))]
        state = np.random.get_state()[1].tobytes()
        np.random.seed(seed)
        check(dataset, expected)
        assert np.random.get_state()[1].tobytes() == state


def test_permutations_change_with_the_pass():
    generator, other = (
        TimeseriesGenerator(DATA, TARGETS, 5, shuffle=True, replacement=False, seed=2, batch_size=8) for _ in range(2)
    )
    dataset = to_dataset(generator)
    for _ in range(3):
        check(dataset, list(other))
        other.on_epoch_end()


def test_side_by_side():
    first, second = (TimeseriesGenerator(DATA * k, TARGETS, 5, batch_size=8) for k in (1, 2))
    images = ImageDataGenerator(rescale=0.5).flow(np.ones((55, 4, 4, 3)), np.arange(55), batch_size=8, shuffle=False)
    elements = list(to_dataset({"a": first, "b": second, "images": images}).as_numpy_iterator())
    assert len(elements) == 7
    np.testing.assert_array_equal(elements[2]["a"][0], first[2][0])
    np.testing.assert_array_equal(elements[2]["b"][0], second[2][0])
    np.testing.assert_array_equal(elements[2]["images"][1], np.arange(16, 24))
    pairs = list(to_dataset((first, second)).as_numpy_iterator())
    np.testing.assert_array_equal(pairs[6][1][0], second[6][0])
    shorter = TimeseriesGenerator(DATA, TARGETS, 5, batch_size=20)
    with pytest.raises(ValueError, match="same number of samples and batch size"):
        to_dataset((first, shorter))


def test_arguments_of_images():
    generator = TimeseriesGenerator(DATA, TARGETS, 5)
    with pytest.raises(TypeError, match="takes no argument but `prefetch` and `repeat`"):
        to_dataset(generator, cache=True)
    with pytest.raises(ValueError, match="Stateless draws cannot do with Python"):
        to_dataset(generator, draws="stateless")


class Doubled(TimeseriesGenerator):
    def __getitem__(self, index):
        return 2 * super().__getitem__(index)[0], 0


def test_what_needs_python_says_so():
    objects = np.array([str(k) for k in range(60)], dtype=object)
    cases = [
        (Doubled(DATA, TARGETS, 5), "Doubled.__getitem__ is overridden"),
        (TimeseriesGenerator(objects, TARGETS, 5), "`data` does not hold numbers alone"),
    ]
    for generator, reason in cases:
        with pytest.warns(UserWarning, match=reason):
            dataset = to_dataset(generator)
        received = next(iter(dataset))[0].numpy()
        np.testing.assert_array_equal(received.astype(str), generator[0][0].astype(str))


def test_fit_takes_it():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    generator = TimeseriesGenerator(DATA, DATA[:, :1], 5, batch_size=16)
    losses = model.fit(to_dataset(generator), epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]
