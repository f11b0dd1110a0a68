"""Several layers as one, consecutive geometric ones with one resampling."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from . import kernels
from .base import ImageLayer, _images, anew
from .execution import operations, run
from .random_affine import GeometricLayer
from .seeds import seed_tensor


@keras.saving.register_keras_serializable(package="keras_regen")
class Pipeline(ImageLayer):
    """Apply layers one after the other, and consecutive geometric layers as one.

    Geometric layers that stand side by side with the same fill mode, fill values, interpolation and dtype are *fused*:
    their matrices are multiplied and the images resampled once. The result equals one warp by that product, which is
    sharper than the chain of resamplings, and nothing is filled in between: what one layer moves out of the image, the
    next may bring back.

    Args:
        layers: layers of this package, or other Keras layers on images that draw nothing and keep the size (like
            `keras.layers.Rescaling`), which get the images alone.
        **kwargs: `name`. Each layer has its own `data_format`, `dtype` and `seed`.

    Raises:
        ValueError: a layer is not one of those above.

    Example:
        >>> pipeline = Pipeline([RandomRotation(20), RandomZoom(0.2), keras.layers.Rescaling(1 / 255)])
        >>> pipeline(np.zeros((8, 224, 224, 3), "uint8")).shape  # (8, 224, 224, 3)
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs: Any) -> None:
        super().__init__(data_format=None, **kwargs)
        if not isinstance(layers, (list, tuple)):
            raise ValueError(f"`layers` must be a list of layers. Received: layers={layers!r}")
        self.layers = list(layers)
        for layer in self.layers:
            if not isinstance(layer, ImageLayer) and (not isinstance(layer, keras.layers.Layer) or _draws(layer)):
                raise ValueError(
                    "`layers` must be layers of keras_regen, or Keras layers that draw nothing and keep the size. "
                    f"Received: {layer!r}"
                )

    def __repr__(self):
        return f"{type(self).__name__}({self.layers!r})"

    def build(self, data_shape):
        for layer in self.layers:
            if not layer.built:
                layer.build(_images(data_shape) if isinstance(data_shape, dict) else data_shape)

    def get_random_transformation(self, data, training=True, seed=None):
        """Draw for a batch: a list with what each layer draws, None for one that does not."""
        ops = operations(_images(data))
        if seed is not None:
            seed = seed_tensor(seed, ops)
        transformations = []
        for k, layer in enumerate(self.layers):
            # The number as a tensor: a constant would be compiled for each layer.
            own = None if seed is None else run(kernels.fold_in, seed, ops.convert_to_tensor(k, dtype="int32"))
            transformation = None
            if isinstance(layer, ImageLayer):
                transformation = layer.get_random_transformation(data, training=training, seed=own)
            transformations.append(transformation)
        return transformations

    def transform_images(self, images, transformation, training=True):
        """Apply transformations to a batch of images.

        Args:
            images: a batch, in the axis order of the layers.
            transformation: the list that `get_random_transformation` returned; or one dictionary, from which every
                layer takes what it knows, such as the arrays of the legacy `get_random_transform`.
            training: False: random layers change nothing but the dtype.

        Returns:
            The images, in their shape and the dtype of the last layer.
        """
        for layer, part in self._steps(transformation, training):
            if isinstance(layer, ImageLayer):
                images = layer.transform_images(images, part, training=training)
            else:
                takes = "training" in inspect.signature(layer.call).parameters
                results = layer(images, **({"training": training} if takes else {}))
                images = _same_size(layer, images, results)
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        for layer, part in self._steps(transformation, training):
            if isinstance(layer, ImageLayer):
                bounding_boxes = layer.transform_bounding_boxes(bounding_boxes, part, training=training)
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        for layer, part in self._steps(transformation, training):
            if isinstance(layer, ImageLayer):
                segmentation_masks = layer.transform_segmentation_masks(segmentation_masks, part, training=training)
        return segmentation_masks

    def compute_output_spec(self, data, training=True, seed=None):
        spec = keras.tree.map_structure(anew, data)
        for layer in self.layers:
            if isinstance(layer, ImageLayer):
                spec = layer.compute_output_spec(spec, training=training)
            else:
                images = _same_size(layer, _images(spec), layer.compute_output_spec(_images(spec)))
                spec = {**spec, "images": images} if isinstance(spec, dict) else images
        return spec

    def get_config(self):
        config = {name: value for name, value in super().get_config().items() if name != "data_format"}
        return {**config, "layers": [keras.saving.serialize_keras_object(x) for x in self.layers]}

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})

    def _steps(self, transformation, training):
        """Pairs of a layer and its transformation; for fused layers, of the first and a list of theirs."""
        if isinstance(transformation, dict):
            if sum(isinstance(layer, GeometricLayer) for layer in self.layers) > 1:
                raise ValueError("One dictionary cannot be the transformation of several geometric layers.")
            transformation = [transformation] * len(self.layers)
        pairs = zip(self.layers, transformation, strict=True)
        for _, group in itertools.groupby(enumerate(pairs), lambda pair: _resampling(pair[1][0]) or pair[0]):
            (lead, part), *others = (pair for _, pair in group)
            yield lead, [part, *(part for _, part in others)] if others and training else part


def _draws(layer):
    """Whether what a Keras layer does depends on random numbers."""
    if not any(variable.name == "seed_generator_state" for variable in layer.variables):
        return False
    if not hasattr(layer, "get_random_transformation"):
        return True
    images = np.zeros((4, 8, 8, 3), "float32")
    drawn = (keras.tree.flatten(layer.get_random_transformation(images, training=True, seed=k)) for k in (1, 2))
    # As arrays: a layer that draws what it does may draw other dtypes, too.
    one, other = ([keras.ops.convert_to_numpy(x) for x in leaves if x is not None] for leaves in drawn)
    return len(one) != len(other) or not all(map(np.array_equal, one, other))


def _same_size(layer, images, results):
    if tuple(results.shape) != tuple(images.shape):
        raise ValueError(f"`layers` must keep the size of the images. Received: {layer!r}")
    return results


def _resampling(layer):
    """What must be equal for two layers to be fused; None for a layer that is never fused."""
    if not isinstance(layer, GeometricLayer):
        return None
    names = ("data_format", "fill_mode", "fill_value", "mask_fill_value", "interpolation", "bounding_box_format")
    return (layer.compute_dtype, *(getattr(layer, name) for name in names))
