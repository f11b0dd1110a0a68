"""One layer, every way to run it on a batch."""

import warnings

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import backend
from keras_regen.layers import Pipeline
from keras_regen.layers.base import ImageLayer
from skimage import data, transform

try:
    import tensorflow as tf
except ImportError:
    tf = None

BACKEND = backend.backend()


def array(tensor):
    """A tensor of any library, as NumPy has it."""
    if tf is not None and isinstance(tensor, tf.Tensor):
        return tensor.numpy()
    if backend.standardize_dtype(tensor.dtype) == "bfloat16":
        return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")).astype(ml_dtypes.bfloat16)
    return keras.ops.convert_to_numpy(tensor)


def mapped(function, *structures):
    return keras.tree.map_structure(function, *structures)


def joined(results):
    return mapped(lambda *parts: np.concatenate(parts), *results)


def transposed(structure, axes):
    """Images and masks with other axes; what has no channels, as it is."""
    return mapped(lambda x: np.transpose(x, axes) if x.ndim == 4 else x, structure)


# What is done: layer, data and the rest, arrays by image in structures -> a structure of tensors.


def apply(layer, images, transformation):
    return layer.transform_images(images, transformation)


def call(layer, data, seeds):
    return layer(data, seed=seeds)


# In which way.


def eager(do, layer, data, rest):
    return mapped(array, do(layer, data, rest))


def batch_of_one(do, layer, data, rest):
    count = len(keras.tree.flatten(data)[0])
    return joined(
        [eager(do, layer, *(mapped(lambda x: x[i : i + 1], part) for part in (data, rest))) for i in range(count)]  # noqa: B023
    )


def single_images(do, layer, data, rest):
    """Without a batch axis, which only a call of the layer takes: what it would draw is replaced."""
    twin = type(layer).from_config(layer.get_config())
    draw, results = twin.get_random_transformation, []
    for i in range(len(keras.tree.flatten(data)[0])):
        one, its = mapped(lambda x: x[i], data), mapped(lambda x: x[i : i + 1], rest)  # noqa: B023
        twin.get_random_transformation = draw if do is call else lambda *args, its=its, **kwargs: its
        results.append(mapped(lambda x: array(x)[None], twin(one, seed=its if do is call else None)))
    return joined(results)


def channels_first(do, layer, data, rest):
    def twin(layer):
        if isinstance(layer, Pipeline):
            return Pipeline([twin(each) for each in layer.layers])
        ours = {"data_format": "channels_first"} if isinstance(layer, ImageLayer) else {}
        return type(layer).from_config({**layer.get_config(), **ours})

    return transposed(eager(do, twin(layer), transposed(data, (0, 3, 1, 2)), rest), (0, 2, 3, 1))


def in_a_graph(do, layer, data, rest, unknown, **options):
    """In a `tf.function` that is traced without the batch size, and `unknown` axes of images in all."""

    def spec(x):
        axes = unknown if x.ndim == 4 else 1
        return tf.TensorSpec([None] * axes + list(x.shape[axes:]), x.dtype)

    specs = [mapped(spec, part) for part in (data, rest)]
    function = tf.function(lambda data, rest: do(layer, data, rest), specs, autograph=False, **options)
    return mapped(array, function(*(mapped(tf.convert_to_tensor, part) for part in (data, rest))))


def jitted(do, layer, data, rest):
    if BACKEND == "torch":
        pytest.skip("PyTorch compiles whole models only")
    if BACKEND == "tensorflow":
        return in_a_graph(do, layer, data, rest, unknown=1, jit_compile=True)
    import jax

    return mapped(array, jax.jit(lambda data, rest: do(layer, data, rest))(data, rest))


def unknown_size(do, layer, data, rest):
    with warnings.catch_warnings():  # `test_images_of_unknown_size_are_warned_of`
        warnings.filterwarnings("ignore", ".*the height and width of the images are not known")
        return in_a_graph(do, layer, data, rest, unknown=3)


def tf_data(do, layer, data, rest):
    """In batches whose last one is smaller, on whatever backend."""
    batches = tf.data.Dataset.from_tensor_slices((data, rest)).batch(3)
    batches = batches.map(lambda data, rest: do(layer, data, rest), num_parallel_calls=2)
    return joined([mapped(array, batch) for batch in batches])


@pytest.fixture(autouse=True)
def without_compiler(request):
    """`jitted` compiles whole layers, and tests marked `compiled` what users get."""
    if "compiled" not in request.keywords:
        request.getfixturevalue("uncompiled_kernels")


WAYS = [eager, batch_of_one, single_images, channels_first, jitted, *([unknown_size, tf_data] if tf else [])]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request):
    return request.param


@pytest.fixture
def transform_images(way):
    """transform_images(layer, images, transformation) -> array"""
    return lambda layer, images, transformation: way(apply, layer, images, transformation)


@pytest.fixture
def call_layer(way):
    """call_layer(layer, data, seeds) -> array or dictionary of arrays"""
    return lambda layer, data, seeds: way(call, layer, data, seeds)


def _resized(height, width):
    sources = (data.astronaut(), data.chelsea(), data.coffee(), data.retina())
    small = [transform.resize(source, (height, width), preserve_range=True, anti_aliasing=True) for source in sources]
    return np.round(np.stack(small)).astype("uint8")


@pytest.fixture(scope="session")
def squares():
    """Four photographs, (4, 96, 96, 3) uint8."""
    return _resized(96, 96)


@pytest.fixture(scope="session")
def large_squares():
    """Four photographs, (4, 224, 224, 3) uint8."""
    return _resized(224, 224)


@pytest.fixture(scope="session")
def photographs():
    """Four small photographs that are not square, (4, 20, 24, 3) uint8."""
    return _resized(20, 24)
