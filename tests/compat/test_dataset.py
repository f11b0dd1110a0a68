"""`to_dataset`: what `next(iterator)` would have given, two epochs long, for every kind of flow."""

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, to_dataset

from .configurations import make
from .flows import AUGMENTATION, array, assert_same_batches, files, flatten, pull, table

FLOWS = {
    "categorical": lambda g, d: files(g, d, seed=1),
    "binary, in order": lambda g, d: files(g, d, seed=1, class_mode="binary", shuffle=False),
    "input": lambda g, d: files(g, d, seed=1, class_mode="input"),
    "no labels": lambda g, d: files(g, d, seed=1, class_mode=None),
    "no seed": files,
    "grayscale": lambda g, d: files(g, d, seed=1, color_mode="grayscale"),
    "rgba, bilinear": lambda g, d: files(g, d, seed=1, color_mode="rgba", interpolation="bilinear"),
    "array": lambda g, d: array(g, seed=1),
    "array without labels": lambda g, d: array(g, seed=1, y=None),
    "array with weights": lambda g, d: array(g, seed=1, sample_weight=np.arange(21.0)),
    "array with others": lambda g, d: array(g, seed=1, x=[np.ones((21, 4, 4, 1)), [np.arange(21), np.eye(21)]]),
    "dataframe": table,
    "dataframe, several classes": lambda g, d: table(g, d, y_col="several"),
    "dataframe, one class or several": lambda g, d: table(g, d, y_col="one or several"),
    "dataframe, sparse": lambda g, d: table(g, d, class_mode="sparse", weight_col="weight"),
    "dataframe, raw": lambda g, d: table(g, d, class_mode="raw", y_col="age"),
    "dataframe, raw of two": lambda g, d: table(g, d, class_mode="raw", y_col=["age", "size"], weight_col="weight"),
    "dataframe, raw strings": lambda g, d: table(g, d, class_mode="raw", y_col="class"),
    "dataframe, multi_output": lambda g, d: table(g, d, class_mode="multi_output", y_col=["age", "size"]),
}


@pytest.mark.parametrize("name", FLOWS)
def test_equals_next(name, jpeg_directory, always_compile):
    iterators = [FLOWS[name](ImageDataGenerator(**AUGMENTATION), jpeg_directory) for _ in range(2)]
    dataset = to_dataset(iterators[1])
    assert dataset.cardinality() == len(iterators[0])
    np.random.seed(7)
    batches = pull(iterators[0])
    state = np.random.random()
    np.random.seed(7)
    assert_same_batches(dataset, batches)
    assert np.random.random() == state
    assert iterators[1].total_batches_seen == iterators[0].total_batches_seen


@pytest.mark.parametrize("start", [0, *(pytest.param(start, marks=pytest.mark.slow) for start in range(6, 54, 6))])
def test_random_configurations(start, mixed_directory, always_compile):
    for seed in range(start, start + 6):
        iterators = [make(__import__("keras_regen.compat.image").compat.image, seed, mixed_directory) for _ in range(2)]
        (first, settings), (second, _) = iterators
        if not len(first):
            continue
        np.random.seed(seed)
        batches = pull(first)
        np.random.seed(seed)
        got = [batch for _ in range(2) for batch in to_dataset(second).as_numpy_iterator()]
        for a, b in zip(got, batches, strict=True):
            for x, y in zip(flatten(a), flatten(b), strict=True):
                if y.dtype.kind != "O":
                    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-4, err_msg=f"{seed} {settings}")


SLOW = {
    "preprocessing_function draws from np.random": lambda d, t: files(
        ImageDataGenerator(**AUGMENTATION, preprocessing_function=lambda x: x + np.random.random()), d, seed=1
    ),
    "save_to_dir writes every image": lambda d, t: files(
        ImageDataGenerator(**AUGMENTATION), d, seed=1, save_to_dir=str(t)
    ),
    "fill_mode 'mirror' has no kernel": lambda d, t: files(
        ImageDataGenerator(**AUGMENTATION, fill_mode="mirror"), d, seed=1
    ),
    "preprocessing_function cannot be traced": lambda d, t: table(
        ImageDataGenerator(preprocessing_function=lambda x: x.copy()),
        d,
        class_mode="multi_output",
        y_col=["age", "size"],
    ),
}


@pytest.mark.filterwarnings("ignore:keras_regen transforms the images one by one")
@pytest.mark.parametrize("reason", SLOW)
def test_what_needs_python_says_why_and_gives_the_same(reason, jpeg_directory, tmp_path, always_compile):
    batches = pull(SLOW[reason](jpeg_directory, tmp_path))
    with pytest.warns(UserWarning, match=reason):
        dataset = to_dataset(SLOW[reason](jpeg_directory, tmp_path))
    assert_same_batches(dataset, batches)


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("shift", [0.2, [1, 2, 3]], ids=["uniform", "choices"])
def test_the_draws_of_a_pass_are_made_when_it_begins(seed, shift, jpeg_directory, monkeypatch, always_compile):
    """And their matrices as they are needed, here for ten images at a time."""
    from keras_regen.compat.data import dataset as module

    monkeypatch.setattr(module, "_AHEAD", 10)
    generator = ImageDataGenerator(**{**AUGMENTATION, "width_shift_range": shift})
    iterators = [files(generator, jpeg_directory, seed=seed) for _ in range(2)]
    np.random.seed(7)
    want, state = pull(iterators[0]), np.random.random()
    np.random.seed(7)
    got, dataset = [], to_dataset(iterators[1])
    for _ in range(2):
        passing = dataset.as_numpy_iterator()
        got.append(next(passing))
        after = np.random.get_state()
        np.random.seed(99)
        got += passing
        np.random.set_state(after)
    assert np.random.random() == state
    for (x, y), (x_, y_) in zip(got, want, strict=True):
        np.testing.assert_array_max_ulp(x, x_, 1)
        np.testing.assert_array_equal(y, y_)


def test_draws_of_many_batches(jpeg_directory, monkeypatch):
    """More than are turned to rows at once, and more images than the iterator said there would be."""
    from keras_regen.compat.image.batches import Drawn

    monkeypatch.setattr(Drawn, "_PENDING", 3)
    maker = files(ImageDataGenerator(**AUGMENTATION, brightness_range=(0.5, 2)), jpeg_directory)._maker()
    sizes = [8, 8, 8, 8, 3, 8, 1, 0, 5]
    np.random.seed(3)
    want = np.concatenate([maker.draw(size) for size in sizes])
    for expected in (0, 20, len(want), 1000):
        np.random.seed(3)
        drawn = Drawn(maker, expected)
        for size in sizes:
            drawn.draw(size)
        np.testing.assert_array_equal(drawn.table(), want)


def test_attributes(jpeg_directory):
    iterator = files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1)
    dataset = to_dataset(iterator)
    assert dataset.class_names == ["cats", "dogs"]
    assert dataset.file_paths == iterator.filepaths
    assert list(dataset.file_paths) == iterator.filepaths
    x, y = dataset.element_spec
    assert x == tf.TensorSpec((None, 20, 24, 3), tf.float32)
    assert y.shape.as_list() == [None, 2]
    assert to_dataset(array(ImageDataGenerator())).file_paths is None


def test_a_pass_begins_an_epoch_after_a_few_batches(jpeg_directory):
    iterators = [files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1) for _ in range(2)]
    for iterator in iterators:
        next(iterator)
        next(iterator)
    iterators[0].reset()
    assert_same_batches(to_dataset(iterators[1]), pull(iterators[0]))


def test_without_a_generator(jpeg_directory):
    from keras_regen.compat import DirectoryIterator

    make = lambda: DirectoryIterator(jpeg_directory, None, (9, 9), data_format="channels_first", seed=2)  # noqa: E731
    assert_same_batches(to_dataset(make()), pull(make()))


def test_an_empty_flow_is_an_empty_dataset(tmp_path):
    with pytest.warns(UserWarning, match="No image"):
        iterator = files(ImageDataGenerator(), tmp_path)
    assert list(to_dataset(iterator)) == []


def test_repeat_is_the_next_epoch(jpeg_directory):
    iterators = [files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1) for _ in range(2)]
    assert_same_batches(to_dataset(iterators[1]).repeat(2), pull(iterators[0]), epochs=1)


def test_refuses_what_is_no_iterator():
    with pytest.raises(TypeError, match="Received: int"), pytest.warns(UserWarning, match="int is no iterator"):
        to_dataset(5)


@pytest.mark.parametrize("content", [b"", b"no image", "truncated", None], ids=str)
def test_a_broken_file_is_named(content, tmp_path, photos):
    from PIL import Image

    for i in range(5):
        Image.fromarray(photos[i % 4][:50, :50]).save((tmp_path / "a").mkdir(exist_ok=True) or tmp_path / f"a/{i}.jpg")
    iterator = files(ImageDataGenerator(**AUGMENTATION), tmp_path, seed=1)
    path = tmp_path / "a" / "3.jpg"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-200] if content == "truncated" else content)
    with pytest.raises(tf.errors.OpError, match=r"3\.jpg"):
        list(to_dataset(iterator))
    with pytest.raises(OSError, match=r"3\.jpg"):
        next(iterator)
