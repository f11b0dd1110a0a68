"""Arrays for batches in memory that is used again: fresh memory from the system can cost a fifth of what the
batch in it does."""

import collections
import math

import numpy as np

_ALIGNED = 64
"""What TensorFlow asks of memory that it takes over without a copy, in bytes."""
_SMALL = 2**20
"""Bytes up to which the allocator of C keeps memory itself."""
_MOST = 2**29
"""Bytes that are kept at most."""
_free = collections.deque(maxlen=12)
"""Memory that nobody looks at any more: of batches of training and of validation, which may have sizes of their own, as
last batches have. What is pushed out goes back to the system."""


def room(shape, dtype):
    """An array of a shape and dtype, its numbers undefined."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size <= _SMALL:
        memory = np.empty(size + _ALIGNED, "uint8")
        start = -_address(memory) % _ALIGNED
        return memory[start : start + size].view(dtype).reshape(shape)
    return np.asarray(_Lent(_taken(size), size)).view(dtype).reshape(shape)


def _address(memory):
    return memory.__array_interface__["data"][0]  # `ctypes` takes several times as long


def _taken(size):
    """Memory for so many bytes and the alignment: of a batch of that size, if there is some."""
    for _ in range(len(_free)):
        try:
            memory = _free.popleft()
        except IndexError:  # another thread was faster
            break
        if memory.size == size + _ALIGNED:
            return memory
        _free.append(memory)
    return np.empty(size + _ALIGNED, "uint8")


class _Lent:
    """What an array and all its views hold on to. With the last of them it is gone, and the memory free again."""

    def __init__(self, memory, size):
        self._memory = memory
        address = _address(memory)
        data = (address + -address % _ALIGNED, False)
        self.__array_interface__ = {"shape": (size,), "typestr": "|u1", "data": data, "version": 3}

    def __del__(self, free=_free, most=_MOST):
        if sum(memory.size for memory in list(free)) + self._memory.size <= most:
            free.append(self._memory)
