"""What the arguments of `ImageDataGenerator` are as layers: for `to_layers`, and for code that is rewritten."""

from collections.abc import Mapping
from typing import Any, NamedTuple

INTERPOLATIONS = ("nearest", "bilinear", "spline2", "spline3", "spline4", "spline5")
"""What layers call the interpolation orders."""
ARGUMENTS = (
    "featurewise_center",
    "samplewise_center",
    "featurewise_std_normalization",
    "samplewise_std_normalization",
    "zca_whitening",
    "zca_epsilon",
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "brightness_range",
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "fill_mode",
    "cval",
    "horizontal_flip",
    "vertical_flip",
    "rescale",
    "preprocessing_function",
    "data_format",
    "validation_split",
    "interpolation_order",
    "dtype",
)
"""Those of the constructor of `ImageDataGenerator`, in their order."""
_OF_NO_LAYER = ("preprocessing_function", "data_format", "validation_split", "dtype")
_WARPS = (
    "rotation",
    "height_shift",
    "height_shift_choices",
    "width_shift",
    "width_shift_choices",
    "shear",
    "zoom",
)
_RANDOM = ("RandomAffine", "RandomChannelShift", "RandomBrightness")
_FILL_MODES = ("nearest", "constant", "reflect", "wrap")


class NoLayer(ValueError):
    """An argument has a value for which there is no layer."""

    def __init__(self, argument, value):
        super().__init__(f"No layer has `{argument}={value!r}`.")
        self.argument = argument


class Given(NamedTuple):
    """The value of a layer's argument, and the generator's argument that it comes from."""

    value: Any
    source: str


class Equivalent(NamedTuple):
    """A layer: its name, what it is called with, and the keywords that are not the defaults."""

    name: str
    first: Given | None
    options: dict[str, Given | Any]

    @property
    def is_random(self):
        """Whether it draws."""
        return self.name in _RANDOM

    @property
    def warps(self):
        """Whether it moves pixels to places between pixels."""
        return any(option in _WARPS for option in self.options)


def layers_of(arguments: Mapping[str, Any], swapped: bool = True):
    """Yield the layers that do what a generator does, in their order, without those that would do nothing.

    Args:
        arguments: those of the constructor, by name; what is absent has its default. Or the attributes of a generator.
        swapped: whether the range of the height moves columns and that of the width rows, as in the legacy code.

    Raises:
        NoLayer: an argument has a value for which there is no layer.
    """
    given = {name: _plain(arguments[name]) for name in ARGUMENTS if name in arguments and name not in _OF_NO_LAYER}
    yield from _geometry(given, swapped)
    if given.get("channel_shift_range"):
        yield Equivalent("RandomChannelShift", _distance(given, "channel_shift_range"), {})
    factors = given.get("brightness_range")
    if factors is not None:
        if not _is_pair(factors) or min(factors) < 0:
            raise NoLayer("brightness_range", factors)
        yield Equivalent("RandomBrightness", Given(_rising(factors), "brightness_range"), {"mode": "8bit"})
    if given.get("rescale"):
        yield Equivalent("keras.layers.Rescaling", Given(given["rescale"], "rescale"), {})
    options = {
        "samplewise_center": given.get("samplewise_center") or given.get("samplewise_std_normalization"),
        "samplewise_std": given.get("samplewise_std_normalization"),
        "featurewise_center": given.get("featurewise_center") and not given.get("zca_whitening"),
        "featurewise_std": given.get("featurewise_std_normalization"),
    }
    if any(options.values()):
        yield Equivalent("Standardize", None, {name: True for name, value in options.items() if value})
    if given.get("zca_whitening"):
        yield Equivalent("ZCAWhitening", Given(given.get("zca_epsilon", 1e-6), "zca_epsilon"), {})


def _geometry(given, swapped):
    options = {}
    if given.get("rotation_range"):
        options["rotation"] = _distance(given, "rotation_range")
    shifts = {"height_shift_range": "width_shift", "width_shift_range": "height_shift"}
    if not swapped:
        shifts = {"width_shift_range": "width_shift", "height_shift_range": "height_shift"}
    for source, name in shifts.items():
        if given.get(source):
            options |= _shift(given, source, name)
    if given.get("shear_range"):
        options["shear"] = _distance(given, "shear_range")
    zoom = given.get("zoom_range", 0)
    if zoom and not (_is_pair(zoom) and list(zoom) == [1, 1]):
        options["zoom"] = Given(_zoom(zoom), "zoom_range")
    options |= {name: True for name in ("horizontal_flip", "vertical_flip") if given.get(name)}
    mode, order = given.get("fill_mode", "nearest"), given.get("interpolation_order", 1)
    if order not in range(6):
        raise NoLayer("interpolation_order", order)
    if not options:
        return
    if mode not in _FILL_MODES:
        raise NoLayer("fill_mode", mode)
    if mode != "nearest":
        options["fill_mode"] = Given(mode, "fill_mode")
    if mode == "constant" and given.get("cval"):
        options["fill_value"] = Given(given["cval"], "cval")
    if order != 1:
        options["interpolation"] = INTERPOLATIONS[order]
    yield Equivalent("RandomAffine", None, options)


def _distance(given, name):
    value = given[name]
    if not _is_number(value):
        raise NoLayer(name, value)
    return Given(abs(value) if value < 0 else value, name)


def _shift(given, source, name):
    """A float is a range; an int or a list are choices, which layers have by another name."""
    value = given[source]
    if isinstance(value, float):
        return {name: _distance(given, source)}
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_count and not (isinstance(value, (list, tuple)) and all(map(_is_number, value))):
        raise NoLayer(source, value)
    return {f"{name}_choices": Given(value, source)}


def _zoom(zoom):
    if _is_number(zoom) and abs(zoom) <= 1:
        return abs(zoom) if zoom < 0 else zoom
    if _is_pair(zoom) and min(zoom) >= 0:
        return _rising(zoom)
    raise NoLayer("zoom_range", zoom)


def _rising(pair):
    return pair if pair[0] <= pair[1] else [pair[1], pair[0]]


def _plain(value):
    """A value without NumPy's types: int and float mean different things to a shift."""
    return value.tolist() if hasattr(value, "tolist") else value


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_pair(value):
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))
