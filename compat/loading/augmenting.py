"""Any layer or function on the fly over the elements of a dataset."""

import inspect
import threading

import keras
import numpy as np
import tensorflow as tf

from ...layers import augment as layer_of_ours
from ...layers.base import ImageLayer
from ..data.counted import fold_in

_ONE_AT_A_TIME = threading.Lock()


def check(augment):
    """Raise a TypeError if `augment` is nothing that can be applied."""
    if augment is not None and not callable(augment):
        raise TypeError(
            "`augment` must be a layer, a function of a batch, or for images an ImageDataGenerator. "
            f"Received: {type(augment).__name__}"
        )


def augmented(dataset, augment, seed, training):
    """The dataset with `augment` applied to the first part of each element.

    Args:
        dataset: `tf.data.Dataset` of inputs, or of tuples that begin with them.
        augment: a layer, of Keras or of keras-regen, or a function; None for nothing. A function with a parameter
            `seed` gets an int32 tensor (2,), another one for each element and pass.
        seed: int, of what it draws; None for other draws each time.
        training: False: a layer is called with `training=False`, a function not at all.

    Returns:
        `tf.data.Dataset`. What is drawn from `seed` is the same at any parallelism. Keras's own random layers keep a
        state, so that their elements are computed one after the other.
    """
    if augment is None:
        return dataset
    if isinstance(augment, ImageLayer):
        return dataset.apply(layer_of_ours(augment, seed, training=training))
    is_layer = isinstance(augment, keras.layers.Layer)
    if not is_layer and not training:
        return dataset
    is_tuple = isinstance(dataset.element_spec, tuple)

    def on(element, *seeds):
        first = element[0] if is_tuple else element
        if is_layer:
            changed = augment(first, training=training) if takes(augment.call, "training") else augment(first)
        else:
            changed = augment(first, **({"seed": tf.bitcast(seeds[0], tf.int32)} if seeds else {}))
        return (changed, *element[1:]) if is_tuple else changed

    if not is_layer and takes(augment, "seed"):
        seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
        pairs = tf.data.Dataset.zip(dataset, seeds)
        return pairs.map(on, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    in_order = is_layer and training
    one = lambda *element: on(element if is_tuple else element[0])  # noqa: E731
    return dataset.map(one, num_parallel_calls=None if in_order else tf.data.AUTOTUNE)


def takes(function, name):
    """Whether a function has a parameter of that name."""
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # of some written in C nobody knows
        return False


def mapped(dataset, augment, seed, training):
    """A dataset of Grain with `augment` applied to the first part of each element, as `augmented` does it.

    A function with a parameter `seed` gets an array (2,) of int32.
    """
    is_layer = isinstance(augment, keras.layers.Layer)
    if augment is None or not (is_layer or training):
        return dataset
    seeded = isinstance(augment, ImageLayer) or (not is_layer and takes(augment, "seed"))

    def on(element, generator=None):
        first = element[0] if isinstance(element, tuple) else element
        options = {"training": training} if is_layer and takes(augment.call, "training") else {}
        if generator is not None:
            options["seed"] = generator.integers(-(2**31), 2**31, 2, dtype="int32")
        changed = augment(first, **options)
        return (changed, *element[1:]) if isinstance(element, tuple) else changed

    result = dataset.random_map(on, seed=0 if seed is None else seed) if seeded else dataset.map(on)
    for name in ("class_names", "file_paths"):
        if hasattr(dataset, name):
            setattr(result, name, getattr(dataset, name))
    return result


def apply(augment, inputs, keys, training):
    """Apply `augment`, on the CPU, with draws that follow from the keys alone, in whatever thread.

    Args:
        augment: that of `augmented`.
        inputs: NumPy array of n inputs, or a single one.
        keys: uint32 (n, 2), one for each.
        training: that of `augmented`.

    Returns:
        What `augment` returns, as NumPy arrays.
    """
    is_layer = isinstance(augment, keras.layers.Layer)
    if augment is None or not (is_layer or training):
        return inputs
    options = {}
    with keras.device("cpu"):
        if isinstance(augment, ImageLayer):
            if not augment.built:
                with _ONE_AT_A_TIME:
                    augment(inputs, training=False)
            changed = augment(inputs, training=training, seed=keys.view("int32"))
        elif is_layer:
            if takes(augment.call, "training"):
                options["training"] = training
            with _ONE_AT_A_TIME:  # its draws follow from its state
                states = [variable for variable in augment.variables if variable.name == "seed_generator_state"]
                # Half of the positive range, so that every backend can hold the seed and those that come after it.
                for state, seed in zip(states, fold_in(keys[0], np.arange(len(states))) >> 2, strict=True):
                    state.assign(seed)
                changed = augment(inputs, **options)
        else:
            changed = augment(inputs, **({"seed": keys[0].view("int32")} if takes(augment, "seed") else {}))
        return keras.tree.map_structure(keras.ops.convert_to_numpy, changed)
