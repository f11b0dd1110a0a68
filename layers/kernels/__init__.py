"""Pure functions of batches of images: what the layers and the compatible generators apply."""

from .arithmetic import cast, constant
from .boundary import FILL_MODES
from .color import adjust_brightness, adjust_brightness_8bit, shift_channels
from .geometry import (
    BOX_FORMATS,
    affine_matrix,
    boxes_from_xyxy,
    boxes_to_xyxy,
    compose,
    resize_matrix,
    transform_boxes,
)
from .random import fold_in, uniform
from .statistics import standardize
from .warp import flip, warp_affine

__all__ = [
    "BOX_FORMATS",
    "FILL_MODES",
    "adjust_brightness",
    "adjust_brightness_8bit",
    "affine_matrix",
    "boxes_from_xyxy",
    "boxes_to_xyxy",
    "cast",
    "compose",
    "constant",
    "flip",
    "fold_in",
    "resize_matrix",
    "shift_channels",
    "standardize",
    "transform_boxes",
    "uniform",
    "warp_affine",
]
