"""Statistics for a generator: of an array, and of data that do not fit in memory."""

import keras
import numpy as np

from ...layers.streaming import channel_statistics, image_batches, whitening
from ..data.flow import Files
from .batches import transform_array
from .numpy_array_iterator import warn_of_channels


def fit_array(generator, x, rounds, seed):
    """Do what `ImageDataGenerator.fit` does on an array. The arguments are those of `fit_streaming`."""
    g = generator
    x = np.asarray(x, dtype=g.dtype)
    if x.ndim != 4:
        raise ValueError(f"`x` must have rank 4: images, then rows, columns and channels. Received shape: {x.shape}")
    warn_of_channels(x, g.channel_axis, g.data_format)
    if seed is not None:
        np.random.seed(seed)
    if not len(x):
        raise ValueError(_NONE)
    x = np.copy(x)
    if g.rescale:
        x *= g.rescale
    if rounds is not None:
        x = np.concatenate([transform_array(g, x) for _ in range(rounds)])
    axes = (0, g.row_axis, g.col_axis)
    if g.featurewise_center:
        g.mean = np.mean(x, axis=axes, keepdims=True)[0]
        x -= g.mean
    if g.featurewise_std_normalization:
        g.std = np.std(x, axis=axes, keepdims=True)[0]
        x /= g.std + 1e-6
    if g.zca_whitening:
        flat = np.reshape(x, (len(x), -1))
        u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
        g.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + g.zca_epsilon))) @ u.T


def fit_streaming(generator, source, rounds, seed):
    """Do what `ImageDataGenerator.fit` does, a batch at a time.

    Args:
        generator: the `ImageDataGenerator`.
        source: an iterator of one of the flows, or what `layers.streaming.image_batches` takes.
        rounds: how often to go over the augmented images; None for once over the images as they are.
        seed: reseeds NumPy's global generator; None does not.
    """
    if seed is not None:
        np.random.seed(seed)
    g, first = generator, generator.data_format == "channels_first"

    def batches():
        found = 0
        for number in range(1 if rounds is None else rounds):
            before, progress = found, keras.utils.Progbar(None)
            for batch in _raw(source, g):
                images = np.array(batch, dtype=g.dtype)
                if images.ndim != 4:
                    raise ValueError(f"`x` must hold batches of images, of rank 4. Received: shape {images.shape}")
                if g.rescale:
                    images *= g.rescale
                if rounds is not None:
                    images = transform_array(g, images)
                found += len(images)
                progress.update(found)
                if len(images):
                    yield (images.transpose(0, 2, 3, 1) if first else images).astype("float64")
            progress.update(found, finalize=True)
            if found == before:
                raise ValueError(f"{_NONE} in round {number + 1} of {rounds}" if number else _NONE)

    if not (g.featurewise_center or g.featurewise_std_normalization or g.zca_whitening):
        return
    matrix = None
    if g.zca_whitening:
        mean, matrix = whitening(batches(), g.zca_epsilon)
        std = np.ones_like(mean)
    else:
        mean, std = channel_statistics(batches())
    shape = (len(mean), 1, 1) if first else (1, 1, len(mean))
    if g.featurewise_center:
        g.mean = mean.astype(g.dtype).reshape(shape)
    if g.featurewise_std_normalization:
        g.std = std.astype(g.dtype).reshape(shape)
    if matrix is not None:
        if first:
            channels, pixels = len(mean), len(matrix) // len(mean)
            matrix = matrix.reshape(pixels, channels, pixels, channels).transpose(1, 0, 3, 2).reshape(matrix.shape)
        g.zca_whitening_matrix = matrix


_NONE = "`x` must hold at least one image. Received: none"


def _raw(source, generator):
    """Batches of images before any transformation, in the generator's axis order."""
    if not hasattr(source, "_flow"):
        return image_batches(source)
    flow = source._flow(raw=True)
    starts = range(0, flow.samples, flow.batch_size)
    if not isinstance(flow.images, Files):
        return (flow.images[start : start + flow.batch_size] for start in starts)
    loaded = (_read(flow.images, range(start, min(start + flow.batch_size, flow.samples))) for start in starts)
    if generator.data_format == "channels_first":
        loaded = (images.transpose(0, 3, 1, 2) for images in loaded)
    return loaded


def _read(files, indices):
    """The images of the files that can be read."""
    images, good = files.read(indices)
    return images[good]
