"""PyTorch's operations under the names of `keras.ops`, with its own bilinear sampling."""

import functools
from types import SimpleNamespace

import torch
from keras import ops as keras_ops


def _take(x, indices, axis):
    # Without the handling of negative indices of `keras.ops.take`: the kernels have none, and it costs.
    return torch.index_select(x, axis, indices.reshape(-1)).reshape(*indices.shape, *x.shape[1:])


def interpolate_bilinear(images, row, column):
    """The images at fractional coordinates, which are clamped to the image.

    One pass over the memory, where gathers take dozens without a compiler.

    Args:
        images: (batch, height, width, channels).
        row, column: (batch, rows, columns) of a float dtype, in pixels from the centre of the first one.

    Returns:
        (batch, rows, columns, channels), of the dtype of the coordinates.
    """
    height, width = images.shape[1:3]
    # PyTorch reads the two planes as they are: weaving them into pairs would cost a fifth of the time.
    planes = torch.stack([column * (2 / max(width - 1, 1)), row * (2 / max(height - 1, 1))], dim=1).sub_(1)
    grid = planes.permute(0, 2, 3, 1)
    planes = images.to(row.dtype).permute(0, 3, 1, 2)
    sampled = torch.nn.functional.grid_sample(planes, grid, "bilinear", "border", align_corners=True)
    return sampled.permute(0, 2, 3, 1)


ops = SimpleNamespace(
    **{
        **vars(keras_ops),
        # `keras.ops` gives float32 for float64.
        "floor": torch.floor,
        "matmul": torch.matmul,
        # `keras.ops` refuses a batch without images.
        "max": torch.amax,
        "min": torch.amin,
        "take": _take,
        "interpolate_bilinear": interpolate_bilinear,
        "interpolates": ("float32",),
    }
)


def compiled(function):
    """The function as it is: PyTorch compiles nothing unless the whole model is compiled."""
    return function


def next_words(state):
    """The seed whose turn it is, an array (2,), of the variable of a `keras.random.SeedGenerator`."""
    value = state.value
    words = value.numpy(force=True).copy()
    state.assign(value + _one_more(value.dtype, value.device))
    return words


@functools.cache
def _one_more(dtype, device):
    return torch.tensor([0, 1], dtype=dtype, device=device)


def known(tensor):
    """Whether the value of a tensor can be had now."""
    return True


def tensor_of(array):
    """A tensor of an array, which nobody changes any more."""
    return keras_ops.convert_to_tensor(torch.from_numpy(array))


def replica():
    """The rank of this process in `torch.distributed`; None where there is one."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if distributed and torch.distributed.get_world_size() > 1 else None
