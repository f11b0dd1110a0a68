"""JAX: `keras.ops`, compiled by XLA."""

import functools
from types import SimpleNamespace

import jax
import numpy as np
from keras import ops as keras_ops


def _take(x, indices, axis):
    # Without the search of `keras.ops.take` for indices outside: the kernels have none, and it takes most of the time.
    return x.at[(slice(None),) * axis + (indices,)].get(mode="promise_in_bounds")


# All the digits of float32 on a GPU, too, where JAX would drop half of them: the inverse filters of splines need them.
_matmul = functools.partial(jax.numpy.matmul, precision="highest")

# `keras.ops.floor` gives float32 for float64.
ops = SimpleNamespace(**{**vars(keras_ops), "floor": jax.numpy.floor, "matmul": _matmul, "take": _take})

compiled = jax.jit
"""A function of arrays, compiled for each shape it is called with; inside another compiled function, part of that."""


def next_words(state):
    """The seed whose turn it is, uint32 (2,), of the variable of a `keras.random.SeedGenerator`."""
    value = state.value
    state.assign(value + _one_more())  # in fewer steps than Keras, which makes a tensor of the step each time
    return np.array(value)


@functools.cache
def _one_more():
    with jax.ensure_compile_time_eval():
        return jax.numpy.array([0, 1], "uint32")


def known(tensor):
    """Whether the value of a tensor can be had now, as it cannot while a function is traced."""
    return not isinstance(tensor, jax.core.Tracer)


def tensor_of(array):
    """A tensor of an array at a multiple of 64 bytes, which nobody changes any more."""
    return jax.dlpack.from_dlpack(array) if jax.default_backend() == "cpu" else keras_ops.convert_to_tensor(array)


def replica():
    """None: one program draws for the images of all devices."""
    return None  # a function that is a docstring alone is one that AutoGraph stumbles over, in a `map`
