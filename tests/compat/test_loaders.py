"""Keras's own loading, with our augmentation on top and under the legacy names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, image_dataset_from_directory, to_dataset
from keras_regen.layers import Pipeline, RandomAffine, Standardize
from PIL import Image

SIZE = {"image_size": (20, 24), "batch_size": 8, "verbose": False}


def images_of(dataset):
    return np.concatenate([x for x, *_ in dataset.as_numpy_iterator()])


@pytest.mark.parametrize("augment", [RandomAffine(rotation=40), ImageDataGenerator(rotation_range=40, rescale=1 / 255)])
def test_augmentation_on_the_fly(augment, jpeg_directory):
    plain = keras.utils.image_dataset_from_directory(jpeg_directory, shuffle=False, **SIZE)
    builds = [
        image_dataset_from_directory(jpeg_directory, shuffle=False, augment=augment, seed=1, **SIZE) for _ in range(2)
    ]
    assert builds[0].class_names == plain.class_names == ["cats", "dogs"]
    assert builds[0].file_paths == plain.file_paths
    first, second = ([images_of(build) for _ in range(2)] for build in builds)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    labels = [np.concatenate([y for _, y in dataset.as_numpy_iterator()]) for dataset in (builds[0], plain)]
    np.testing.assert_array_equal(*labels)
    scale = 255 if isinstance(augment, ImageDataGenerator) else 1
    assert np.abs(first[0] * scale - images_of(plain)).mean() > 1, "it is augmented"
    assert abs((first[0] * scale).mean() - images_of(plain).mean()) < 5, "and the same pictures"


@pytest.mark.parametrize("subset", ["both", "validation", "training"])
def test_validation_is_not_augmented_but_normalized(subset, jpeg_directory):
    pipeline = Pipeline([RandomAffine(rotation=40), Standardize(samplewise_center=True)])
    arguments = {"validation_split": 0.3, "seed": 1, "subset": subset, **SIZE}
    loaded = image_dataset_from_directory(jpeg_directory, augment=pipeline, **arguments)
    plain = keras.utils.image_dataset_from_directory(jpeg_directory, **arguments)
    mine, theirs = (loaded[1], plain[1]) if subset == "both" else (loaded, plain)
    assert len(images_of(mine)) == len(images_of(theirs))
    centred = np.abs(images_of(mine).mean((1, 2, 3))).max()
    assert centred < 1e-3
    spread = [np.sort(images_of(dataset).std((1, 2, 3))) for dataset in (mine, theirs)]
    assert np.allclose(*spread, rtol=1e-4) == (subset != "training")


def test_without_augmentation_and_with_something_else(jpeg_directory):
    plain = image_dataset_from_directory(jpeg_directory, shuffle=False, **SIZE)
    np.testing.assert_array_equal(
        images_of(plain), images_of(keras.utils.image_dataset_from_directory(jpeg_directory, shuffle=False, **SIZE))
    )
    with pytest.raises(TypeError, match=r"`augment` must be a layer, a function .* Received: int"):
        image_dataset_from_directory(jpeg_directory, augment=1, **SIZE)


@pytest.mark.parametrize(
    ("interpolation", "color_mode"),
    [("bilinear", "rgb"), ("nearest", "grayscale"), ("area", "grayscale"), ("lanczos5", "rgb")],
)
def test_flows_with_keras_s_pixels(interpolation, color_mode, jpeg_directory):
    plain = keras.utils.image_dataset_from_directory(
        jpeg_directory, shuffle=False, interpolation=interpolation, color_mode=color_mode, **SIZE
    )
    flow = ImageDataGenerator().flow_from_directory(
        jpeg_directory,
        target_size=(20, 24),
        batch_size=8,
        shuffle=False,
        interpolation=interpolation,
        color_mode=color_mode,
        decode="keras",
    )
    np.testing.assert_array_equal(images_of(to_dataset(flow)), images_of(plain))
    np.testing.assert_array_equal(next(flow)[0], next(iter(plain))[0].numpy())
    np.testing.assert_array_equal(images_of(to_dataset(flow, draws="stateless")), images_of(plain))


def test_a_broken_file_is_named(tmp_path, photos):
    (tmp_path / "a").mkdir()
    for k in range(3):
        tf.io.write_file(str(tmp_path / "a" / f"{k}.jpg"), tf.io.encode_jpeg(photos[k][:30, :30]))
    (tmp_path / "a" / "1.jpg").write_bytes(b"no image")
    flow = ImageDataGenerator().flow_from_directory(
        tmp_path, target_size=(8, 8), decode="keras", interpolation="bilinear"
    )
    with pytest.raises(OSError, match=r"1\.jpg"):
        next(flow)
    with pytest.raises(ValueError, match=r"`decode` must be 'pillow', 'fast' or 'keras'. Received: 'opencv'"):
        next(ImageDataGenerator().flow_from_directory(tmp_path, decode="opencv"))
    with pytest.raises(ValueError, match=r"`interpolation` must be one of .*'mitchellcubic'.* Received: 'hamming'"):
        next(ImageDataGenerator().flow_from_directory(tmp_path, decode="keras", interpolation="hamming"))


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
def test_fast_is_pillow_s_reduced_decoding(keep_aspect_ratio, color_mode, tmp_path, photos):
    """Never below the target, and a few grey levels from decoding in full."""
    (tmp_path / "a").mkdir()
    large = Image.fromarray(photos[0]).resize((1200, 900), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a" / "0.jpg", quality=90)
    large.save(tmp_path / "a" / "1.png")
    arguments = {"target_size": (100, 140), "shuffle": False, "class_mode": None, "interpolation": "box"}
    arguments |= {"color_mode": color_mode, "keep_aspect_ratio": keep_aspect_ratio}
    fast, exact = (
        next(ImageDataGenerator().flow_from_directory(tmp_path, decode=decode, **arguments))
        for decode in ("fast", "pillow")
    )
    with Image.open(tmp_path / "a" / "0.jpg") as image:
        image.draft(None, (140, 100))
        assert image.size == (150, 113)
        box = (0, 3, 150, 110) if keep_aspect_ratio else None
        reduced = image.convert("L") if color_mode == "grayscale" else image
        want = np.asarray(reduced.resize((140, 100), Image.Resampling.BOX, box=box), "float32").reshape(fast[0].shape)
    np.testing.assert_array_equal(fast[0], want)
    assert 0 < np.abs(fast[0] - exact[0]).mean() < 8
    np.testing.assert_array_equal(fast[1], exact[1])  # a PNG has no smaller version of itself
    with pytest.raises(ValueError, match="decode='fast' is Pillow's"):
        flow = ImageDataGenerator().flow_from_directory(tmp_path, decode="fast", **arguments)
        to_dataset(flow, draws="stateless")
