"""A user's function of one image as a part of a graph, if it can be one."""

import numpy as np
import tensorflow as tf

from .threads import watched


def traced(function, images):
    """The function, if it gives the same in a graph as in Python.

    It is called on images in Python and in a graph that was traced once, and the results are compared: a function that
    draws, counts or looks at values gives itself away.

    Args:
        function: takes and returns an image, an array of rank 3.
        images: list of at least one image to compare on.

    Returns:
        The function.

    Raises:
        ValueError: it cannot be traced, gives something else in a graph, or changes NumPy's random state; the message
            says which.
    """
    wanted, draws = watched(lambda: [np.asarray(function(image.copy())) for image in images])
    if draws:
        raise ValueError("preprocessing_function draws from np.random")
    graph = tf.function(lambda batch: tf.vectorized_map(function, batch))
    try:
        results = [graph(image[None])[0].numpy() for image in images]
    except Exception as error:  # whatever a user's function raises on a symbolic tensor
        raise ValueError(f"preprocessing_function cannot be traced ({type(error).__name__})") from error
    for result, want, image in zip(results, wanted, images, strict=True):
        if result.shape != image.shape or want.shape != image.shape:
            raise ValueError("preprocessing_function changes the shape of images")
        if not np.allclose(result, want, rtol=1e-5, atol=1e-5 * np.abs(want).max(initial=0)):
            raise ValueError("preprocessing_function gives other values in a graph")
    return function


def on_each(function, images, dtype):
    """A `traced` function of each image of a batch, in a graph; images of a dtype, of the shape they had."""
    return tf.ensure_shape(tf.cast(tf.vectorized_map(function, images), dtype), images.shape)
