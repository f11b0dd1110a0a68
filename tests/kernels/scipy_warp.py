"""The warp by SciPy, and maps for it."""

import numpy as np
from scipy import ndimage

TINY = [(1, 9), (2, 1), (2, 3), (1, 1)]


def scipy_warp(images, matrix, order, fill_mode, fill_value=0.0, dtype="float32"):
    """Channel by channel, image by image."""
    # SciPy before 1.18 has a fault in the spline filter of `reflect` on axes of a few pixels (scipy#24615): give it
    # the image already reflected, which is the same picture.
    pad = 40 if order > 1 and fill_mode == "reflect" and min(images.shape[1:3]) < 16 else 0
    results = np.empty(images.shape, dtype)
    for image, equations, result in zip(images, matrix, results, strict=True):
        linear, offset = equations[:, :2], equations[:, 2]
        for c in range(image.shape[-1]):
            channel = np.pad(image[..., c], pad, mode="symmetric")
            shape = image.shape[:2]
            result[..., c] = ndimage.affine_transform(
                channel, linear, offset + pad, shape, dtype, order, fill_mode, fill_value
            )
    return results


def random_matrices(rng, count, height, width):
    """Affine maps, some of them with integers or halves only, reaching well outside."""
    matrix = np.concatenate([np.eye(2) + rng.normal(0, 0.4, (count, 2, 2)), rng.uniform(-1, 1, (count, 2, 1))], axis=2)
    matrix[:, :, 2] *= (height + 3, width + 3)
    matrix[::3] = np.round(matrix[::3])
    matrix[1::3] = np.round(2 * matrix[1::3]) / 2
    return matrix
