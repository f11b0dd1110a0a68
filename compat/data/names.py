"""The paths of many files in a graph: little more memory than their bytes."""

import os

import numpy as np
import tensorflow as tf

from .files import Joined

_BLOCK = 64
"""How many names share one string of a tensor, which is copied to look up one of them. A string each took 60 bytes
more per name."""


def lookup(paths):
    """A function of indices, an integer tensor (n,), that returns the paths there, a string tensor (n,).

    Args:
        paths: sequence of paths. They are the bytes that the operating system has for them, which need not be UTF-8.
    """
    directory, names = (paths.directory, paths.names) if isinstance(paths, Joined) else ("", paths)
    blocks, lengths = [], []
    for start in range(0, len(names), _BLOCK):
        encoded = [*map(os.fsencode, names[start : start + _BLOCK])]
        blocks.append(b"".join(encoded))
        lengths += map(len, encoded)
    lengths = np.array(lengths, "int32")
    starts = np.cumsum(lengths, dtype="int64") - lengths
    starts = (starts - np.repeat(starts[::_BLOCK], _BLOCK)[: len(starts)]).astype("int32")
    blocks, starts, lengths = tf.constant(blocks, tf.string), tf.constant(starts), tf.constant(lengths)
    before = os.path.join(os.fsencode(directory), b"")

    def at(indices):
        block = tf.gather(blocks, indices // _BLOCK)
        name = tf.strings.substr(block, tf.gather(starts, indices), tf.gather(lengths, indices))
        whole = tf.strings.substr(name, 0, 1) == b"/"  # as `os.path.join` has it
        return tf.where(whole, name, before + name) if before else name

    return at
