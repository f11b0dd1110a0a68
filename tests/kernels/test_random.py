"""Threefry against its published test vectors and JAX's, and what follows from it against the uniform distribution."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops as keras_ops
from keras_regen.layers.backends.tensorflow import ops as tensorflow_ops
from keras_regen.layers.execution import run as run_compiled_where_possible
from keras_regen.layers.kernels import fold_in, uniform
from keras_regen.layers.kernels.random import threefry
from scipy import stats

# `kat_vectors` of Random123: threefry2x32, 20 rounds: counter, key, result.
VECTORS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]
COUNT = 4


def words(values):
    """int32 arrays with the bits of unsigned numbers."""
    return tuple(np.array([value], "uint32").view("int32") for value in values)


def random_words(shape, seed=0):
    return np.random.default_rng(seed).integers(-(2**31), 2**31, shape, "int64").astype("int32")


def reference(seed, index, count):
    """The definition: the upper 24 bits of the first word at (index, column), by unsigned arithmetic in NumPy."""
    seed = np.broadcast_to(np.asarray(seed), (len(index), 2))
    grid = np.meshgrid(index, np.arange(count, dtype="int32"), indexing="ij")
    first, _ = threefry((seed[:, :1], seed[:, 1:]), grid)
    return (first.view("uint32") >> 8).astype("float64") / 2**24


def numbers(seed, size, count):
    """`uniform` for a batch with one seed."""
    seed = np.array(seed, "uint32").view("int32")
    result = uniform(keras_ops.convert_to_tensor(seed), keras_ops.arange(size, dtype="int32"), columns=range(count))
    return keras_ops.convert_to_numpy(result)


@pytest.mark.parametrize("tensor", [np.asarray, keras_ops.convert_to_tensor, tf.convert_to_tensor])
@pytest.mark.parametrize("counter, key, expected", VECTORS)
def test_threefry_gives_the_published_vectors(tensor, counter, key, expected):
    result = threefry([tensor(word) for word in words(key)], [tensor(word) for word in words(counter)])
    assert tuple(int(np.asarray(word)[0]) & 0xFFFFFFFF for word in result) == expected


def test_threefry_equals_that_of_jax():
    threefry_2x32 = pytest.importorskip("jax.extend.random").threefry_2x32
    for row in random_words((5, 2)):
        counters = random_words((2, 500), seed=abs(int(row[0])))
        result = np.concatenate(threefry(tuple(np.full(500, word) for word in row), counters))
        expected = threefry_2x32(row.view("uint32"), counters.reshape(-1).view("uint32"))
        np.testing.assert_array_equal(result.view("uint32"), np.asarray(expected))


def test_uniform_is_the_same_in_every_way_with_a_seed_an_image(run):
    seeds = random_words((7, 2))
    result = run(uniform, {"seed": seeds, "index": np.arange(7, dtype="int32")}, columns=range(COUNT))
    assert result.dtype == np.float32
    # A seed of one's own: the place in the batch does not matter.
    np.testing.assert_array_equal(result, reference(seeds, np.zeros(7, "int32"), COUNT))


def test_uniform_is_the_same_in_every_way_with_a_seed_for_all():
    seed, index = random_words(2), np.arange(9, dtype="int32")
    expected = reference(seed, index, COUNT)
    graph = tf.function(lambda s, i: uniform(s, i, columns=range(COUNT), ops=tensorflow_ops), jit_compile=True)
    dataset = tf.data.Dataset.from_tensors((seed, index)).map(
        lambda s, i: run_compiled_where_possible(uniform, s, i, columns=range(COUNT))
    )
    tensors = keras_ops.convert_to_tensor(seed), keras_ops.convert_to_tensor(index)
    for result in (
        uniform(seed, index, columns=range(COUNT)),
        uniform(*tensors, columns=range(COUNT)),
        run_compiled_where_possible(uniform, *tensors, columns=range(COUNT)),
        uniform(tf.constant(seed), tf.constant(index), columns=range(COUNT), ops=tensorflow_ops),
        graph(seed, index),
        next(iter(dataset)),
    ):
        np.testing.assert_array_equal(keras_ops.convert_to_numpy(result), expected)


def test_fold_in_is_the_same_in_every_way(run):
    seeds = random_words((7, 2))
    result = run(fold_in, {"seed": seeds}, data=3)
    expected = threefry((seeds[:, 0], seeds[:, 1]), (np.full(7, 3, "int32"), np.full(7, -1, "int32")))
    np.testing.assert_array_equal(result, np.stack(expected, axis=1))
    for row, one in zip(seeds, result, strict=True):
        np.testing.assert_array_equal(keras_ops.convert_to_numpy(fold_in(keras_ops.convert_to_tensor(row), 3)), one)


def test_numbers_are_uniform_multiples_of_2_to_the_minus_24_below_1():
    values = numbers((1, 0), 20000, COUNT)
    assert values.min() >= 0 and values.max() < 1
    scaled = values.astype("float64") * 2**24
    np.testing.assert_array_equal(scaled, np.round(scaled))
    odd = np.mean(scaled % 2)  # the last bit is used, too
    assert abs(odd - 0.5) < 0.01
    for column in values.T:
        assert stats.kstest(column, "uniform").pvalue > 0.001


@pytest.mark.parametrize("seed", [(0, 0), (1, 0), (0, 1), (0xFFFFFFFF, 0), (0x80000000, 7)])
def test_columns_images_and_neighbouring_seeds_are_not_correlated(seed):
    """Where any of them were, two parameters of a transformation, two images or two epochs would go together."""
    size = 10000
    values = numbers(seed, size, COUNT)
    neighbour = numbers(((seed[0] + 1) % 2**32, seed[1]), size, COUNT)
    other_word = numbers((seed[0], seed[1] + 1), size, COUNT)
    streams = [*values.T, *neighbour.T, *other_word.T, *np.roll(values, 1, axis=0).T]
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlation).max() < 5 / np.sqrt(size)
    assert len(np.unique(np.stack(streams[: 3 * COUNT]), axis=0)) == 3 * COUNT


def test_fold_in_gives_streams_of_their_own():
    """None of them is the seed's own stream, nor one of another `data` or a stream further on."""
    seed = keras_ops.convert_to_tensor(np.array([5, 0], "int32"))
    seeds = [(5, 0), *(tuple(int(x) for x in keras_ops.convert_to_numpy(fold_in(seed, k))) for k in range(50))]
    assert len(set(seeds)) == 51
    streams = np.stack([numbers(np.array(s, "int64") % 2**32, 2000, 1)[:, 0] for s in seeds])
    assert len(np.unique(streams)) > 0.99 * streams.size
    assert np.abs(np.corrcoef(streams) - np.eye(51)).max() < 5 / np.sqrt(2000)
    assert stats.kstest(streams.ravel(), "uniform").pvalue > 0.001
