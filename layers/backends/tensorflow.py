"""TensorFlow's operations under the names of `keras.ops`: the kernels inside `tf.data`, whatever the Keras backend."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

ops = SimpleNamespace(
    abs=tf.abs,
    arange=lambda stop, dtype="int32": tf.range(stop, dtype=dtype),
    cast=tf.cast,
    concatenate=tf.concat,
    clip=lambda x, low, high: tf.minimum(tf.maximum(x, tf.cast(low, x.dtype)), tf.cast(high, x.dtype)),
    convert_to_tensor=tf.convert_to_tensor,
    cos=tf.cos,
    exp=tf.exp,
    expand_dims=tf.expand_dims,
    eye=lambda size, dtype: tf.eye(size, dtype=dtype),
    flip=lambda x, axis: tf.reverse(x, [axis]),
    floor=tf.floor,
    isnan=tf.math.is_nan,
    linalg=SimpleNamespace(solve=tf.linalg.solve),
    log=tf.math.log,
    logical_and=tf.logical_and,
    logical_not=tf.logical_not,
    logical_or=tf.logical_or,
    matmul=tf.matmul,
    max=tf.reduce_max,
    maximum=tf.maximum,
    mean=tf.reduce_mean,
    min=tf.reduce_min,
    minimum=tf.minimum,
    mod=tf.math.floormod,
    ones_like=tf.ones_like,
    power=tf.pow,
    reshape=tf.reshape,
    round=tf.round,
    # Sizes as numbers where they are known, as tensors where they are not.
    shape=lambda x: tuple(tf.shape(x)[axis] if size is None else size for axis, size in enumerate(x.shape)),
    sin=tf.sin,
    sqrt=tf.sqrt,
    square=tf.square,
    stack=tf.stack,
    sum=tf.reduce_sum,
    # Without the handling of negative indices of `keras.ops.take`: the kernels have none, and it costs.
    take=lambda x, indices, axis: tf.gather(x, indices, axis=axis),
    transpose=tf.transpose,
    where=tf.where,
    zeros_like=tf.zeros_like,
)


def compiled(function):
    """A function of tensors, compiled by XLA for each shape it is called with; inside another one, part of that."""

    @functools.cache  # a `tf.function` for each shape, as one for all would warn of its retracing
    def for_shapes(*signature):
        return tf.function(function, jit_compile=True, autograph=False)

    def call(*tensors):
        return for_shapes(*((tuple(tensor.shape), tensor.dtype) for tensor in tensors))(*tensors)

    return call


def seed_state(seed):
    """The state of a stream of seeds: a counter of two words, which Philox moves by 256 per step, and the seed."""
    return np.array([0, 0, seed], "int64")


def in_graph(state):
    """A variable of that value, which a graph may use, whoever made it."""
    with tf.init_scope():
        return tf.Variable(state)


def next_seed(state):
    """The seed whose turn it is, int32 (2,), of a variable that holds a `seed_state`, TensorFlow's or Keras's."""
    state = _read_and_moved(state)
    return tf.cast(tf.stack([state[2], state[0] // 256]), "int32")


def next_words(state):
    """The same as an array, uint32, where no graph is traced."""
    counter, _, seed = _read_and_moved(state).numpy()
    return np.array([seed, counter // 256]).astype("uint32")


def _read_and_moved(state):
    variable = state.value if isinstance(state, keras.Variable) else state
    if isinstance(variable, tf.Variable) and not tf.distribute.in_cross_replica_context():
        # Read and moved at once: no two threads, and no two elements of a parallel `map`, get the same.
        one = _one() if tf.executing_eagerly() else tf.constant(1, tf.uint64)
        return tf.raw_ops.RngReadAndSkip(resource=variable.handle, alg=_PHILOX, delta=one)
    # In a functional call, or for all replicas together, where there is no such handle.
    now, _ = tf.identity(variable), state.assign_add([256, 0, 0])
    return now


@functools.cache
def _one():
    return tf.constant(1, tf.uint64)


_PHILOX = tf.random.Algorithm.PHILOX.value


def known(tensor):
    """Whether the value of a tensor or variable can be had now, as it cannot while a graph is traced."""
    return tf.executing_eagerly()


def tensor_of(array):
    """A tensor of an array at a multiple of 64 bytes, which nobody changes any more."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def replica():
    """The number of the calling replica of `tf.distribute`; None where there is one."""
    context = tf.distribute.get_replica_context()
    alone = context is None or context.num_replicas_in_sync == 1
    return None if alone else context.replica_id_in_sync_group


def random_numbers(seed):
    """An endless `tf.data.Dataset` of random int64, others in each pass.

    Args:
        seed: int, from which alone they follow, while `tf.data.Dataset.random` looks at `tf.random.set_seed`, too; None
            for others each time.
    """
    if seed is None:
        return tf.data.Dataset.random(rerandomize_each_iteration=True)
    variant = tf.raw_ops.RandomDatasetV2(
        seed=_SEED,
        seed2=np.array(seed % 2**64, "uint64").astype("int64"),
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        rerandomize_each_iteration=True,
        output_types=[tf.int64],
        output_shapes=[[]],
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.int64))


_SEED = 87654321
"""What TensorFlow takes where `tf.random.set_seed` was not called."""


def augmented(dataset, layer, seed, training, num_parallel_calls):
    """The dataset with the layer applied: see `dataset.augment`."""
    # One sequential stream of seeds, drawn before the parallel part: the seed belongs to the element.
    seeds = random_numbers(seed)

    def transform(seed, *element):
        images = layer(element[0], training=training, seed=tf.bitcast(seed, tf.int32))
        return (images, *element[1:]) if isinstance(dataset.element_spec, tuple) else images

    pairs = tf.data.Dataset.zip(seeds, dataset)
    if isinstance(dataset.element_spec, tuple):
        pairs = pairs.map(lambda seed, element: (seed, *element))
    augmented = pairs.map(transform, num_parallel_calls=num_parallel_calls or tf.data.AUTOTUNE, deterministic=True)
    for name in ("class_names", "file_paths"):  # what Keras's functions tell of their datasets
        if hasattr(dataset, name):
            setattr(augmented, name, getattr(dataset, name))
    return augmented


def mapped(layer, data, seeds):
    """What a layer makes of data, one seed per image, in a parallel `map` over batches of 3: as NumPy arrays."""
    batches = tf.data.Dataset.from_tensor_slices((data, seeds)).batch(3)
    batches = batches.map(lambda data, seeds: layer(data, seed=seeds), num_parallel_calls=2)
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches.as_numpy_iterator())
