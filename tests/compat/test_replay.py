"""Where Python code of the user runs between the draws: the batches are still those of the legacy module."""

import multiprocessing
import os
import pickle
import threading

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from keras_regen.compat.image import batches

# What is overridden is called image by image, and said; which reason is asserted below.
pytestmark = pytest.mark.filterwarnings("ignore:keras_regen transforms the images one by one")

GEOMETRY = {"rotation_range": 40, "zoom_range": 0.3, "horizontal_flip": True, "rescale": 1 / 255}


def images(n=11, size=(12, 17), channels=3, seed=0):
    return np.random.RandomState(seed).uniform(0, 255, (n, *size, channels)).astype("float32")


def same(make, pulls=4, seed=3):
    """Assert that `make(module)`, an iterator, gives the same batches and leaves the same random state."""
    theirs, mine = make(legacy), make(ours)
    for pull in (next, next, lambda iterator: iterator[1], next)[:pulls]:
        np.random.seed(seed)
        want, want_state = pull(theirs), np.random.random()
        np.random.seed(seed)
        got, state = pull(mine), np.random.random()
        assert got.dtype == want.dtype
        if got.dtype == np.float32:
            np.testing.assert_array_max_ulp(got, want, 1)
        elif got.dtype == np.float64:  # XLA contracts products and sums, which SciPy rounds one by one
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-11)
        else:
            np.testing.assert_array_equal(got, want)
        assert state == want_state


def draws_always(x):
    return x + np.random.normal(0, 1, x.shape).astype("float32")


def draws_for_bright_images(x):
    return x * np.float32(np.random.uniform(0.5, 1)) if x.mean() > 128 else x


def never_draws(x):
    return x[..., ::-1] - 100


class Counting:
    """A preprocessing function that notes how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        assert x.ndim == 3
        assert x.dtype == np.float32
        return x


@pytest.mark.parametrize("compile_after", [0.0, 1e9], ids=["compiled", "scipy"])
@pytest.mark.parametrize("function", [draws_always, draws_for_bright_images, never_draws])
@pytest.mark.parametrize("seed", [None, 5])
def test_preprocessing_function(function, seed, compile_after, monkeypatch):
    monkeypatch.setattr(batches, "COMPILE_AFTER_SECONDS", compile_after)
    same(
        lambda module: module.ImageDataGenerator(**GEOMETRY, preprocessing_function=function).flow(
            images(), batch_size=4, seed=seed
        )
    )


def test_preprocessing_function_is_called_once_an_image(always_compile):
    function = Counting()
    iterator = ours.ImageDataGenerator(**GEOMETRY, preprocessing_function=function).flow(images(), batch_size=11)
    next(iterator)
    next(iterator)
    assert function.calls == 22


def test_preprocessing_function_that_draws_is_called_once_an_image(always_compile):
    calls = []

    def function(x):
        calls.append(np.random.random())
        return x

    next(ours.ImageDataGenerator(**GEOMETRY, preprocessing_function=function).flow(images(), batch_size=11))
    assert len(calls) == 11


@pytest.mark.parametrize("other", [{}, {"preprocessing_function": np.copy}])
def test_threads_share_no_draws(other, monkeypatch):
    """NumPy's generator is set back for a function that might draw, but not if another thread has drawn meanwhile."""
    begun, ended, apply = threading.Event(), threading.Event(), batches.BatchMaker._apply

    def waiting(maker, *args):
        if threading.current_thread() is thread:
            begun.set()
            ended.wait(5)
        return apply(maker, *args)

    monkeypatch.setattr(batches.BatchMaker, "_apply", waiting)
    same_images = np.repeat(images(1), 6, axis=0)
    slow, fast = (
        ours.ImageDataGenerator(rotation_range=90, **arguments).flow(same_images, batch_size=6, shuffle=False)
        for arguments in ({"preprocessing_function": np.copy}, other)
    )
    pulled = []
    thread = threading.Thread(target=lambda: pulled.append(next(slow)))
    thread.start()
    begun.wait()
    pulled.append(next(fast))
    ended.set()
    thread.join()
    pulled.append(next(fast))
    assert len(np.unique(np.concatenate(pulled).reshape(18, -1), axis=0)) == 18


_inherited = []


def _batch_of_the_inherited(index):
    return _inherited[-1][index]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork")
@pytest.mark.parametrize("seed", [None, 5])
def test_processes_share_no_draws(seed):
    """The workers of Keras get copies of the iterator, anew for each epoch; and each sample comes once in an epoch."""
    same_images = np.repeat(images(1), 10, axis=0)
    generator = ours.ImageDataGenerator(rotation_range=90)
    options = {"batch_size": 4, "seed": seed, "workers": 2, "use_multiprocessing": True}
    _inherited.append(generator.flow(same_images, np.arange(10), **options))
    found = []
    for _ in range(2):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            x, y = zip(*pool.map(_batch_of_the_inherited, range(3), chunksize=1), strict=True)
        _inherited[-1].on_epoch_end()
        assert sorted(np.concatenate(y)) == list(range(10))
        found += x
    assert len(np.unique(np.concatenate(found).reshape(20, -1), axis=0)) == 20


def test_preprocess_input_of_an_application(always_compile):
    same(
        lambda module: module.ImageDataGenerator(
            rotation_range=20, preprocessing_function=keras.applications.vgg16.preprocess_input
        ).flow(images(), batch_size=4, seed=1)
    )


def subclass(module, name):
    base = module.ImageDataGenerator

    class GetRandomTransform(base):
        def get_random_transform(self, img_shape, seed=None):
            row = super().get_random_transform(img_shape, seed)
            row["theta"] = np.random.choice([0, 90, 180])
            row.pop("zx")
            row["brightness"] = [None, 0.5][np.random.randint(2)]
            return row

    class ApplyTransform(base):
        def apply_transform(self, x, transform_parameters):
            x = super().apply_transform(x, transform_parameters)
            x[:3, :3] = np.random.uniform()
            return x

    class Standardize(base):
        def standardize(self, x):
            return super().standardize(x) + np.random.randint(3)

    class RandomTransform(base):
        def random_transform(self, x, seed=None):
            return super().random_transform(x, seed)[::-1]

    return locals()[name]


@pytest.mark.parametrize("name", ["GetRandomTransform", "ApplyTransform", "Standardize", "RandomTransform"])
def test_overridden_method(name, always_compile):
    same(lambda module: subclass(module, name)(**GEOMETRY).flow(images(), batch_size=4, seed=2))


def test_overridden_random_transform_is_used_by_fit(always_compile):
    fitted = [
        subclass(module, "RandomTransform")(**GEOMETRY, featurewise_center=True, zca_whitening=True)
        for module in (legacy, ours)
    ]
    for generator in fitted:
        generator.fit(images(size=(6, 6)), augment=True, rounds=2, seed=1)
    np.testing.assert_allclose(fitted[1].mean, fitted[0].mean, rtol=1e-6)
    np.testing.assert_allclose(fitted[1].zca_whitening_matrix, fitted[0].zca_whitening_matrix, rtol=1e-4, atol=1e-6)


def test_method_set_on_the_instance(always_compile):
    def make(module):
        generator = module.ImageDataGenerator(**GEOMETRY)
        generator.standardize = lambda x: x * 0 + np.random.random()
        return generator.flow(images(), batch_size=4, seed=2)

    same(make)


def test_overridden_iterator_method():
    def make(module):
        class Twice(module.NumpyArrayIterator):
            def _get_batches_of_transformed_samples(self, index_array):
                return super()._get_batches_of_transformed_samples(index_array) * 2

        return Twice(images(), None, module.ImageDataGenerator(**GEOMETRY), batch_size=4, seed=2, shuffle=True)

    same(make)


def test_own_iterator_with_the_index_generator():
    def make(module):
        class Own(module.Iterator):
            def _get_batches_of_transformed_samples(self, index_array):
                return index_array * 10 + np.random.random()

        return Own(9, 4, True, 7)

    same(make)


def test_generator_of_another_class(always_compile):
    class Duck:
        _validation_split = 0.0

        def get_random_transform(self, shape):
            return np.random.random()

        def apply_transform(self, x, parameters):
            return x * parameters

        def standardize(self, x):
            return x

    with pytest.warns(UserWarning, match="Duck is not an ImageDataGenerator"):
        same(lambda module: module.NumpyArrayIterator(images(), None, Duck(), batch_size=4, seed=1))


@pytest.mark.parametrize("flow", ["array", "directory"])
def test_save_to_dir(flow, tmp_path, jpeg_directory, always_compile):
    def make(module):
        folder = tmp_path / module.__name__
        folder.mkdir(exist_ok=True)
        generator = module.ImageDataGenerator(**GEOMETRY)
        arguments = {"batch_size": 5, "seed": 3, "save_to_dir": str(folder), "save_prefix": "aug"}
        if flow == "array":
            return generator.flow(images(), **arguments)
        return generator.flow_from_directory(str(jpeg_directory), target_size=(9, 8), class_mode=None, **arguments)

    same(make)
    want, got = (
        {p.name: np.asarray(keras.utils.load_img(p)) for p in (tmp_path / module.__name__).iterdir()}
        for module in (legacy, ours)
    )
    assert want.keys() == got.keys()
    assert len(want) >= 15
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@pytest.mark.parametrize("method", ["get_random_transform", "random_transform", "apply_transform", "standardize"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_methods_on_one_image(method, data_format):
    arguments = dict(GEOMETRY, shear_range=20, width_shift_range=[1, 2], data_format=data_format)
    theirs, mine = (m.ImageDataGenerator(**arguments, channel_shift_range=20.0) for m in (legacy, ours))
    for seed in range(20):
        x = images(1, seed=seed)[0]
        if data_format == "channels_first":
            x = x.transpose(2, 0, 1)
        if method == "get_random_transform":
            got, want = (g.get_random_transform(x.shape, seed) for g in (mine, theirs))
            assert got == want
            assert list(got) == list(want)
            assert [type(v) for v in got.values()] == [type(v) for v in want.values()]
        elif method == "random_transform":
            np.testing.assert_array_equal(mine.random_transform(x, seed), theirs.random_transform(x, seed))
        elif method == "standardize":
            a, b = x.copy(), x.copy()
            np.testing.assert_array_equal(mine.standardize(a), theirs.standardize(b))
            np.testing.assert_array_equal(a, b, err_msg="changed in place alike")
        else:
            row = theirs.get_random_transform(x.shape, seed)
            np.testing.assert_array_equal(mine.apply_transform(x, row), theirs.apply_transform(x, row))
            assert mine.apply_transform(x, {}) is x


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_other_dtypes_of_the_generator(dtype):
    def make(module):
        return module.ImageDataGenerator(horizontal_flip=True, dtype=dtype).flow(images(), batch_size=4, seed=2)

    same(make)


def test_float64_is_warped_in_float64(always_compile):
    same(lambda m: m.ImageDataGenerator(rotation_range=30, dtype="float64").flow(images(), batch_size=4, seed=2))


def test_integers_are_warped_as_scipy_rounds_them():
    same(lambda m: m.ImageDataGenerator(rotation_range=30, dtype="uint8").flow(images(), batch_size=4, seed=2))


def test_statistics_set_by_hand(always_compile):
    def make(module):
        generator = module.ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
        generator.mean = np.array([123.68, 116.779, 103.939])
        generator.std = 64.0
        return generator.flow(images(), batch_size=4, seed=2)

    theirs, mine = next(make(legacy)), next(make(ours))
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_rescale_of_numpy_is_computed_in_its_precision(always_compile):
    same(lambda m: m.ImageDataGenerator(rescale=np.float64(1 / 255)).flow(images(), batch_size=4, seed=2))


def test_pickle_goes_on_where_the_iterator_was(jpeg_directory, always_compile):
    generator = ours.ImageDataGenerator(**GEOMETRY)
    iterator = generator.flow_from_directory(jpeg_directory, target_size=(20, 20), batch_size=5, seed=4)
    next(iterator)
    copy = pickle.loads(pickle.dumps(iterator))
    for _ in range(3):
        for got, want in zip(next(copy), next(iterator), strict=True):
            np.testing.assert_array_equal(got, want)


def test_batches_may_be_written_to(jpeg_directory, always_compile):
    generator = ours.ImageDataGenerator(**GEOMETRY)
    x, y = next(generator.flow_from_directory(jpeg_directory, target_size=(20, 20), seed=4))
    x /= 2
    y += 1
    assert x.flags.owndata or x.base is None or x.flags.writeable


def test_the_users_array_is_left_alone(always_compile):
    x = images()
    before = x.copy()
    next(ours.ImageDataGenerator(rescale=1 / 255).flow(x))
    next(ours.ImageDataGenerator(samplewise_center=True, preprocessing_function=lambda x: x).flow(x))
    np.testing.assert_array_equal(x, before)


def test_scipy_and_the_kernels_agree(monkeypatch, jpeg_directory):
    def first(seconds):
        monkeypatch.setattr(batches, "COMPILE_AFTER_SECONDS", seconds)
        generator = ours.ImageDataGenerator(**GEOMETRY, brightness_range=(0.5, 1.5), channel_shift_range=30)
        return next(generator.flow_from_directory(jpeg_directory, target_size=(40, 30), seed=4))[0]

    np.testing.assert_allclose(first(0.0), first(1e9), atol=1.01 / 255)
    assert np.mean(first(0.0) != first(1e9)) < 1e-4


def test_the_last_batch_is_computed_at_the_size_of_the_others(always_compile, monkeypatch):
    """So that nothing is compiled for it."""
    from keras_regen.compat.data import augmentation_in_graph

    sizes, compiled = [], augmentation_in_graph.compiled

    def recording(*arguments):
        function = compiled(*arguments)
        return lambda images, *rest: sizes.append(len(images)) or function(images, *rest)

    monkeypatch.setattr(augmentation_in_graph, "compiled", recording)
    x = np.random.RandomState(0).uniform(0, 255, (14, 8, 9, 3)).astype("float32")
    generator = ours.ImageDataGenerator(rotation_range=30, samplewise_center=True)  # which XLA alone does
    flow = generator.flow(x, batch_size=6, shuffle=False, seed=1)
    assert [len(next(flow)) for _ in range(3)] == [6, 6, 2]
    assert sizes == [6, 6, 6]
