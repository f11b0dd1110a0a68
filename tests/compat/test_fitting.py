"""`ImageDataGenerator.fit` on iterators and datasets: the statistics of all images at once."""

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator

from .flows import files

FEATUREWISE = {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 1 / 255}
ZCA = {"zca_whitening": True, "featurewise_center": True, "zca_epsilon": 1e-2}


def every_image(flow):
    return np.concatenate([flow[i][0] for i in range(len(flow))])


def assert_same_statistics(mine, theirs, images):
    for name in ("mean", "std"):
        one, other = getattr(mine, name), getattr(theirs, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.shape == other.shape and one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-4)
    if theirs.zca_whitening_matrix is not None:  # what it does, since the signs of singular vectors are arbitrary
        flat = (images - theirs.mean).reshape(len(images), -1)
        scale = np.abs(flat @ theirs.zca_whitening_matrix).max()
        np.testing.assert_allclose(
            flat @ mine.zca_whitening_matrix, flat @ theirs.zca_whitening_matrix, atol=2e-3 * scale
        )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("arguments", [FEATUREWISE, ZCA, {"featurewise_center": True}], ids=",".join)
def test_a_folder(arguments, data_format, jpeg_directory):
    size = {"target_size": (6, 5)} if arguments is ZCA else {"target_size": (20, 24)}
    arguments = {**arguments, "data_format": data_format}

    def flow(generator):
        return generator.flow_from_directory(jpeg_directory, batch_size=8, shuffle=False, **size)

    images = every_image(flow(ImageDataGenerator(data_format=data_format)))
    theirs, mine = ImageDataGenerator(**arguments), ImageDataGenerator(**arguments, rotation_range=30)
    theirs.fit(images)
    mine.fit(flow(mine))
    assert_same_statistics(mine, theirs, images)


@pytest.mark.parametrize("arguments", [FEATUREWISE, ZCA], ids=",".join)
@pytest.mark.parametrize("kind", ["dataset", "dataset with labels", "generator", "flow of arrays"])
def test_anything_that_yields_batches(kind, arguments):
    images = np.random.RandomState(0).uniform(0, 255, (300, 6, 5, 3)).astype("float32")
    images[:, :3] += images[:, 3:]
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(37)
    sources = {
        "dataset": dataset,
        "dataset with labels": dataset.map(lambda x: (x, tf.zeros(len(x)))),
        "generator": (images[i : i + 40] for i in range(0, 300, 40)),
        "flow of arrays": ImageDataGenerator(rotation_range=9).flow(images, np.arange(300), batch_size=64),
    }
    theirs, mine = ImageDataGenerator(**arguments), ImageDataGenerator(**arguments)
    theirs.fit(images)
    mine.fit(sources[kind])
    assert_same_statistics(mine, theirs, images)


def test_augmented(jpeg_directory):
    generator = ImageDataGenerator(**FEATUREWISE, rotation_range=90, fill_mode="constant")
    images = every_image(files(ImageDataGenerator(), jpeg_directory, shuffle=False))
    generator.fit(images, augment=True, rounds=3, seed=1)
    want = generator.mean
    generator.fit(files(generator, jpeg_directory), augment=True, rounds=3, seed=1)
    np.testing.assert_allclose(generator.mean, want, rtol=1e-4)
    generator.fit(images)
    assert not np.allclose(generator.mean, want, rtol=1e-2)


def test_progress_and_errors(jpeg_directory, capsys):
    generator = ImageDataGenerator(featurewise_center=True)
    generator.fit(files(generator, jpeg_directory))
    assert "34/" in capsys.readouterr().out
    for nothing in (iter([]), np.zeros((0, 4, 4, 3))):
        with pytest.raises(ValueError, match=r"`x` must hold at least one image"):
            generator.fit(nothing)
    with pytest.raises(ValueError, match=r"`x` must hold at least one image. Received: none in round 2 of 3"):
        generator.fit(iter([np.zeros((3, 4, 4, 3))]), augment=True, rounds=3)
    with pytest.raises(ValueError, match=r"`rounds` must be an integer of at least 1. Received: 0"):
        generator.fit(np.zeros((3, 4, 4, 3)), augment=True, rounds=0)
    with pytest.raises(ValueError, match=r"`x` must hold batches of images, of rank 4. Received: shape \(3, 2\)"):
        generator.fit(iter([np.zeros((3, 2))]))
