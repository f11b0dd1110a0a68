"""One case, every way to run a kernel."""

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from keras import backend
from keras import ops as keras_ops
from skimage import data, transform

try:
    import tensorflow as tf
    from keras_regen.layers.backends.tensorflow import ops as tensorflow_ops
except ImportError:
    tf = None


law = settings(max_examples=5 if backend.backend() == "jax" else 50, deadline=None)
"""How often a law is tried; JAX compiles each operation for each shape."""


def eager_keras(kernel, arrays, static):
    double = any(str(arrays[name].dtype) == "float64" for name in ("images", "matrix") if name in arrays)
    if double and backend.backend() != "tensorflow":
        pytest.skip("`keras.ops` computes in float32 on this backend")
    if backend.backend() == "torch":  # whose tensors and NumPy's arrays do not mix
        arrays = {name: keras_ops.convert_to_tensor(array) for name, array in arrays.items()}
    result = kernel(**arrays, **static)
    dtype = "float32" if "bfloat16" in str(result.dtype) else result.dtype
    return keras_ops.convert_to_numpy(keras_ops.cast(result, dtype))


def eager_tensorflow(kernel, arrays, static):
    return kernel(**arrays, **static, ops=tensorflow_ops).numpy()


def in_a_graph(kernel, arrays, static, unknown, **options):
    """In a `tf.function` that is traced without the first axis of the arrays, and the first `unknown` of the images."""
    tensors = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
    axes = {name: unknown if name == "images" else 1 for name in tensors}
    specs = {name: tf.TensorSpec([None] * axes[name] + t.shape[axes[name] :], t.dtype) for name, t in tensors.items()}
    function = tf.function(
        lambda named: kernel(**named, **static, ops=tensorflow_ops), [specs], autograph=False, **options
    )
    return function(tensors).numpy()


@functools.cache
def another_process():
    """A process for what XLA compiles, up to 30 MB a kernel that never come back."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def compiled(kernel, arrays, static):
    return another_process().submit(in_a_graph, kernel, arrays, static, unknown=1, jit_compile=True).result()


def unknown_size(kernel, arrays, static):
    """The way in which TensorFlow's own optimizer, which rewrites divisions, sees a kernel."""
    if "whitening" in static:
        pytest.skip("the size of a whitening matrix is that of the images")
    return in_a_graph(kernel, arrays, static, unknown=3)


def tf_data(kernel, arrays, static):
    tensors = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(3)
    batches = batches.map(lambda named: kernel(**named, **static, ops=tensorflow_ops))
    return np.concatenate([batch.numpy() for batch in batches])


def batch_of_one(kernel, arrays, static):
    length = len(next(iter(arrays.values())))
    rows = [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(length)]
    return np.concatenate([eager_keras(kernel, row, static) for row in rows])


WAYS = [eager_keras, batch_of_one]
if backend.backend() == "tensorflow":  # the others do not depend on Keras's backend
    WAYS += [eager_tensorflow, compiled, unknown_size, tf_data]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def run(request):
    """run(kernel, arrays by name, **static arguments) -> array"""
    return lambda kernel, arrays, **static: request.param(kernel, arrays, static)


@pytest.fixture
def run_compiled():
    """The way in which a compiler may merge operations."""
    if backend.backend() != "tensorflow":
        pytest.skip("does not depend on Keras's backend")
    return lambda kernel, arrays, **static: compiled(kernel, arrays, static)


@pytest.fixture
def run_eager():
    return lambda kernel, arrays, **static: eager_keras(kernel, arrays, static)


@functools.cache
def _photographs():
    sources = (data.astronaut(), data.chelsea(), data.coffee(), data.retina())
    small = [transform.resize(source, (96, 120), preserve_range=True, anti_aliasing=True) for source in sources]
    return np.round(np.stack(small)).astype("uint8")


@pytest.fixture
def photographs():
    """Four photographs, (4, 96, 120, 3) uint8."""
    return _photographs()
