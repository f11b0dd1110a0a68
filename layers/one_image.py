"""One NumPy image on a core of the CPU, where small operations of a backend take longer than the pixels.

What is drawn for it, and its matrix, are plain numbers; the draws and the warp are machine code of Numba.
"""

import functools
import math
from types import SimpleNamespace

import numpy as np

from . import base
from .kernels import FILL_MODES

ops = SimpleNamespace(
    cast=lambda x, dtype: np.asarray(x, dtype)[()],
    convert_to_tensor=np.asarray,
    cos=math.cos,
    floor=math.floor,
    sin=math.sin,
    stack=lambda parts, axis: parts,
    take=np.take,
    where=lambda condition, x, y: x if condition else y,
)
"""Operations on the numbers of one image, under the names of `keras.ops`; a stack is a list."""


class MachineCode:
    """Draws and warps one image.

    Args:
        uniform, warp: those of `kernels.by_numba`.
    """

    def __init__(self, uniform, warp):
        self._uniform, self._warp = uniform, warp

    def uniforms(self, seed, folded, names):
        """The uniform numbers of the first image of a batch, by their names, for what `seeds.seed_words` returns."""
        return dict(zip(names, self._uniform(seed, folded, _columns(names)), strict=True))

    def warped(self, image, matrix, order, fill_mode, fill_value):
        """The image, channels last, through `kernels.warp_affine` up to order 1: float32."""
        result, place = room(image.shape, "float32"), FILL_MODES.index(fill_mode)
        in_bytes = image.dtype == np.uint8
        image = np.require(image, requirements="CA")
        self._warp(image, np.array(matrix), order, place, np.float32(fill_value), in_bytes, result)
        return result


def room(shape, dtype):
    """An array, its numbers undefined, that all backends take over without a copy: at a multiple of 64 bytes."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + 64, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def machine_code(image, dtype):
    """The `MachineCode` for an array of rank 3 and results of a dtype (a name); None where there is none."""
    fits = dtype in ("float32", "uint8") and 0 < image.size < 2**31
    return _machine_code(image.dtype) if fits else None


@functools.cache
def _machine_code(dtype):
    if dtype not in (np.dtype("uint8"), np.dtype("float32")):
        return None
    try:
        from .kernels import by_numba  # noqa: PLC0415 - an extra, and a third of a second
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return None
    except ImportError as error:  # numba is there, but not for this NumPy
        base.warn_once(f"keras_regen does without numba, which is slower: {error}")
        return None
    return MachineCode(by_numba.uniform(), by_numba.warp(dtype.name)) if by_numba.MAY_COMPILE else None


@functools.cache
def _columns(names):
    return np.array(base.columns(names), "uint32")
