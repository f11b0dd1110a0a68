"""The keywords that layers hand on to their base classes, for type checkers."""

from typing import Any, Literal, TypedDict

BoxFormat = Literal[
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
]
DataFormat = Literal["channels_last", "channels_first"]
FillMode = Literal["nearest", "constant", "reflect", "wrap"]
Interpolation = Literal["nearest", "bilinear", "spline2", "spline3", "spline4", "spline5"]
Range = float | tuple[float, float] | list[float]


class LayerOptions(TypedDict, total=False):
    """Those of every layer: see `ImageLayer`."""

    data_format: DataFormat | None
    dtype: Any
    name: str | None
    trainable: bool


class RandomOptions(LayerOptions, total=False):
    """Those of layers that draw: see `RandomLayer`."""

    seed: int | None


class GeometricOptions(RandomOptions, total=False):
    """Those of layers that move pixels: see `GeometricLayer`."""

    fill_mode: FillMode
    fill_value: float
    mask_fill_value: float
    interpolation: Interpolation
    bounding_box_format: BoxFormat | None
