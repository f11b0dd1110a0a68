"""The functions on one image against the legacy ones, and every name that was ever exported."""

import importlib
import io

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from PIL import Image

KERAS_PREPROCESSING = {
    "affine_transformations": "apply_affine_transform apply_brightness_shift apply_channel_shift flip_axis "
    "random_brightness random_channel_shift random_rotation random_shear random_shift random_zoom "
    "transform_matrix_offset_center array_to_img img_to_array",
    "dataframe_iterator": "DataFrameIterator",
    "directory_iterator": "DirectoryIterator",
    "image_data_generator": "ImageDataGenerator",
    "iterator": "BatchFromFilesMixin Iterator",
    "numpy_array_iterator": "NumpyArrayIterator",
    "utils": "array_to_img img_to_array list_pictures load_img save_img validate_filename",
}


@pytest.mark.parametrize("module", KERAS_PREPROCESSING)
def test_names_of_keras_preprocessing(module):
    imported = importlib.import_module(f"keras_regen.compat.image.{module}")
    for name in KERAS_PREPROCESSING[module].split():
        assert callable(getattr(imported, name))
        assert getattr(ours, name) is getattr(imported, name)


def test_names_of_keras_preprocessing_image():
    tf_keras = importlib.import_module("keras._tf_keras.keras.preprocessing.image")
    exported = {name for module in (tf_keras, keras.preprocessing.image) for name in dir(module) if name[0] != "_"}
    assert len(exported) > 15
    assert not [name for name in exported if not hasattr(ours, name)]
    assert set(ours.__all__) >= exported


def photo(channels=3, dtype="float32", seed=0, size=(13, 18)):
    x = np.random.RandomState(seed).uniform(0, 255, (*size, channels))
    return x.astype(dtype)


CALLS = {
    "random_rotation": lambda m, x, **a: m.random_rotation(x, 40, **a),
    "random_shift": lambda m, x, **a: m.random_shift(x, 0.2, 0.4, **a),
    "random_shear": lambda m, x, **a: m.random_shear(x, 30, **a),
    "random_zoom": lambda m, x, **a: m.random_zoom(x, (0.5, 1.5), **a),
    "no zoom": lambda m, x, **a: m.random_zoom(x, (1, 1), **a),
    "affine": lambda m, x, fill_mode="nearest", cval=0, interpolation_order=1, **a: m.apply_affine_transform(
        x, 20, 1.5, -2, 10, 0.8, 1.3, fill_mode=fill_mode, cval=cval, order=interpolation_order, **a
    ),
}
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
@pytest.mark.parametrize(
    "arguments",
    [
        LAST,
        {"row_axis": 1, "col_axis": 0, "channel_axis": 2},
        dict(LAST, fill_mode="constant", cval=300.0, interpolation_order=0),
        dict(LAST, fill_mode="reflect", interpolation_order=3),
        dict(LAST, fill_mode="mirror"),
        {},
    ],
    ids=str,
)
def test_geometry(call, dtype, arguments):
    x = photo(dtype=dtype)
    x = x if arguments else x.transpose(2, 0, 1)
    np.random.seed(1)
    want = CALLS[call](legacy, x, **arguments)
    np.random.seed(1)
    got = CALLS[call](ours, x, **arguments)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_channel_shift(axis, dtype):
    x = np.moveaxis(photo(dtype=dtype), 2, axis)
    np.random.seed(1)
    want = [legacy.random_channel_shift(x, 90, axis), legacy.apply_channel_shift(x, 20.5, axis)]
    np.random.seed(1)
    got = [ours.random_channel_shift(x, 90, axis), ours.apply_channel_shift(x, 20.5, axis)]
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("offset", [0, -80, 80])
@pytest.mark.parametrize("scale", [True, False])
def test_brightness(channels, offset, scale):
    x = photo(channels) + offset
    np.random.seed(1)
    want = legacy.random_brightness(x, (0.2, 2.0), scale)
    np.random.seed(1)
    np.testing.assert_array_equal(ours.random_brightness(x, (0.2, 2.0), scale), want)
    np.testing.assert_array_equal(
        ours.apply_brightness_shift(x, 1.0, scale), legacy.apply_brightness_shift(x, 1.0, scale)
    )


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_flip_axis(axis):
    np.testing.assert_array_equal(ours.flip_axis(photo(), axis), legacy.flip_axis(photo(), axis))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ours.apply_affine_transform(photo(), theta=1, row_axis=0, col_axis=0), ValueError, "distinct"),
        (lambda: ours.apply_affine_transform(photo(), theta=1, row_axis=-3), ValueError, "one of 0, 1, 2"),
        (lambda: ours.apply_affine_transform(photo()[0], theta=1), ValueError, r"rank 3.*\(18, 3\)"),
        (lambda: ours.apply_affine_transform(photo(), 1, 0, 0, 0, 1, 1, 0, 2, 1), ValueError, "`channel_axis`"),
        (lambda: ours.apply_affine_transform(photo(), 9, fill_mode="edge"), RuntimeError, "`fill_mode`.*'edge'"),
        (lambda: ours.apply_affine_transform(photo(), 9, order=6), RuntimeError, "`interpolation_order`.*6"),
        (lambda: ours.random_zoom(photo(), (1, 2, 3)), ValueError, r"`zoom_range`.*\(1, 2, 3\)"),
        (lambda: ours.random_brightness(photo(), [1]), ValueError, r"`brightness_range`.*\[1\]"),
        (lambda: ours.apply_brightness_shift(photo(2), 1), ValueError, "channel"),
        (lambda: ours.load_img("x.jpg", color_mode="hsv"), (ValueError, FileNotFoundError), "x.jpg|color_mode"),
        (lambda: ours.load_img(3), TypeError, "path"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_load_img_in_old_and_new_spelling(tmp_path, photos):
    path = tmp_path / "x.png"
    Image.fromarray(photos[0]).save(path)
    want = np.asarray(keras.utils.load_img(path, color_mode="grayscale", target_size=(20, 30)))
    np.testing.assert_array_equal(ours.load_img(path, "grayscale", (20, 30)), want)
    with pytest.warns(UserWarning, match="color_mode"):
        np.testing.assert_array_equal(ours.load_img(path, grayscale=True, target_size=(20, 30)), want)
    with pytest.warns(UserWarning, match="color_mode"):
        np.testing.assert_array_equal(ours.load_img(path, True, (20, 30)), want)
    assert ours.load_img(path, False).mode == "RGB"
    assert ours.load_img(io.BytesIO(path.read_bytes())).size == (512, 512)


@pytest.mark.parametrize("content", [b"", b"not an image", None, "truncated"])
def test_load_img_names_the_file(content, tmp_path, photos):
    path = tmp_path / "broken.jpg"
    if content == "truncated":
        Image.fromarray(photos[0]).save(path)
        content = path.read_bytes()[:5000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OSError, match=r"broken\.jpg"):
        ours.load_img(path)
    with pytest.raises(OSError, match=r"broken\.jpg"):
        ours.load_img(str(path), target_size=(4, 4))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_save_img(channels, ending, tmp_path):
    if (channels, ending) == (4, "jpg"):
        with pytest.warns(UserWarning, match="RGBA"):
            ours.save_img(tmp_path / "x.jpg", photo(4))
        return
    for scale in (True, False):
        ours.save_img(tmp_path / f"a.{ending}", photo(channels), scale=scale)
        keras_format = {"tif": "tiff"}.get(ending)
        keras.utils.save_img(tmp_path / f"b.{ending}", photo(channels), scale=scale, file_format=keras_format)
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_save_img_keeps_grey_values_above_255(tmp_path):
    x = np.array([[[0], [300]], [[65535], [7]]], "float32")
    ours.save_img(tmp_path / "x.png", x, scale=False)
    np.testing.assert_array_equal(ours.img_to_array(ours.load_img(tmp_path / "x.png", "grayscale")), x)
    with pytest.raises(ValueError, match=r"0\.\.65535.*70000"):
        ours.save_img(tmp_path / "y.png", np.full((2, 2, 1), 70000.0), scale=False)


def test_list_pictures_and_validate_filename(tmp_path):
    for name in ("a.jpg", "b.PNG", "c.txt", "deeper/d.tiff", "e.jpg.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {name[len(str(tmp_path)) + 1 :] for name in ours.list_pictures(str(tmp_path))}
    assert found == {"a.jpg", "b.PNG", "deeper/d.tiff"}
    assert len(ours.list_pictures(str(tmp_path), ext="png")) == 1
    assert ours.validate_filename(str(tmp_path / "b.PNG"), ("png",))
    assert not ours.validate_filename(str(tmp_path / "absent.png"), ("png",))
    assert not ours.validate_filename(str(tmp_path / "c.txt"), ("png",))
