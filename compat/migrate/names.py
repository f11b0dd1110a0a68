"""What dotted names stand for: the many homes that the legacy modules had, and what of them we have."""

import re

LEGACY = re.compile(
    r"(?:(?:tensorflow|tensorflow_core)(?:\.\w+)*\.keras|keras(?:\.(?:src|api|legacy|keras|_tf_keras|_v1|_v2))*)"
    r"\.preprocessing(?=\.|$)|keras_preprocessing(?=\.|$)"
)
"""The package `preprocessing` of every Keras: `image`, `sequence` and `text` are modules of it."""

OURS = "keras_regen.compat"

TF_KERAS = re.compile(r"tf_keras(?:\.\w+)*\.preprocessing\.image(?=\.|$)")

GENERATOR = "ImageDataGenerator"
FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")

# What our modules export; a test holds this against their `__all__`. They are not asked, to load no TensorFlow.
_AFFINE = (
    "apply_affine_transform apply_brightness_shift apply_channel_shift flip_axis random_brightness "
    "random_channel_shift random_rotation random_shear random_shift random_zoom transform_matrix_offset_center"
)
_UTILS = "array_to_img img_to_array list_pictures load_img save_img smart_resize validate_filename"
_CLASSES = {
    "dataframe_iterator": "DataFrameIterator",
    "directory_iterator": "DirectoryIterator",
    "image_data_generator": GENERATOR,
    "iterator": "BatchFromFilesMixin Iterator",
    "numpy_array_iterator": "NumpyArrayIterator",
}
_TEXT = "Tokenizer hashing_trick one_hot text_to_word_sequence tokenizer_from_json"
_SEQUENCE = "TimeseriesGenerator make_sampling_table pad_sequences skipgrams timeseries_generator_from_json"
EXPORTS = {
    f"image.{module}": frozenset(names.split())
    for module, names in {"affine_transformations": _AFFINE, "utils": _UTILS, **_CLASSES}.items()
}
EXPORTS["image"] = frozenset().union(*EXPORTS.values())
EXPORTS |= {"text": frozenset(_TEXT.split()), "sequence": frozenset(_SEQUENCE.split())}
MODULES = ("image", "sequence", "text")
_PRIVATE = "sequence._remove_long_seq"
"""A name that programs import all the same."""


def is_package(dotted):
    """Whether a dotted name is a `preprocessing` package."""
    return LEGACY.fullmatch(dotted) is not None


def legacy(dotted):
    """What a dotted name is within the legacy package: "image" for that module, "text.Tokenizer"; None if nothing."""
    match = LEGACY.match(dotted)
    inside = dotted[match.end() + 1 :] if match else ""
    return inside if inside.partition(".")[0] in MODULES else None


def meaning(dotted):
    """The same, where the dotted name may be one of ours already."""
    if dotted.startswith(OURS + "."):
        inside = dotted[len(OURS) + 1 :]
        return inside if inside.partition(".")[0] in MODULES else f"image.{inside}"
    return legacy(dotted)


def known(inside):
    """Whether we have what `legacy` returned."""
    module, _, name = inside.rpartition(".")
    return inside in EXPORTS or name in EXPORTS.get(module, ()) or inside == _PRIVATE
