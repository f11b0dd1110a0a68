"""Keras's own loaders with augmentation on the fly."""

from __future__ import annotations

import os
from typing import Any

import keras

from ..layers import augment as augmented
from ..layers.base import ImageLayer
from .image import ImageDataGenerator


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    *args: Any,
    augment: ImageLayer | ImageDataGenerator | None = None,
    seed: int | None = None,
    **kwargs: Any,
) -> Any:
    """`keras.utils.image_dataset_from_directory` with augmentation on the fly.

    What is loaded is what Keras loads, with its decoders, resizing, split and shuffling: see the migration guide for
    what differs from `flow_from_directory`. For what Keras's other `*_dataset_from_directory` functions return, use
    `dataset.apply(keras_regen.layers.augment(layer, seed))`.

    Args:
        directory, *args, **kwargs: those of the function of Keras.
        augment: a layer of `keras_regen.layers`, or an `ImageDataGenerator`, whose `to_layers()` is taken, or None. The
            validation data of `subset="both"`, or of `subset="validation"`, are not augmented, but normalized.
        seed: int, of Keras's shuffling and of the draws.

    Returns:
        What the function of Keras returns, with its attributes `class_names` and `file_paths`. With `seed` the same
        images at any parallelism, new ones every epoch.

    Raises:
        TypeError: `augment` is something else.

    Example:

    ```python
    train, validation = image_dataset_from_directory(
        "photos", augment=RandomAffine(rotation=20), validation_split=0.2, subset="both", seed=1
    )
    ```
    """
    loaded = keras.utils.image_dataset_from_directory(directory, *args, seed=seed, **kwargs)
    if augment is None:
        return loaded
    layer = augment.to_layers() if isinstance(augment, ImageDataGenerator) else augment
    if not isinstance(layer, ImageLayer):
        raise TypeError(
            "`augment` must be a layer of keras_regen.layers or an ImageDataGenerator. "
            f"Received: {type(augment).__name__}"
        )
    subset = kwargs.get("subset")
    if subset == "both":
        train, validation = loaded
        return train.apply(augmented(layer, seed)), validation.apply(augmented(layer, seed, training=False))
    return loaded.apply(augmented(layer, seed, training=subset != "validation"))
