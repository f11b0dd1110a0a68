"""The geometric layers: one matrix, one resampling."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from . import kernels, one_image
from .arguments import choices, flag, interval, is_number, one_of
from .base import RandomLayer, between, same_sizes
from .execution import engine, operations, run
from .options import BoxFormat, FillMode, Interpolation, Range
from .seeds import seed_words

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import GeometricOptions, RandomOptions

INTERPOLATIONS = {"nearest": 0, "bilinear": 1, "spline2": 2, "spline3": 3, "spline4": 4, "spline5": 5}
_NEUTRAL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1, "flip_horizontal": 0, "flip_vertical": 0}
_FLIPS = ("flip_vertical", "flip_horizontal")
_MOVES = set(_NEUTRAL) - set(_FLIPS)
_STEPS = {"call", "draw", "apply", "affine_matrix", "get_random_transformation", "transform_images", "uniforms"}
"""What takes part in the transformation of an image."""


class GeometricLayer(RandomLayer):
    """A random layer that moves pixels by an affine map and resamples once.

    Args:
        fill_mode: what lies outside the image. "nearest": a a | a b c d | d d. "reflect": b a | a b c d | d c.
            "wrap": b c | a b c d | b c, the ends identified. "constant": `fill_value`, not blended with the edge.
        fill_value: number, the pixels outside under "constant".
        mask_fill_value: number, the same for segmentation masks.
        interpolation: "nearest", "bilinear", or "spline2" to "spline5", the order of a B-spline through the pixels.
            Masks are always read at the nearest pixel.
        bounding_box_format: the format of the boxes, one of those of Keras: "xyxy", "yxyx", "xywh", "center_xywh",
            "center_yxhw", or one of the first four after "rel_", for fractions of the size; needed for boxes only. A
            box becomes the smallest one around its transformed corners, cut off at the edges of the image; the label of
            a box that has left the image becomes -1.
        **kwargs: `seed`, `data_format`, and those of `keras.layers.Layer`, as `dtype`.

    Raises:
        ValueError: an argument is not one of those above.
    """

    rotation = (0.0, 0.0)
    height_shift = (0.0, 0.0)
    height_shift_choices = None
    width_shift = (0.0, 0.0)
    width_shift_choices = None
    shear = (0.0, 0.0)
    zoom = (1.0, 1.0)
    uniform_zoom = False
    horizontal_flip = False
    vertical_flip = False

    def __init__(
        self,
        *,
        fill_mode: FillMode = "nearest",
        fill_value: float = 0.0,
        mask_fill_value: float = 0,
        interpolation: Interpolation = "bilinear",
        bounding_box_format: BoxFormat | None = None,
        **kwargs: Unpack[RandomOptions],
    ) -> None:
        super().__init__(**kwargs)
        one_of("fill_mode", fill_mode, kernels.FILL_MODES)
        one_of("interpolation", interpolation, tuple(INTERPOLATIONS))
        self.fill_mode = fill_mode
        for name, value in (("fill_value", fill_value), ("mask_fill_value", mask_fill_value)):
            if not is_number(value):
                raise ValueError(f"`{name}` must be a number. Received: {name}={value!r}")
        if bounding_box_format is not None:
            one_of("bounding_box_format", bounding_box_format, kernels.BOX_FORMATS)
        self.fill_value = float(fill_value)
        self.mask_fill_value = float(mask_fill_value)
        self.interpolation = interpolation
        self.bounding_box_format = bounding_box_format

    def _set_shift(self, name, shift, chosen_from):
        """Check and keep a range, or the choices in its place."""
        setattr(self, name, interval(name, shift))
        setattr(self, f"{name}_choices", choices(f"{name}_choices", chosen_from))
        if chosen_from is not None and getattr(self, name) != (0.0, 0.0):
            raise ValueError(
                f"`{name}` must not be given with `{name}_choices`, which takes its place. "
                f"Received: {name}={shift!r}, {name}_choices={chosen_from!r}"
            )

    def __call__(self, data, *args, **kwargs):
        alone = type(data) is np.ndarray and data.ndim == 3 and not args and kwargs.keys() <= {"training", "seed"}
        made = self._of_one(data, **kwargs) if alone and self._is_plain() else None
        if made is not None:
            return made
        return super().__call__(data, *args, **kwargs)

    def _is_plain(self):
        """Whether a call does what this class says, and nothing but its arguments decides on `training`."""
        # What is derived from the layer, or put on it, may do otherwise; Keras may come to keep its calls elsewhere.
        known = hasattr(self, "_get_call_context") and hasattr(self, "_maybe_reset_call_context")
        if type(self).__module__ != __name__ or not _STEPS.isdisjoint(vars(self)) or not known:
            return False
        outer = self._get_call_context().entry_layer  # of another layer that is being called, whose `training` holds
        self._maybe_reset_call_context()
        return outer is self

    def _of_one(self, image, training=True, seed=None):
        """What a call makes of one NumPy image, by `one_image`; None, and nothing drawn, where that cannot do it."""
        can = training and self.interpolation in ("nearest", "bilinear")
        code = one_image.machine_code(image, self.compute_dtype) if can else None
        if code is None:
            return None
        words = self.seed_generator.next_words() if seed is None else seed_words(seed)
        if words is None:
            return None
        first = self.data_format == "channels_first"
        image = np.moveaxis(image, 0, -1) if first else image
        uniforms = code.uniforms(*words, self.uniforms)
        drawn = self.draw(uniforms, *image.shape[:2], one_image.ops)
        columns = [float(drawn.get(name, neutral)) for name, neutral in _NEUTRAL.items()]
        matrix = kernels.affine_matrix(*columns, *image.shape[:2], ops=one_image.ops)
        order = INTERPOLATIONS[self.interpolation] if _MOVES & drawn.keys() else 0
        result = code.warped(image, matrix, order, self.fill_mode, self.fill_value)
        if self.compute_dtype != "float32" or first:
            warped = np.moveaxis(result, -1, 0) if first else result
            result = one_image.room(warped.shape, self.compute_dtype)
            result[...] = warped if result.dtype == np.float32 else np.clip(np.floor(warped + np.float32(0.5)), 0, 255)
        return engine(None).tensor_of(result)

    def affine_matrix(self, transformation, batch, height, width, ops):
        """The matrices of a transformation, (batch, 2, 3), output to input: see `kernels.affine_matrix`.

        Args:
            transformation: dictionary with any of "theta" and "shear" (degrees), "tx" and "ty" (pixels), "zx", "zy",
                "flip_horizontal", "flip_vertical": numbers, lists or arrays (batch,). Or a list of such dictionaries,
                one transformation after the other: the product of their matrices.
            batch, height, width: size of the batch and of the images, numbers or tensors.
            ops: namespace of operations.
        """
        if isinstance(transformation, list):
            matrices = [self.affine_matrix(part, batch, height, width, ops) for part in transformation]
            return functools.reduce(functools.partial(run, kernels.compose), matrices)
        zeros = ops.cast(0 * ops.arange(batch, dtype="int32"), self.precision)
        columns = {
            name: zeros + kernels.constant(transformation.get(name, neutral), self.precision, ops)
            for name, neutral in _NEUTRAL.items()
        }
        for name in _FLIPS:
            columns[name] = columns[name] != 0
        extent = [kernels.constant(length, self.precision, ops) for length in (height, width)]
        return run(kernels.affine_matrix, *columns.values(), *extent)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks read at the nearest pixels, in their dtype, with the transformation of the images.

        The edges of a mask of another size are those of its image, if the transformation is one that
        `get_random_transformation` returned: it holds the size of the images.
        """
        if len(segmentation_masks.shape) not in (3, 4):
            raise ValueError(
                "`segmentation_masks` must have shape (batch, height, width) or (batch, height, width, channels), "
                f"without the first axis for a single image. Received: shape {tuple(segmentation_masks.shape)}"
            )
        if not training:
            return segmentation_masks
        ops = operations(segmentation_masks)
        masks = ops.convert_to_tensor(segmentation_masks)
        bare, first = len(masks.shape) == 3, self.data_format == "channels_first"
        if bare:
            masks = masks[..., None]
        elif first:
            masks = ops.transpose(masks, (0, 2, 3, 1))
        dtype = keras.backend.standardize_dtype(masks.dtype)
        masks = self._resampled(masks, transformation, "nearest", self.mask_fill_value, dtype)
        if bare:
            return masks[..., 0]
        return ops.transpose(masks, (0, 3, 1, 2)) if first else masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes around the transformed contents of boxes, and -1 for the labels of those that left the image.

        The transformation must be one that `get_random_transformation` returned: it holds the size of the images.
        """
        boxes, labels = self._boxes_and_labels(bounding_boxes, training)
        ops = operations(boxes)
        boxes = ops.cast(boxes, self.precision)
        if not training:
            return {**bounding_boxes, "boxes": boxes}
        # Where a graph did not know the sizes: nothing is broadcast or left out.
        count = ops.shape(boxes)[:2]
        boxes, labels = ops.reshape(boxes, (*count, 4)), ops.reshape(labels, count)
        first = transformation[0] if isinstance(transformation, list) else transformation
        height, width = first["height"], first["width"]
        matrix = self.affine_matrix(transformation, count[0], height, width, ops)
        extent = [kernels.constant(length, self.precision, ops) for length in (height, width)]
        boxes = kernels.boxes_to_xyxy(boxes, self.bounding_box_format, *extent, ops=ops)
        boxes = run(kernels.transform_boxes, boxes, matrix, *extent)
        empty = (boxes[..., 2] <= boxes[..., 0]) | (boxes[..., 3] <= boxes[..., 1])
        boxes = kernels.boxes_from_xyxy(boxes, self.bounding_box_format, *extent, ops=ops)
        return {**bounding_boxes, "boxes": boxes, "labels": ops.where(empty, -ops.ones_like(labels), labels)}

    def compute_output_spec(self, data, training=True, seed=None):
        spec = super().compute_output_spec(data, training=training, seed=seed)
        if isinstance(data, dict) and "bounding_boxes" in data:
            boxes, _ = self._boxes_and_labels(spec["bounding_boxes"], training)
            spec["bounding_boxes"]["boxes"] = keras.KerasTensor(boxes.shape, dtype=self.precision)
        return spec

    def _boxes_and_labels(self, bounding_boxes, training):
        if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
            received = sorted(bounding_boxes) if isinstance(bounding_boxes, dict) else type(bounding_boxes).__name__
            raise ValueError(f"`bounding_boxes` must be a dictionary of 'boxes' and 'labels'. Received: {received}")
        boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
        if not same_sizes(boxes.shape, (None, None, 4)):
            raise ValueError(
                "The 'boxes' of `bounding_boxes` must have shape (batch, count, 4), without the first axis for a "
                f"single image. Received: shape {tuple(boxes.shape)}"
            )
        if not same_sizes(labels.shape, boxes.shape[:2]):
            raise ValueError(
                "The 'labels' of `bounding_boxes` must be one per box, (batch, count), without the first axis for a "
                f"single image. Received: shape {tuple(labels.shape)}, for boxes of shape {tuple(boxes.shape)}"
            )
        if training and self.bounding_box_format is None:
            raise ValueError(
                "Bounding boxes need the argument `bounding_box_format`, such as 'xyxy'. "
                "Received: bounding_box_format=None"
            )
        if training and "uint" in str(labels.dtype):
            raise ValueError(f"Labels of bounding boxes must have a sign, for -1. Received: {labels.dtype}")
        return boxes, labels

    def draw(self, uniforms, height, width, ops):
        drawn = {"height": height, "width": width}
        if self.rotation != (0.0, 0.0):
            drawn["theta"] = between(self.rotation, uniforms["theta"])
        for side, column, length in (("width_shift", "tx", width), ("height_shift", "ty", height)):
            shift, chosen_from = getattr(self, side), getattr(self, f"{side}_choices")
            if chosen_from is not None:
                drawn[column] = _chosen(chosen_from, uniforms[column], uniforms[f"{column}_sign"], length, ops)
            elif shift != (0.0, 0.0):
                fractions = max(map(abs, shift)) < 1
                pixels = between(shift, uniforms[column])
                drawn[column] = pixels * kernels.constant(length, pixels.dtype, ops) if fractions else pixels
        if self.shear != (0.0, 0.0):
            drawn["shear"] = between(self.shear, uniforms["shear"])
        if self.zoom != (1.0, 1.0):
            drawn["zx"] = between(self.zoom, uniforms["zx"])
            drawn["zy"] = between(self.zoom, uniforms["zx" if self.uniform_zoom else "zy"])
        if self.horizontal_flip:
            drawn["flip_horizontal"] = uniforms["flip_horizontal"] < 0.5
        if self.vertical_flip:
            drawn["flip_vertical"] = uniforms["flip_vertical"] < 0.5
        return drawn

    def apply(self, images, transformation, ops):
        return self._resampled(images, transformation, self.interpolation, self.fill_value, self.compute_dtype)

    def _resampled(self, images, transformation, interpolation, fill_value, dtype):
        """Images or masks, channels last, through the map: in `dtype`."""
        ops = operations(images)
        if isinstance(transformation, dict) and not _MOVES & set(transformation):  # pixels are copied
            flips = [kernels.constant(transformation.get(name, 0), "float32", ops) != 0 for name in _FLIPS]
            return kernels.cast(self._run(kernels.flip, images, *flips), dtype, ops=ops)
        batch, *size = ops.shape(images)[:3]
        first = transformation[0] if isinstance(transformation, list) else transformation
        drawn_for = [first.get("height", size[0]), first.get("width", size[1])]
        matrix = self.affine_matrix(transformation, batch, *drawn_for, ops)
        if not all(isinstance(a, int) and a == b for a, b in zip(drawn_for, size, strict=True)):  # masks, for one
            sizes = [kernels.constant(length, self.precision, ops) for length in (*drawn_for, *size)]
            matrix = run(kernels.resize_matrix, matrix, *sizes)
        return self._run(
            kernels.warp_affine,
            images,
            matrix,
            order=INTERPOLATIONS[interpolation],
            fill_mode=self.fill_mode,
            fill_value=fill_value,
            dtype=dtype,
        )


def _chosen(choices, uniform, sign, length, ops):
    """Pixels: one of the choices with a random sign; a fraction of the length if the largest is below 1."""
    numbers = range(choices) if isinstance(choices, int) else choices
    chosen = ops.take(kernels.constant(numbers, uniform.dtype, ops), ops.cast(uniform * len(numbers), "int32"), axis=0)
    pixels = ops.where(sign < 0.5, -chosen, chosen)
    # The legacy rule: not the largest magnitude, and of an int the int itself.
    fractions = not isinstance(choices, int) and max(choices) < 1
    return pixels * kernels.constant(length, uniform.dtype, ops) if fractions else pixels


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomAffine(GeometricLayer):
    """Rotate, shift, shear, zoom and flip images at random: one matrix, one resampling.

    Equals the geometry of the legacy `ImageDataGenerator`, given the same parameters, on square images; on others, of a
    generator with `legacy_axes=False`.

    Convention:
        See `kernels.affine_matrix` for directions and order. `width_shift` moves columns, `height_shift` rows. The
        fixed point is the centre of the image, ((height - 1) / 2, (width - 1) / 2). Every parameter of every image is
        drawn independently and uniformly; flips have a probability of one half. A zoom factor above 1 shows more of the
        image, smaller.

    Args:
        rotation: degrees: a number r for [-r, r], or a pair (low, high).
        height_shift, width_shift: a number s for [-s, s], or a pair (low, high): fractions of the size if both are
            below 1 in magnitude, pixels otherwise.
        height_shift_choices, width_shift_choices: in place of these, a sequence of numbers of which one is chosen and
            given a random sign: fractions of the size if the largest is below 1, pixels otherwise; or an int n for
            whole pixels from 0 to n - 1.
        shear: degrees: a number s for [-s, s], or a pair (low, high).
        zoom: a number z for factors in [1 - z, 1 + z], or a pair (low, high). Height and width have one each.
        uniform_zoom: whether height and width share one factor.
        horizontal_flip, vertical_flip: whether to mirror left to right, top to bottom.
        **kwargs: those of `GeometricLayer`.

    Raises:
        ValueError: an argument is not one of those above.

    Example:
        >>> layer = RandomAffine(rotation=20, width_shift=0.1, zoom=0.2, horizontal_flip=True, seed=1)
        >>> layer(np.zeros((8, 224, 224, 3), "uint8")).shape  # (8, 224, 224, 3), in float32

    Source: the legacy `ImageDataGenerator.get_random_transform` and `apply_transform` of Keras.
    """

    def __init__(
        self,
        rotation: Range = 0.0,
        height_shift: Range = 0.0,
        width_shift: Range = 0.0,
        shear: Range = 0.0,
        zoom: Range = 0.0,
        uniform_zoom: bool = False,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        *,
        height_shift_choices: int | Sequence[float] | None = None,
        width_shift_choices: int | Sequence[float] | None = None,
        **kwargs: Unpack[GeometricOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.rotation = interval("rotation", rotation)
        self._set_shift("height_shift", height_shift, height_shift_choices)
        self._set_shift("width_shift", width_shift, width_shift_choices)
        self.shear = interval("shear", shear)
        self.zoom = interval("zoom", zoom, around=1.0, positive=True)
        self.uniform_zoom = flag("uniform_zoom", uniform_zoom)
        self.horizontal_flip = flag("horizontal_flip", horizontal_flip)
        self.vertical_flip = flag("vertical_flip", vertical_flip)


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomRotation(GeometricLayer):
    """Rotate images at random: `RandomAffine(rotation)` alone."""

    def __init__(self, rotation: Range, **kwargs: Unpack[GeometricOptions]) -> None:
        super().__init__(**kwargs)
        self.rotation = interval("rotation", rotation)


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomShift(GeometricLayer):
    """Shift images at random: `RandomAffine(height_shift=..., width_shift=...)` alone, or with their choices."""

    def __init__(
        self,
        height_shift: Range = 0.0,
        width_shift: Range = 0.0,
        *,
        height_shift_choices: int | Sequence[float] | None = None,
        width_shift_choices: int | Sequence[float] | None = None,
        **kwargs: Unpack[GeometricOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._set_shift("height_shift", height_shift, height_shift_choices)
        self._set_shift("width_shift", width_shift, width_shift_choices)


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomShear(GeometricLayer):
    """Shear images at random: `RandomAffine(shear=...)` alone."""

    def __init__(self, shear: Range, **kwargs: Unpack[GeometricOptions]) -> None:
        super().__init__(**kwargs)
        self.shear = interval("shear", shear)


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomZoom(GeometricLayer):
    """Zoom images at random: `RandomAffine(zoom=..., uniform_zoom=...)` alone."""

    def __init__(self, zoom: Range, uniform_zoom: bool = False, **kwargs: Unpack[GeometricOptions]) -> None:
        super().__init__(**kwargs)
        self.zoom = interval("zoom", zoom, around=1.0, positive=True)
        self.uniform_zoom = flag("uniform_zoom", uniform_zoom)


@keras.saving.register_keras_serializable(package="keras_regen")
class RandomFlip(GeometricLayer):
    """Flip images at random: `RandomAffine(horizontal_flip=..., vertical_flip=...)` alone. Pixels are copied."""

    def __init__(
        self, horizontal_flip: bool = True, vertical_flip: bool = False, **kwargs: Unpack[GeometricOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.horizontal_flip = flag("horizontal_flip", horizontal_flip)
        self.vertical_flip = flag("vertical_flip", vertical_flip)
