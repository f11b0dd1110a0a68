"""Where a kernel runs: the operations that belong to a tensor, and the compiled form of the kernel."""

import functools
import sys

import keras


def in_tensorflow_graph(tensor):
    """Whether it is a symbolic tensor of TensorFlow, as inside `tf.data`, whatever the Keras backend."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(tensor, tensorflow.Tensor) and not tensorflow.executing_eagerly()


def engine(tensor):
    """The module that computes with `tensor`: one of those in `backends`."""
    name = "tensorflow" if in_tensorflow_graph(tensor) else keras.backend.backend()
    # Only the backend in use is imported.
    if name == "tensorflow":
        from .backends import tensorflow as module  # noqa: PLC0415
    elif name == "jax":
        from .backends import jax as module  # noqa: PLC0415
    elif name == "torch":
        from .backends import torch as module  # noqa: PLC0415
    else:
        raise ValueError(f"The layers run on the Keras backends 'tensorflow', 'jax' and 'torch'. Received: {name!r}")
    return module


def operations(tensor):
    """The operations namespace for `tensor`, under the names of `keras.ops`."""
    return engine(tensor).ops


def run(kernel, *tensors, compile=True, **static):
    """Call a kernel on tensors, compiled where the backend has a compiler.

    Args:
        kernel: function of tensors, keywords and `ops`.
        tensors: its positional arguments; the first one tells where to compute.
        compile: False to run the operations one by one, for shapes that keep changing: each would be compiled.
        static: its keywords, hashable.
    """
    return _function(engine(tensors[0]), kernel, compile, **static)(*tensors)


@functools.lru_cache(maxsize=512)
def _function(module, kernel, compile, **static):
    def function(*tensors):  # not a `partial`: TensorFlow would take its keywords for arguments to trace
        return kernel(*tensors, ops=module.ops, **static)

    return module.compiled(function) if compile else function
