"""Any layer or function on the fly over the elements of a dataset."""

import inspect
import threading

import keras
import numpy as np

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


def takes(function, name):
    """Whether a function has a parameter of that name."""
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # of some written in C nobody knows
        return False


def apply(augment, inputs, keys, training):
    """Apply `augment`, on the CPU, with draws that follow from the keys alone, in whatever thread.

    Args:
        augment: that of `in_graph.augmented`.
        inputs: NumPy array of n inputs, or a single one.
        keys: uint32 (n, 2), one for each.
        training: that of `in_graph.augmented`.

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
        return keras.tree.map_structure(_as_array, changed)


def _as_array(value):
    """A tensor as an array; arrays, of strings as well, and Python's own as they are."""
    return value if isinstance(value, (np.ndarray, np.generic, str)) else keras.ops.convert_to_numpy(value)
