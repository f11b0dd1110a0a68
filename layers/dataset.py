"""The layers in `tf.data`, reproducibly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

    from .base import ImageLayer


def augment(
    layer: ImageLayer, seed: int | None, training: bool = True, num_parallel_calls: int | None = None
) -> Callable[[tf.data.Dataset[Any]], tf.data.Dataset[Any]]:
    """Apply a layer to the images of a dataset: `dataset.apply(augment(layer, seed=1))`.

    The draws follow from the seed, the number of the pass and the position of the element in the dataset, however many
    elements are computed in parallel, on whatever Keras backend. Every pass over the dataset draws anew; two datasets
    that were built alike draw alike. A saved iterator goes on with the very next element of its pass.

    Args:
        layer: a layer of this package.
        seed: int, or None for other draws each time.
        training: False: random layers change nothing but the dtype, as for validation.
        num_parallel_calls: how many elements to compute at once; None leaves it to `tf.data`.

    Returns:
        A function that takes a `tf.data.Dataset` and returns one. Its elements are what the layer takes, images or a
        dictionary, batched or not; or tuples that begin with that, of which the rest is kept. So are the attributes
        `class_names` and `file_paths` of Keras's `*_dataset_from_directory` functions.

    Raises:
        ImportError: TensorFlow is not installed.

    Example:
        >>> dataset = dataset.apply(augment(RandomAffine(rotation=20), seed=1)).prefetch(2)
    """
    try:
        from .backends import tensorflow  # noqa: PLC0415 - loaded by those who use `tf.data` alone
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ImportError(
            "`augment` is for tf.data, and TensorFlow is not installed. Put the layer into the model, or call it on "
            "batches.",
            name="tensorflow",
        ) from error

    return lambda dataset: tensorflow.augmented(dataset, layer, seed, training, num_parallel_calls)
