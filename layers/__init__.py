"""Augmentation as Keras 3 preprocessing layers, on TensorFlow, JAX and PyTorch, in models and in `tf.data`."""

from .base import RandomLayer
from .checking import check_layer
from .dataset import augment
from .pipeline import Pipeline
from .random_affine import RandomAffine, RandomFlip, RandomRotation, RandomShear, RandomShift, RandomZoom
from .random_color import RandomBrightness, RandomChannelShift
from .standardize import Standardize, ZCAWhitening

__all__ = [
    "Pipeline",
    "RandomAffine",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomFlip",
    "RandomLayer",
    "RandomRotation",
    "RandomShear",
    "RandomShift",
    "RandomZoom",
    "Standardize",
    "ZCAWhitening",
    "augment",
    "check_layer",
]

_FOR_COMPAT = {
    "backends.jax": {"ops"},
    "backends.tensorflow": {"compiled", "ops", "random_numbers"},
    "backends.torch": {"ops"},
    "base": {"ImageLayer"},
    "execution": {"operations", "run"},
    "kernels": {"adjust_brightness_8bit", "cast", "flip", "fold_in", "shift_channels", "standardize", "warp_affine"},
    "kernels.random": {"threefry"},
    "seeds": {"seed_tensor"},
    "streaming": {"channel_statistics", "image_batches", "whitening"},
}
"""What `keras_regen.compat` takes from the modules of this package, besides the public names above."""
