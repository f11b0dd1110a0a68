"""`to_dataset` of whatever yields batches: the batches of the source, for two epochs."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import ImageDataGenerator, to_dataset

from .flows import (
    AUGMENTATION,
    array,
    assert_same_batches,
    files,
    flatten,
    frame_of,
    image_and_mask,
    pull,
    table,
    tuples,
)

FOREIGN = {
    "keras": lambda: legacy,
    "tf_keras": lambda: pytest.importorskip("tf_keras").preprocessing.image,
    "keras_preprocessing": lambda: pytest.importorskip("keras_preprocessing.image"),
}
KINDS = {
    "directory": lambda g, d: files(g, str(d), seed=1),
    "directory, no seed": lambda g, d: files(g, str(d), class_mode="sparse"),
    "directory, input": lambda g, d: files(g, str(d), seed=1, class_mode="input", color_mode="grayscale"),
    "dataframe": lambda g, d: g.flow_from_dataframe(
        frame_of(d), str(d), target_size=(20, 24), batch_size=8, seed=3, class_mode="raw", y_col="age"
    ),
    "array": lambda g, d: array(g, seed=1, sample_weight=np.arange(21.0)),
}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*scipy.ndimage.interpolation.*", category=DeprecationWarning)
        yield


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", FOREIGN)
def test_iterators_of_other_libraries(library, kind, jpeg_directory, monkeypatch):
    """The same batches, and none of them made by the library."""
    module = FOREIGN[library]()
    arguments = {**AUGMENTATION, "shear_range": 10, "height_shift_range": 3, "rescale": 1 / 255}
    first, second = (KINDS[kind](module.ImageDataGenerator(**arguments), jpeg_directory) for _ in range(2))
    np.random.seed(5)
    batches = pull(first)
    calls = []
    for cls in type(second).__mro__[:3]:
        if "_get_batches_of_transformed_samples" in vars(cls):
            monkeypatch.setattr(cls, "_get_batches_of_transformed_samples", lambda *args: calls.append(args))
    for name in ("apply_transform", "get_random_transform", "standardize"):
        monkeypatch.setattr(module.ImageDataGenerator, name, lambda *args, **kwargs: calls.append(args))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*calls Python.*")
        dataset = to_dataset(second)
    assert dataset.cardinality() == len(second)
    np.random.seed(5)
    got = [batch for _ in range(2) for batch in dataset.as_numpy_iterator()]
    assert not calls
    assert len(got) == len(batches)
    for a, b in zip(got, batches, strict=True):
        tf.nest.assert_same_structure(a, tuples(b))
        for x, y in zip(flatten(a), flatten(b), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, atol=1e-6)


def test_what_another_library_overrides_is_called(jpeg_directory):
    class Custom(legacy.ImageDataGenerator):
        def apply_transform(self, x, transform_parameters):
            return super().apply_transform(x, transform_parameters) + 1

    first, second = (files(Custom(**AUGMENTATION), str(jpeg_directory), seed=1) for _ in range(2))
    with pytest.warns(UserWarning, match=r"Custom.apply_transform is overridden"):
        dataset = to_dataset(second)
    assert_same_batches(dataset, pull(first))


# Image and mask, side by side


@pytest.mark.parametrize(
    "make", [lambda x, y: zip(x, y, strict=False), lambda x, y: (x, y), lambda x, y: {"x": x, "y": y}]
)
@pytest.mark.parametrize("library", [None, legacy])
def test_image_and_mask(make, library):
    x, y = image_and_mask(library=library)
    batches = [(next(x), next(y)) for _ in range(2 * len(x))]
    dataset = to_dataset(make(*image_and_mask(library=library)))
    assert dataset.cardinality() == 4
    got = [batch for _ in range(2) for batch in dataset.as_numpy_iterator()]
    for batch, (images, masks) in zip(got, batches, strict=True):
        x, y = batch.values() if isinstance(batch, dict) else batch
        np.testing.assert_array_max_ulp(x, images, 1)
        np.testing.assert_array_max_ulp(y, masks, 1)


def test_without_a_seed_the_draws_alternate_as_in_zip():
    def make():
        images = np.random.RandomState(0).uniform(0, 255, (12, 9, 9, 1)).astype("float32")
        return [ImageDataGenerator(**AUGMENTATION).flow(images, batch_size=5) for _ in range(2)]

    np.random.seed(3)
    pairs = zip(*make(), strict=False)
    batches = [next(pairs) for _ in range(6)]
    np.random.seed(3)
    assert_same_batches(to_dataset(tuple(make())), batches)


def test_masks_are_never_blended_when_asked():
    x, y = image_and_mask()
    blended = np.concatenate([batch[1] for batch in to_dataset((x, y)).as_numpy_iterator()])
    assert len(np.unique(blended)) > 2
    dataset = to_dataset(image_and_mask(), masks=[1])
    reference = to_dataset(image_and_mask(interpolation_order=0))
    for batch, wanted in zip(dataset.as_numpy_iterator(), reference.as_numpy_iterator(), strict=True):
        assert set(np.unique(batch[1])) == {0, 4}
        np.testing.assert_array_equal(batch[1], wanted[1])
        np.testing.assert_array_equal(batch[0], wanted[0])


def test_zip_trains():
    """Keras 3 refuses a `zip`."""
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(1, 3, padding="same")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="zip"):
        model.fit(zip(*image_and_mask(), strict=False), verbose=0)
    history = model.fit(to_dataset(zip(*image_and_mask(), strict=False)), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_side_by_side_must_be_as_long():
    generator = ImageDataGenerator()
    pair = generator.flow(np.zeros((5, 4, 4, 1))), generator.flow(np.zeros((6, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"same number of samples and batch size. Received: 5 in batches of 32, 6 in"):
        to_dataset(pair)


# Everything else


class Squares(keras.utils.PyDataset):
    """Five batches, the last one smaller, with a counter of epochs in them."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = np.arange(4 if index < 4 else 2, dtype="float32")[:, None] + 10 * index
        return {"a": rows, "b": rows[:, 0] ** 2}, rows.astype("int32"), np.full(len(rows), self.epoch)

    def on_epoch_end(self):
        self.epoch += 1


class Growing(keras.utils.PyDataset):
    """Batches of integers, and then of what these do not hold; its length is `num_batches`."""

    num_batches = 2

    def __init__(self, value=1):
        super().__init__()
        self.value, self.calls = value, []

    def __getitem__(self, index):
        return np.full((2, 3), index and self.value, "uint8" if index == 0 else None)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


def numbers(count=5):
    for k in range(count):
        yield [np.full((3, 2), k, "float32"), np.full(3, k)], np.float64(k) * np.ones(3)


def test_a_pydataset_is_read_in_parallel_in_order():
    source = Squares()
    batches = [Squares()[k] for k in range(5)]
    with pytest.warns(UserWarning, match="Squares is no iterator of images"):
        dataset = to_dataset(source)
    assert dataset.cardinality() == 5
    for epoch in range(2):
        got = list(dataset.as_numpy_iterator())
        assert len(got) == 5
        for (x, y, w), (x_, y_, _) in zip(got, batches, strict=True):
            np.testing.assert_array_equal(x["a"], x_["a"])
            np.testing.assert_array_equal(x["b"], x_["b"])
            np.testing.assert_array_equal(y, y_)
            assert y.dtype == np.int32 and set(w) == {epoch}


@pytest.mark.parametrize(
    "make", [numbers, lambda: numbers, lambda: list(numbers())], ids=["generator", "function", "list"]
)
def test_iterables(make):
    with pytest.warns(UserWarning, match="is no iterator of images"):
        dataset = to_dataset(make())
    got = list(dataset.as_numpy_iterator())
    assert len(got) == 5
    for batch, wanted in zip(got, numbers(), strict=True):
        assert_same_batches_of(batch, wanted)


def assert_same_batches_of(batch, wanted):
    tf.nest.assert_same_structure(batch, tuples(wanted))
    for x, y in zip(flatten(batch), flatten(wanted), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("value", [300, -1, 0.5, np.nan])
@pytest.mark.parametrize("make", [Growing, lambda value: lambda: (Growing(value)[k] for k in range(2))])
def test_later_batches_keep_their_values(make, value):
    with pytest.warns(UserWarning, match="is no iterator of images"):
        whole, other = to_dataset(make(7)), to_dataset(make(value))
    assert [batch.max() for batch in whole.as_numpy_iterator()] == [0, 7]
    with pytest.raises(tf.errors.OpError, match=r"first one has uint8, which cannot hold .* Received: (int|float)64"):
        list(other)


def test_a_sequence_is_told_of_its_passes():
    source = Growing()
    with pytest.warns(UserWarning, match="is no iterator of images"):
        dataset = to_dataset(source)
    assert dataset.cardinality() == 2 and source.calls == []
    for _ in range(2):
        list(dataset)
    assert source.calls == ["begin", "end", "begin"]


def test_a_pass_that_is_broken_off_begins_again():
    """Also the first one, whose first batch is there before it begins."""
    generator = ImageDataGenerator(preprocessing_function=lambda x: x + 0 * np.random.random())
    flow = generator.flow(np.arange(6.0).reshape(6, 1, 1, 1), batch_size=2, shuffle=False)
    for source in (flow, list(flow[k] for k in range(3)).__iter__, [*np.arange(6.0).reshape(3, 2, 1, 1, 1)]):
        with pytest.warns(UserWarning, match="calls Python"):
            dataset = to_dataset(source, prefetch=0)
        for batches in ([0], [0, 2, 4], [0], [0, 2, 4]):
            found = [batch.ravel()[0] for batch in dataset.take(len(batches)).as_numpy_iterator()]
            assert found == batches


def test_a_generator_around_zip():
    """The idiom of old scripts: a function that yields from two flows for ever."""

    def both(x, y):
        while True:
            yield next(x), next(y)

    x, y = image_and_mask()
    batches = [(next(x), next(y)) for _ in range(6)]
    with pytest.warns(UserWarning, match="generator is no iterator of images"):
        dataset = to_dataset(both(*image_and_mask()))
    for batch, wanted in zip(dataset.take(6).as_numpy_iterator(), batches, strict=True):
        assert_same_batches_of(batch, wanted)


# preprocessing_function


def applications():
    names = ("vgg16", "mobilenet_v2", "densenet", "efficientnet")  # each kind that there is
    return {name: getattr(keras.applications, name).preprocess_input for name in names}


@pytest.mark.parametrize("name", [*applications(), "lambda", "tensorflow", "per image"])
def test_preprocessing_functions_become_a_part_of_the_graph(name, jpeg_directory):
    functions = {
        **applications(),
        "lambda": lambda x: x / 127.5 - 1,
        "tensorflow": lambda x: tf.image.adjust_contrast(x, 2.0),
        "per image": lambda x: (x - tf.reduce_min(x)) / (tf.reduce_max(x) - tf.reduce_min(x)),
    }
    function = functions[name]
    as_array = lambda x: np.asarray(function(x))  # noqa: E731
    theirs = files(
        legacy.ImageDataGenerator(**AUGMENTATION, preprocessing_function=as_array), str(jpeg_directory), seed=1
    )
    batches = pull(theirs)
    mine = files(ImageDataGenerator(**AUGMENTATION, preprocessing_function=function), str(jpeg_directory), seed=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*calls Python.*")
        dataset = to_dataset(mine)
    got = [batch for _ in range(2) for batch in dataset.as_numpy_iterator()]
    for (x, y), (x_, y_) in zip(got, batches, strict=True):
        np.testing.assert_allclose(x, x_, rtol=1e-4, atol=1e-4 * np.abs(x_).max())
        np.testing.assert_array_equal(y, y_)


def counting():
    calls = []

    def function(x):
        calls.append(None)
        return x + len(calls)

    return function


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda x: x * np.random.uniform(), "draws from np.random"),
        (lambda x: np.ascontiguousarray(x[::-1]), r"cannot be traced \(NotImplementedError\)"),
        (counting(), "gives other values in a graph"),
        (lambda x: x if x.mean() > 0 else -x, r"cannot be traced \(AttributeError\)"),
    ],
)
def test_functions_that_are_not_trusted(function, reason, jpeg_directory):
    iterator = files(ImageDataGenerator(preprocessing_function=function), jpeg_directory, seed=1)
    with pytest.warns(UserWarning, match=f"preprocessing_function {reason}"):
        to_dataset(iterator)


# Options


def test_file_names(jpeg_directory):
    flow = files(ImageDataGenerator(), jpeg_directory, seed=1, class_mode="sparse")
    for (_, y), names in to_dataset(flow, file_names=True).as_numpy_iterator():
        assert [name.decode().split("/")[-2] for name in names] == [["cats", "dogs"][int(k)] for k in y]


def test_class_weights_are_sample_weights(jpeg_directory):
    for mode in ("categorical", "sparse"):
        flow = files(ImageDataGenerator(), jpeg_directory, seed=1, class_mode=mode)
        for _, y, w in to_dataset(flow, class_weight={0: 0.5, 1: 2.0}).as_numpy_iterator():
            np.testing.assert_array_equal(w, np.where((y[:, 1] if y.ndim == 2 else y) == 1, 2.0, 0.5))
    weighted = table(ImageDataGenerator(), jpeg_directory, class_mode="sparse", weight_col="weight", shuffle=False)
    both = np.concatenate([w for *_, w in to_dataset(weighted, class_weight={0: 3.0, 1: 3.0}).as_numpy_iterator()])
    np.testing.assert_allclose(both, 3 * weighted.sample_weight)
    with pytest.raises(ValueError, match=r"`class_weight` must have a weight for every class. Missing: \[1\]"):
        to_dataset(files(ImageDataGenerator(), jpeg_directory), class_weight={0: 1.0})


def test_drop_remainder_prefetch_dtype(jpeg_directory):
    make = lambda: files(ImageDataGenerator(rotation_range=30), jpeg_directory, seed=1)  # noqa: E731
    whole = list(to_dataset(make()).as_numpy_iterator())
    dataset = to_dataset(make(), drop_remainder=True, prefetch=1, dtype="uint8")
    got = list(dataset.as_numpy_iterator())
    assert dataset.cardinality() == len(got) == len(whole) - 1
    for (x, _), (x_, _) in zip(got, whole[:-1], strict=True):
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x, np.floor(x_ + 0.5).astype("uint8"))
    assert to_dataset(make(), dtype="bfloat16").element_spec[0].dtype == tf.bfloat16


def test_validation_without_augmentation(jpeg_directory):
    generator = ImageDataGenerator(**AUGMENTATION, rescale=1 / 255, brightness_range=(0.5, 1))
    plain = ImageDataGenerator(rescale=1 / 255)
    dataset = to_dataset(files(generator, jpeg_directory, seed=1, shuffle=False), training=False)
    assert_same_batches(dataset, pull(files(plain, jpeg_directory, shuffle=False)))


def test_repeat_goes_on_for_ever(jpeg_directory):
    make = lambda: files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1)  # noqa: E731
    dataset = to_dataset(make(), repeat=True)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    batches = pull(make(), epochs=3)
    got = list(dataset.take(len(batches)).as_numpy_iterator())
    for (x, _), (x_, _) in zip(got, batches, strict=True):
        np.testing.assert_array_max_ulp(x, x_, 1)


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_cached_images_are_read_once(where, jpeg_directory, tmp_path, monkeypatch):
    from keras_regen.compat.data import flow as module

    make = lambda: files(ImageDataGenerator(**AUGMENTATION), jpeg_directory, seed=1)  # noqa: E731
    batches, read = pull(make(), epochs=3), []
    load = module.load_batch
    monkeypatch.setattr(module, "load_batch", lambda paths, *rest: read.extend(paths) or load(paths, *rest))
    dataset = to_dataset(make(), cache=True if where == "memory" else tmp_path / "images")
    assert_same_batches(dataset, batches, epochs=3)
    assert len(read) == len(set(read)) == make().n


def test_options_that_do_not_go_with_python(jpeg_directory):
    with pytest.raises(TypeError, match=r"takes no argument but `prefetch` and `repeat` .*: generator is no iterator"):
        to_dataset(numbers(), drop_remainder=True)
    with pytest.raises(ValueError, match=r"`masks` must be positions or keys of `source`, \[0, 1\]. Received: 2"):
        to_dataset(image_and_mask(), masks=[2])
    with pytest.raises(ValueError, match=r"`cache` must be None, True or the path of a folder. Received: cache=3"):
        to_dataset(files(ImageDataGenerator(), jpeg_directory), cache=3)
