"""Pure functions of batches of images: what the layers and the compatible generators apply."""

from keras_regen.layers.kernels.color import adjust_brightness_8bit, shift_channels
from keras_regen.layers.kernels.statistics import standardize
from keras_regen.layers.kernels.warp import flip, warp_affine

__all__ = ["adjust_brightness_8bit", "flip", "shift_channels", "standardize", "warp_affine"]
