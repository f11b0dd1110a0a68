"""Statistics of images in one pass over batches, never all of them in memory."""

import keras
import numpy as np

from .base import _images


def image_batches(data):
    """Batches of images as NumPy arrays.

    Args:
        data: images, an array or tensor (count, ...); or a dataset, `keras.utils.PyDataset` or other finite iterable of
            batches: of images, of tuples that begin with them, or of dictionaries with "images". What has a length is
            read by index.
    """
    if hasattr(data, "shape"):
        # Sliced, because a batch at a time is copied to float64.
        batches = (data[start : start + 64] for start in range(0, len(data), 64))
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        batches = (data[k] for k in range(len(data)))
    else:
        batches = iter(data)
    for batch in batches:
        images = _images(batch[0] if isinstance(batch, tuple) else batch)
        yield keras.ops.convert_to_numpy(images) if keras.ops.is_tensor(images) else np.asarray(images)


def channel_statistics(batches):
    """The mean and the standard deviation of each channel over all images and pixels.

    Args:
        batches: iterable of float64 arrays (batch, height, width, channels).

    Returns:
        Two float64 arrays (channels,).

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """
    count, mean, squares = 0, 0.0, 0.0
    for images in batches:
        values = images.reshape(-1, images.shape[-1])
        batch_mean = values.mean(axis=0)
        delta, total = batch_mean - mean, count + len(values)
        squares = squares + ((values - batch_mean) ** 2).sum(axis=0) + delta**2 * (count * len(values) / total)
        mean = mean + delta * (len(values) / total)
        count = total
    return mean, np.sqrt(squares / count)


def whitening(batches, epsilon):
    """The mean of each channel, and the matrix that makes the values of centred images uncorrelated (ZCA).

    Images are rows, flattened; they stand to the left of the matrix, u diag(sqrt(count) / (s + epsilon)) u^T, with the
    left singular vectors and singular values of the centred images as columns.

    Args:
        batches: iterable of float64 arrays (batch, height, width, channels).
        epsilon: what is added to the singular values.

    Returns:
        Two float64 arrays, (channels,) and (height * width * channels, the same).

    Source: Bell, Sejnowski, "The independent components of natural scenes are edge filters", Vision Research 37 (1997).
    """
    # Rows are kept until there are as many as values in an image, and folded into their Gram matrix then: no more
    # memory than a few such matrices, and few images are decomposed by the smaller of their two sides.
    rows, count, gram, sums, origin = [], 0, None, 0.0, None
    for images in batches:
        channels, size = images.shape[-1], images[0].size
        if origin is None:
            # Sums of squares about a point near the mean lose no digits.
            origin = np.tile(images.mean(axis=(0, 1, 2)), size // channels)
        for part in np.array_split(images.reshape(len(images), size) - origin, -(-len(images) // size)):
            rows.append(part)
            count, sums = count + len(part), sums + part.sum(axis=0)
            if sum(map(len, rows)) >= size:
                gram = _gram(rows) + (0.0 if gram is None else gram)
                rows = []
    mean = np.tile(sums.reshape(-1, channels).sum(axis=0) / (count * (size // channels)), size // channels)
    if gram is None:
        vectors, singular, _ = np.linalg.svd((np.concatenate(rows) - mean).T, full_matrices=False)
    else:
        gram = gram + (_gram(rows) if rows else 0.0)
        cross = np.outer(mean, sums)
        gram = gram - cross - cross.T + count * np.outer(mean, mean)
        squares, vectors = np.linalg.eigh(gram)
        singular = np.sqrt(np.maximum(squares, 0.0))
    matrix = (vectors * (np.sqrt(count) / (singular + epsilon))) @ vectors.T
    return (origin + mean)[:channels], matrix


def _gram(rows):
    rows = np.concatenate(rows)
    return rows.T @ rows
