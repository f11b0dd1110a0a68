"""Pure functions of batches of images: what the layers and the compatible generators apply."""

from .color import adjust_brightness_8bit, shift_channels
from .statistics import standardize
from .warp import flip, warp_affine

__all__ = ["adjust_brightness_8bit", "flip", "shift_channels", "standardize", "warp_affine"]
