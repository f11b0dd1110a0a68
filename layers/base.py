"""What every layer does: draw for a batch, then apply to its images, masks and boxes."""

from __future__ import annotations

import functools
import inspect
import numbers
import warnings
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from . import kernels
from .arguments import one_of
from .execution import in_tensorflow_graph, operations, run
from .options import DataFormat
from .seeds import SeedStream, seed_tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import LayerOptions

UNIFORMS = (
    "theta",
    "tx",
    "tx_sign",
    "ty",
    "ty_sign",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "channel_shift_intensity",
    "brightness",
)
"""The uniform numbers that each layer of this package draws per image. A layer uses its own of them and leaves the
rest: so layers with the same seed draw independently, and one compiled function serves all layers."""


# Not int8, which is a quantization to Keras, and not uint64, which its PyTorch backend does not know.
_INTEGERS = ("int16", "int32", "int64", "uint8", "uint16", "uint32")
_DTYPES = ("float16", "bfloat16", "float32", "float64", *_INTEGERS)


class ImageLayer(keras.layers.Layer):
    """A layer on images alone, or on a dictionary of images and what belongs to them.

    Args:
        data_format: "channels_last" or "channels_first"; None means Keras's configured one.
        **kwargs: those of `keras.layers.Layer`. `dtype` is the dtype of the images that come out: float16, bfloat16,
            float32 or float64, or an integer dtype, to which values are rounded and clipped, such as "uint8"; but not
            int8 or uint64. The layer computes in float64 if it is float64, in float32 otherwise.

    Raises:
        ValueError: an argument is not one of those above.
    """

    def __init__(self, *, data_format: DataFormat | None = None, **kwargs: Any) -> None:
        dtype = kwargs.get("dtype")
        try:
            known = keras.dtype_policies.get(dtype).compute_dtype in _DTYPES
        except (TypeError, ValueError):
            known = False
        if not known:
            raise ValueError(f"`dtype` must be one of {_DTYPES}, or a policy. Received: dtype={dtype!r}")
        super().__init__(autocast=False, **kwargs)
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        one_of("data_format", self.data_format, ("channels_last", "channels_first"))

    def __repr__(self):
        """The arguments that are not the defaults, the layer's own ones first."""
        given = []
        for name, default in self._arguments().items():
            value = getattr(self, name)
            value = tuple(value) if isinstance(value, list) else value  # which a tuple is in JSON
            if value != default:
                given.append(f"{name}={value!r}")
        if self.dtype_policy != keras.config.dtype_policy():
            given.append(f"dtype={self.compute_dtype!r}")
        return f"{type(self).__name__}({', '.join(given)})"

    @classmethod
    def _arguments(cls):
        """The arguments of the constructors, from that of the class up to that of `ImageLayer`, and their defaults.

        Each is an attribute of the layer. Those of `keras.layers.Layer`, such as `name`, are left to Keras.
        """
        arguments = {}
        for each in cls.__mro__[: cls.__mro__.index(ImageLayer) + 1]:
            for name, parameter in inspect.signature(each.__init__).parameters.items():
                variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
                if not variable and name not in ("self", "name", "dtype", "trainable"):
                    # What is kept may be spelled differently from the default, as a range for 0.2: then the class
                    # has an attribute with the default as it is kept.
                    arguments.setdefault(name, getattr(cls, name, parameter.default))
        return {**arguments, "data_format": keras.config.image_data_format()}

    @property
    def precision(self) -> str:
        """The dtype to compute in."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def __call__(self, data, *args, **kwargs):
        # Keras would try to convert the tensors of a `tf.data` pipeline to its own backend's, which is impossible.
        if in_tensorflow_graph(_images(data)) and keras.backend.backend() != "tensorflow":
            return self.call(data, *args, **kwargs)
        return super().__call__(data, *args, **kwargs)

    def call(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Transform images.

        Args:
            data: images, (batch, height, width, channels) or one without the batch axis, or channels first; uint8 or
                floating point. Or a dictionary of "images", and any of "labels", "bounding_boxes" (a dictionary of
                "boxes", (batch, count, 4), and "labels", (batch, count)) and "segmentation_masks" (of any height,
                width and number of channels, or without that axis). Other keys are kept.
            training: False: random layers change nothing but the dtype.
            seed: None: the layer's own stream of seeds. An int, or an integer tensor (2,): the draws follow from it
                alone. An integer tensor (batch, 2): a seed for each image.

        Returns:
            The images, in their shape and the layer's dtype, or a new dictionary. Masks keep their dtype; boxes come
            out in the precision of a layer that moves them.

        Raises:
            ValueError: images, masks or boxes have another shape, or there are not as many of each.
        """
        inputs = {**(data if isinstance(data, dict) else {}), "images": _images(data)}
        parts = {name: _tensors(inputs[name]) for name in _TRANSFORMED if name in inputs}
        rank = len(parts["images"].shape)
        if rank not in (3, 4):
            raise ValueError(
                f"Images must have rank 4, or 3 for a single one. Received: shape {tuple(parts['images'].shape)}"
            )
        if rank == 3:
            parts = {name: _each(lambda x: x[None], part) for name, part in parts.items()}
        for name, part in parts.items():
            for x in keras.tree.flatten(part):
                if not same_sizes(x.shape[:1], parts["images"].shape[:1]):
                    raise ValueError(
                        f"`{name}` must have as many entries along the first axis as there are images, "
                        f"{parts['images'].shape[0]}. Received: shape {tuple(x.shape)}"
                    )
        transformation = self.get_random_transformation(parts, training=training, seed=seed)
        for name in parts:
            parts[name] = getattr(self, f"transform_{name}")(parts[name], transformation, training=training)
        if rank == 3:
            parts = {name: _each(lambda x: x[0], part) for name, part in parts.items()}
        if "labels" in inputs:
            inputs["labels"] = self.transform_labels(inputs["labels"], transformation, training=training)
        return {**inputs, **parts} if isinstance(data, dict) else parts["images"]

    def get_random_transformation(self, data, training=True, seed=None):
        """Draw for a batch. None where there is nothing to draw."""
        return None

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Apply a transformation to a batch of images.

        Args:
            images: (batch, height, width, channels), or channels first.
            transformation: what `get_random_transformation` returned, or a dictionary with any of its keys, of numbers,
                lists or arrays (batch,).
            training: False: random layers change nothing but the dtype.

        Returns:
            The images, in their shape and the layer's dtype.
        """
        images = operations(images).convert_to_tensor(images)
        ops = operations(images)
        first = self.data_format == "channels_first"
        images = self.apply(ops.transpose(images, (0, 2, 3, 1)) if first else images, transformation, ops)
        images = kernels.cast(images, self.compute_dtype, ops=ops)
        return ops.transpose(images, (0, 3, 1, 2)) if first else images

    def transform_labels(self, labels, transformation, training=True):
        """The labels, as they are."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The bounding boxes, as they are."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks, as they are."""
        return segmentation_masks

    def apply(self, images: Any, transformation: Any, ops: Any) -> Any:
        """The transformed images: what a layer is. See `RandomLayer`.

        Args:
            images: (batch, height, width, channels), whatever the `data_format` of the layer is.
            transformation: what was drawn.
            ops: the operations to compute with, as of `keras.ops`.

        Returns:
            The images, channels last, in any dtype: they are cast to that of the layer, rounded and clipped if it holds
            integers.
        """
        raise NotImplementedError

    def _run(self, kernel, images, *tensors, **static):
        """Call a kernel on images, compiled if their size is known."""
        known = None not in tuple(images.shape)[1:3]
        if not known:
            warn_once(
                f"{type(self).__name__}: the height and width of the images are not known when the graph is built, so "
                "it runs uncompiled and several times slower. Resize the images first, or set their shape."
            )
        return run(kernel, images, *tensors, compile=known, **static)

    def _sizes(self, images, ops):
        """Batch size, height and width of a batch of images."""
        batch, *rest = ops.shape(images)
        return (batch, *(rest[1:] if self.data_format == "channels_first" else rest[:2]))

    def compute_output_shape(self, data_shape):
        return data_shape

    def compute_output_spec(self, data, training=True, seed=None):
        images = keras.KerasTensor(_images(data).shape, dtype=self.compute_dtype)
        # A functional model knows a tensor by the layer that made it, so each output has to be a new tensor.
        return {**keras.tree.map_structure(anew, data), "images": images} if isinstance(data, dict) else images

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self._arguments()}}


class RandomLayer(ImageLayer):
    """The base of layers that draw, those of this package and your own: `draw` makes numbers, `apply` uses them.

    A layer of your own has a constructor that keeps each of its arguments as an attribute of the same name, `draw`, and
    `apply`. From these follow: saving, loading and the repr; images of any dtype, one at a time and in batches, in
    either `data_format`; seeds; `training=False`; and TensorFlow, JAX and PyTorch, compiled and inside `tf.data`.
    Masks, boxes and labels stay as they are; a layer that moves pixels overrides `transform_segmentation_masks` and
    `transform_bounding_boxes`, too, or derives from one that moves them, such as `RandomAffine`. `check_layer` checks
    all of it.

    The draws follow from a seed and the index of an image in its batch by a counter-based generator (Threefry), and
    are the same on every backend. Nothing drawn is kept: `draw` and `apply` set no attribute.

    Args:
        seed: int, at which the layer's own stream of seeds starts; None for a start by chance.
        **kwargs: `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Raises:
        ValueError: an argument is not one of those above.

    Example:
        >>> @keras.saving.register_keras_serializable(package="mine")
        ... class RandomDimming(RandomLayer):
        ...     uniforms = ("dimming",)
        ...
        ...     def __init__(self, strength=0.5, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.strength = strength
        ...
        ...     def draw(self, uniforms, height, width, ops):
        ...         return {"dimming": 1 - self.strength * uniforms["dimming"]}
        ...
        ...     def apply(self, images, transformation, ops):
        ...         factor = ops.cast(transformation["dimming"], self.precision)
        ...         return ops.cast(images, self.precision) * factor[:, None, None, None]
        >>> check_layer(RandomDimming(0.3))
    """

    uniforms: tuple[str, ...] = UNIFORMS
    """The names of the numbers that `draw` gets. A name stands for the same number wherever the seed and the image are
    the same, whatever the other names are: layers that are given one seed draw independently under different names."""

    def __init__(self, *, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if seed is not None and not isinstance(seed, numbers.Integral):
            raise ValueError(f"`seed` must be an integer or None. Received: seed={seed!r}")
        self.seed = seed
        self.seed_generator = SeedStream(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Mapping[str, Any] | None:
        """Draw for a batch.

        Args:
            data: the images, or a dictionary of them, in a batch.
            training: False: None is returned.
            seed: as for a call of the layer.

        Returns:
            What `draw` makes: of the layers of this package a dictionary of tensors (batch,), named like the columns of
            the legacy `get_random_transform`.
        """
        if not training:
            return None
        images = _tensors(_images(data))
        ops = operations(images)
        batch, height, width = self._sizes(images, ops)
        index = ops.arange(batch, dtype="int32")
        seed = self.seed_generator.next_for(images) if seed is None else seed_tensor(seed, ops)
        if len(seed.shape) == 2 and isinstance(batch, int) and seed.shape[0] not in (None, batch):
            raise ValueError(f"`seed` must have a row for each of {batch} images. Received: shape {tuple(seed.shape)}")
        uniforms = ops.cast(run(kernels.uniform, seed, index, columns=columns(self.uniforms)), self.precision)
        return self.draw({name: uniforms[:, k] for k, name in enumerate(self.uniforms)}, height, width, ops)

    def transform_images(self, images, transformation, training=True):
        if training:
            return super().transform_images(images, transformation)
        images = operations(images).convert_to_tensor(images)
        return kernels.cast(images, self.compute_dtype, ops=operations(images))

    def draw(self, uniforms: dict[str, Any], height: Any, width: Any, ops: Any) -> dict[str, Any]:
        """Turn uniform numbers into a transformation: a pure function.

        Args:
            uniforms: dictionary of tensors (batch,) in [0, 1), float32 or float64, one for each name in `uniforms`.
            height, width: of the images: ints, or tensors where a graph does not know them.
            ops: the operations to compute with, as of `keras.ops`.

        Returns:
            Dictionary of tensors whose first axis is the batch, or of numbers for all images: what `apply` gets.
        """
        raise NotImplementedError


@functools.cache
def columns(names):
    """Where the numbers of these names stand in the counters of the generator."""
    # Any other name has a number of its own beyond those of this package, which are the first.
    return tuple(
        UNIFORMS.index(name) if name in UNIFORMS else 2**30 + zlib.crc32(name.encode()) % 2**30 for name in names
    )


_TRANSFORMED = ("images", "bounding_boxes", "segmentation_masks")


def _images(data):
    if not isinstance(data, dict):
        return data
    if "images" not in data:
        raise ValueError(f"A dictionary must have the key 'images'. Received the keys: {sorted(data)}")
    return data["images"]


def _tensors(part):
    """An array, or a dictionary of arrays, as tensors. Ragged boxes become dense, with empty boxes in the gaps."""
    if isinstance(part, dict):
        gaps = {"boxes": 0, "labels": -1}
        return {
            name: x.to_tensor(gaps.get(name, 0)) if hasattr(x, "to_tensor") else _tensors(x) for name, x in part.items()
        }
    return operations(part).convert_to_tensor(part)


def _each(function, part):
    return {name: function(x) for name, x in part.items()} if isinstance(part, dict) else function(part)


def anew(tensor):
    """A new symbolic tensor like this one."""
    kind = {name: True for name in ("sparse", "ragged") if getattr(tensor, name, False)}
    return keras.KerasTensor(tensor.shape, dtype=tensor.dtype, **kind)


def same_sizes(shape, expected):
    """Whether a shape is the expected one, as far as both are known."""
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, expected, strict=True)
    )


def between(low_high, uniform):
    """A uniform number in [0, 1), scaled to [low, high)."""
    low, high = low_high
    return low + (high - low) * uniform


_warned = set()


def warn_once(message):
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, stacklevel=2)
