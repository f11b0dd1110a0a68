"""The words and values that arguments take, for type checkers."""

import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

ClassMode = Literal["categorical", "binary", "sparse", "input"]
ColorMode = Literal["rgb", "rgba", "grayscale"]
DataFormat = Literal["channels_last", "channels_first"]
DType = str | np.dtype[Any] | type[Any]
Decoder = Literal["pillow", "fast", "keras"]
FillMode = Literal["nearest", "constant", "reflect", "wrap", "mirror", "grid-constant", "grid-mirror", "grid-wrap"]
Formats = Sequence[str] | Literal["all"]
Interpolation = Literal[
    "nearest",
    "bilinear",
    "bicubic",
    "hamming",
    "box",
    "lanczos",
    # With `decode="keras"`:
    "area",
    "gaussian",
    "lanczos3",
    "lanczos5",
    "mitchellcubic",
]
OnError = Literal["raise", "skip"]
Path = str | os.PathLike[str]
Shift = float | Sequence[float]
Subset = Literal["training", "validation", "test"]
