"""`to_grain` and `to_torch`: the samples, the order and the images of `to_dataset` with stateless draws."""

import importlib.util
import itertools
import sys
import threading

import keras
import numpy as np
import pytest
import scipy.ndimage
from keras_regen.compat import ImageDataGenerator, NumpyArrayIterator, Stateless, to_dataset
from keras_regen.compat.data import counted, engines, one_image, random_access
from keras_regen.layers import base, kernels

from ..versions import FIT_TAKES_GRAIN
from .flows import AUGMENTATION, array, files, image_and_mask, table, tuples

grain = pytest.importorskip("grain")

from keras_regen.compat import to_grain, to_torch  # noqa: E402

HAS_TORCH = importlib.util.find_spec("torch") is not None

LARGE = {**AUGMENTATION, "shear_range": 10, "vertical_flip": True}


def generator(**arguments):
    return ImageDataGenerator(**{**LARGE, **arguments})


COLOUR = {"channel_shift_range": 30.0, "samplewise_center": True, "dtype": "float64"}
CHOSEN = {"width_shift_range": [-3, 2, 5], "height_shift_range": 4, "fill_mode": "wrap", "interpolation_order": 3}
# A function of a directory that makes the source, arguments, and how far a grey level may be off.
CASES = {
    "array": (lambda d: array(generator(rescale=1 / 255), seed=3), {}),
    "array, choices": (lambda d: array(generator(**CHOSEN), seed=3), {"training": True, "drop_remainder": True}),
    "array, colour": (
        lambda d: array(generator(**COLOUR), seed=4, shuffle=False),
        {"class_weight": dict.fromkeys(range(5), 2.0)},
    ),
    "two inputs": (
        lambda d: array(
            generator(), x=[np.ones((21, 9, 8, 3)), np.arange(21)], sample_weight=np.arange(21) / 7, seed=5
        ),
        {"draws": Stateless(shards=2, shard=1)},
    ),
    "categorical": (lambda d: files(generator(fill_mode="reflect"), d, seed=6), {"file_names": True}),
    "images as labels": (lambda d: files(generator(data_format="channels_first"), d, seed=7, class_mode="input"), {}),
    "no labels": (lambda d: files(generator(brightness_range=(0.5, 1.5)), d, class_mode=None), {"dtype": "uint8"}),
    "several classes": (
        lambda d: table(generator(), d, y_col="one or several", weight_col="weight"),
        {"training": False},
    ),
    "several columns": (lambda d: table(generator(), d, y_col=["age", "size"], class_mode="multi_output"), {}),
    "raw": (lambda d: table(generator(preprocessing_function=lambda x: x / 2), d, y_col="age", class_mode="raw"), {}),
    "masks": (lambda d: zip(*image_and_mask(), strict=True), {"masks": [1]}),
    "dictionary": (lambda d: dict(zip("ab", image_and_mask(), strict=True)), {"masks": ["b"]}),
}
each_case = pytest.mark.parametrize("case", CASES)


def wanted(source, count, draws="stateless", **arguments):
    """The first batches of the endless row."""
    dataset = to_dataset(source, draws=draws, repeat=True, **arguments)
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_same(got, want, case):
    keras.tree.assert_same_structure(got, want)
    for x, y in zip(keras.tree.flatten(got), keras.tree.flatten(want), strict=True):
        if y.dtype.kind in "OS":
            assert x.tolist() == [name.decode() for name in y]
            continue
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if y.ndim < 4:
            np.testing.assert_array_equal(x, y)
            continue
        # A draw is off by its last bit; brightness truncates, and order 0 jumps, so that one pixel may show it.
        far = np.abs(x.astype("float64") - y) > 0.01 * (np.abs(y).max() / 255 + 1e-9) + 1e-9 + (y.dtype == "uint8")
        assert far.mean() < 1e-3, (case, far.mean(), np.abs(x.astype("float64") - y).max())


def leaves(element):
    """The arrays, tensors, and lists of strings of an element."""
    parts = element.values() if isinstance(element, dict) else element if isinstance(element, tuple) else None
    return [element] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def leaves_of(source):
    """The iterators in a source."""
    parts = source.__reduce__()[1] if isinstance(source, zip) else source
    return [*parts.values()] if isinstance(parts, dict) else [*parts] if isinstance(parts, tuple) else [parts]


@each_case
def test_the_batches_of_to_dataset(case, jpeg_directory):
    make, arguments = CASES[case]
    got = to_grain(make(jpeg_directory), **arguments)
    want = wanted(make(jpeg_directory), 2 * len(got), **arguments)
    for number in reversed(range(2 * len(got))):  # any, in any order
        assert_same(got[number], want[number], case)
    if not HAS_TORCH:
        return
    # PyTorch's are those of Grain, to the bit.
    tensors = to_torch(make(jpeg_directory), **arguments)
    for mine, theirs in zip(tensors.loader(), got, strict=True):
        for x, y in zip(leaves(mine), leaves(theirs), strict=True):
            np.testing.assert_array_equal(np.asarray(x), y)


@each_case
def test_the_batches_of_the_iterator(case, jpeg_directory):
    """Replayed, from where the iterator is by now."""
    source, replayed = (CASES[case][0](jpeg_directory) for _ in range(2))
    for iterator in (*leaves_of(source), *leaves_of(replayed)):
        iterator.seed = iterator.seed or 11
        next(iterator)
    images = to_grain(replayed, draws="replay")
    for iterator in leaves_of(source):
        iterator.reset()
    got, want = [], []
    for _ in range(2 * len(images)):
        batches = [tuples(next(iterator)) for iterator in leaves_of(source)]
        want.append(dict(zip("ab", batches, strict=True)) if isinstance(source, dict) else tuple(batches))
    for number in reversed(range(len(want))):
        got.insert(0, images[number] if len(batches) > 1 else (images[number],))
    for one, other in zip(leaves(tuple(got)), leaves(tuple(want)), strict=True):
        assert one.dtype == other.dtype
        if one.ndim < 4:
            np.testing.assert_array_equal(one, other)
        elif one.dtype == "float64":  # XLA and SciPy add in another order
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-11)
        else:
            np.testing.assert_array_max_ulp(one, other, 1)
    samples, size = to_grain(replayed, draws="replay", batched=False), leaves_of(source)[0].batch_size
    for sample, batch in zip(leaves(samples[len(samples) + size + 3]), leaves(images[len(images) + 1]), strict=True):
        np.testing.assert_array_equal(sample, batch[3])


LABELS = {
    "binary": lambda d: files(ImageDataGenerator(), d, seed=1, shuffle=False, class_mode="binary"),
    "sparse": lambda d: table(ImageDataGenerator(), d, shuffle=False, class_mode="sparse", weight_col="weight"),
    "raw of two": lambda d: table(ImageDataGenerator(), d, shuffle=False, class_mode="raw", y_col=["age", "size"]),
    "raw strings": lambda d: table(ImageDataGenerator(), d, shuffle=False, class_mode="raw", y_col="class"),
    "of the other byte order": lambda d: array(
        ImageDataGenerator(), y=np.arange(21.0).astype(">f4"), seed=1, shuffle=False
    ),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_the_other_class_modes(kind, jpeg_directory):
    made = [to_grain(LABELS[kind](jpeg_directory), draws=draws) for draws in ("stateless", "replay")]
    if HAS_TORCH:
        made.append(to_torch(LABELS[kind](jpeg_directory)))
    iterator = LABELS[kind](jpeg_directory)
    for number in range(len(iterator)):
        _, *want = next(iterator)
        for batches in made:
            _, *got = batches[number]
            for mine, theirs in zip(got, want, strict=True):
                mine = np.asarray(mine)  # noqa: PLW2901
                assert mine.dtype.newbyteorder("=") == theirs.dtype.newbyteorder("=") or theirs.dtype.kind in "OU"
                np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("case, after", [("array", 9), ("array", 0), ("categorical", 9), ("masks", 9)])
def test_the_same_without_numba(case, after, jpeg_directory, monkeypatch):
    """By SciPy, and, once that pays, by the kernels of the backend."""
    make, arguments = CASES[case]
    monkeypatch.setattr(engines, "COMPILE_AFTER_SECONDS", after)
    want = to_grain(make(jpeg_directory), **arguments)[1]
    monkeypatch.setattr(random_access, "image_kernel", lambda *_: None)
    got = to_grain(make(jpeg_directory), **arguments)[1]
    for x, y in zip(leaves(got), leaves(want), strict=True):
        np.testing.assert_array_max_ulp(x, y, 1) if y.dtype.kind == "f" else np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("order", [0, 1])
def test_one_image_is_warped_as_by_scipy(fill_mode, order):
    rng = np.random.RandomState(order)
    for shape in ((1, 1, 3), (1, 7, 1), (6, 1, 3), (2, 2, 4), (23, 17, 3), (30, 31, 1)):
        for _ in range(12):
            image = rng.randint(0, 256, shape).astype(rng.choice(["uint8", "float32"]))
            matrix = np.concatenate([rng.uniform(-2, 2, (2, 2)), rng.uniform(-60, 60, (2, 1))], 1)
            matrix = rng.choice([0, 1]) * np.round(matrix) if rng.rand() < 0.3 else matrix
            got = one_image.warped(image, matrix, order, fill_mode, 17.5, "float32")
            options = {"order": order, "mode": fill_mode, "cval": 17.5}
            for channel in range(shape[2]):
                pixels = image[..., channel].astype("float32")
                want = scipy.ndimage.affine_transform(pixels, matrix[:, :2], matrix[:, 2], **options)
                np.testing.assert_array_max_ulp(got[..., channel], want, 1)


def test_passes_are_epochs_at_any_parallelism():
    source = lambda: array(generator(), seed=1, y=np.arange(21))  # noqa: E731
    want = wanted(source(), 8)
    images, again = to_grain(source()), to_grain(source())
    for epoch in range(2):
        got = list(images)
        assert len(got) == len(images) == 4
        threads = grain.ReadOptions(num_threads=7, prefetch_buffer_size=9)
        others = list(again.map(lambda batch: batch).to_iter_dataset(threads))
        for mine, other, theirs in zip(got, others, want[4 * epoch :], strict=False):
            assert_same(mine, theirs, epoch)
            np.testing.assert_array_equal(mine[0], other[0])
        assert sorted(np.concatenate([y for _, y in got])) == list(range(21))
    assert not np.array_equal(want[0][1], want[4][1])


def test_a_state_goes_on_with_the_very_next_batch():
    images = to_grain(array(generator(), seed=1))
    list(images)  # an epoch
    iterator = iter(images.to_iter_dataset())
    next(iterator)
    state, following = iterator.get_state(), next(iterator)
    fresh = iter(to_grain(array(generator(), seed=1)).to_iter_dataset())
    fresh.set_state(state)
    np.testing.assert_array_equal(next(fresh)[0], following[0])
    assert len(list(fresh)) == 2


def test_a_pass_that_is_broken_off_begins_again():
    images = to_grain(array(generator(), seed=1, shuffle=False))
    first = next(iter(images))
    np.testing.assert_array_equal(next(iter(images))[0], first[0])


def test_shards_are_disjoint_and_draw_as_the_whole():
    whole = to_grain(array(generator(), seed=1, y=np.arange(21)), batched=False)
    of = {int(y): x for x, y in (whole[i] for i in range(21))}
    parts = [
        to_grain(array(generator(), seed=1, y=np.arange(21)), draws=Stateless(shards=3, shard=k)) for k in range(3)
    ]
    seen = [(image, int(label)) for part in parts for x, y in part for image, label in zip(x, y, strict=True)]
    assert sorted(label for _, label in seen) == list(range(21))
    for image, label in seen:
        np.testing.assert_array_equal(image, of[label])


def test_samples_are_those_of_the_batches():
    samples, batches = (to_grain(array(generator(), seed=1), batched=batched) for batched in (False, True))
    assert len(samples) == 21
    np.testing.assert_array_equal(samples.batch(6)[1][0], batches[1][0])
    second = {x.tobytes() for x, _ in (samples[i] for i in range(21, 42))}
    shuffled = list(samples.shuffle(seed=5).repeat(2))
    assert {x.tobytes() for x, _ in shuffled[21:]} == second
    assert len(second) == len(shuffled) - 21 == 21


def test_numbers_are_drawn_for_several_batches_at_once():
    draws = (counted.Draws((counted.Drawn(0, "theta", "theta", (-20.0, 20.0)),), 8, 9),)
    plans = [random_access.Counted(draws, 150, size, True, 3, shards=2, shard=1) for size in (75, 1, 7)]
    for epoch in (0, 1):
        (indices,), (rows,) = plans[0].batch(epoch, 0)
        assert sorted(indices) != sorted(plans[0].batch(1 - epoch, 0)[0][0])
        for plan in plans[1:]:
            planned = [plan.batch(epoch, number) for number in range(-(-75 // plan.batch_size))]
            assert {len(order) for (order,), _ in planned[:-1]} == {plan.batch_size}
            np.testing.assert_array_equal(np.concatenate([order for (order,), _ in planned]), indices)
            np.testing.assert_array_equal(np.concatenate([drawn.matrix for _, (drawn,) in planned]), rows.matrix)


def test_samples_of_pytorch_are_collated():
    pytest.importorskip("torch")
    loader = to_torch(array(generator(), seed=1), batched=False, channels_first=True).loader(batch_size=6)
    (images, labels), (want, of_want) = next(iter(loader)), to_grain(array(generator(), seed=1))[0]
    np.testing.assert_array_equal(images.numpy(), want.transpose(0, 3, 1, 2))
    assert labels.tolist() == of_want.tolist()


def labels_of(elements):
    return [int(y) for _, labels in elements for y in np.atleast_1d(labels)]


def numbered(**arguments):
    return to_torch(array(generator(), seed=1, y=np.arange(21)), **arguments)


def test_samplers_of_pytorch_take_one_epoch_after_the_other():
    torch = pytest.importorskip("torch")
    samples = numbered(batched=False)
    of = [{int(y): x.numpy() for x, y in (samples[i] for i in range(21 * e, 21 * e + 21))} for e in range(3)]

    def check(loader, epoch):
        seen = [(x.numpy(), int(y)) for images, labels in loader for x, y in zip(images, labels, strict=True)]
        for image, label in seen:
            np.testing.assert_array_equal(image, of[epoch][label])
        return [label for _, label in seen]

    loader = samples.loader(sampler=torch.utils.data.RandomSampler(samples), batch_size=6)
    orders = [check(loader, epoch) for epoch in range(2)]
    assert orders[0] != orders[1]
    next(iter(loader))  # a pass that is broken off
    assert sorted(check(loader, 2)) == list(range(21))
    samplers = [torch.utils.data.DistributedSampler(samples, 2, rank, drop_last=True) for rank in range(2)]
    loaders = [samples.loader(sampler=sampler, batch_size=6) for sampler in samplers]
    for epoch in (2, 0, 1):
        if epoch != 1:  # as programs for PyTorch say it; otherwise it is the next
            samplers[0].set_epoch(epoch)
            loaders[1].sampler.set_epoch(epoch)
        assert [sampler.epoch for sampler in samplers] == [epoch, epoch]
        parts = [check(loader, epoch) for loader in loaders]
        assert [len(part) for part in parts] == [10, 10]
        assert len({*parts[0], *parts[1]}) == 20


def test_tensors_of_torchvision(jpeg_directory):
    """Of the same structure as without, of the classes of torchvision where images stand."""
    pytest.importorskip("torch")
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    for case in ("two inputs", "images as labels", "several columns", "masks", "dictionary", "categorical"):
        make, arguments = CASES[case]
        typed = to_torch(make(jpeg_directory), tv_tensors=True, **arguments)[0]
        plain = to_torch(make(jpeg_directory), channels_first=True, **arguments)[0]
        found = []
        for tensor, other in zip(leaves(typed), leaves(plain), strict=True):
            if isinstance(tensor, list):
                continue
            np.testing.assert_array_equal(tensor.numpy(), other.numpy())
            found += [type(tensor)] * isinstance(tensor, tv_tensors.TVTensor)
            assert (tensor.ndim == 4) == isinstance(tensor, tv_tensors.TVTensor)
        images = {"two inputs": 1, "masks": 1, "dictionary": 1, "images as labels": 2}
        masks = {"masks": 1, "dictionary": 1}
        assert found == [tv_tensors.Image] * images.get(case, 1) + [tv_tensors.Mask] * masks.get(case, 0)


def test_a_loader_goes_on_in_mid_epoch():
    torch = pytest.importorskip("torch")
    whole, rest = numbered(), numbered(draws=Stateless(start=6))
    want = [whole[i] for i in range(6, 12)]
    loader = rest.loader(num_workers=1, persistent_workers=True)  # which asks ahead of time
    for pair in zip([*loader, *loader], want, strict=True):
        np.testing.assert_array_equal(*(x for x, _ in pair))
    assert len(loader) == 4
    for loader in (whole.loader(), numbered(batched=False).loader(batch_size=6)):
        for epoch in range(2):  # as `fit`, which asks for no more than there are
            batches = itertools.islice(loader, len(loader))
            assert labels_of(batches) == labels_of(whole[4 * epoch + i] for i in range(4))
    behind = numbered(draws=Stateless(start=19), batched=False).loader(batch_size=6, drop_last=True)
    assert [len(list(behind)) for _ in range(3)] == [0, 3, 3]  # two samples are left of the first epoch
    order = torch.utils.data.SequentialSampler(rest)
    assert labels_of(rest.loader(sampler=order)) == labels_of(want[:2])


def test_repeats_are_one_pass():
    repeated = to_grain(array(generator(), seed=1), repeat=2, draws=Stateless(start=3))
    assert len(repeated) == 5
    whole = to_grain(array(generator(), seed=1))
    for number, batch in enumerate(repeated):
        np.testing.assert_array_equal(batch[0], whole[number + 3][0])


def test_negative_numbers_count_from_the_end_of_the_first_epoch():
    images = to_grain(array(generator(), seed=1))
    repeated = to_grain(array(generator(), seed=1), repeat=2, draws=Stateless(start=3))
    sets = [images, repeated, *([to_torch(array(generator(), seed=1))] if HAS_TORCH else [])]
    for dataset, number in zip(sets, (3, 7, 3), strict=False):
        np.testing.assert_array_equal(dataset[-1][0], images[number][0])
        assert labels_of([dataset[-len(dataset)]]) == labels_of([dataset[0]])
        with pytest.raises(IndexError, match=f"Received: -{len(dataset) + 1}"):
            dataset[-len(dataset) - 1]


def test_broken_files_are_left_out(jpeg_directory, tmp_path):
    good = sorted((jpeg_directory / "cats").iterdir())[:5]
    (tmp_path / "cats").mkdir()
    for path in good:
        (tmp_path / "cats" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cats" / "broken.jpg").write_bytes(b"nothing")
    flow = ImageDataGenerator().flow_from_directory(tmp_path, batch_size=1, target_size=(8, 8), on_error="skip")
    images = to_grain(flow)
    assert len(list(images)) == 5
    assert [path.endswith("broken.jpg") for path in images.skipped] == [True]
    for path in (tmp_path / "cats").iterdir():
        path.write_bytes(b"nothing")
    for endless in (False, True):
        with pytest.raises(ValueError, match="not one file can be read"):
            next(iter(to_grain(flow, repeat=endless)))
    with pytest.raises(OSError, match=r"\.jpg"):
        list(to_grain(flow, on_error="raise"))
    if HAS_TORCH:
        with pytest.raises(ValueError, match="not one file can be read"):
            list(to_torch(flow).loader())


@pytest.mark.parametrize("options", [{}, {"num_workers": 1}])
def test_broken_files_are_left_out_by_loaders(options, jpeg_directory, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "cats").mkdir()
    for number, path in enumerate(sorted((jpeg_directory / "cats").iterdir())[:7]):
        (tmp_path / "cats" / path.name).write_bytes(b"nothing" if number in (0, 1, 4) else path.read_bytes())
    flow = ImageDataGenerator().flow_from_directory(tmp_path, batch_size=2, target_size=(8, 8), shuffle=False)
    images, samples = (to_torch(flow, on_error="skip", batched=batched) for batched in (True, False))
    assert images[0] is None
    assert len(images.skipped) == 2
    loader = images.loader(**options)
    want = [x for x, _ in to_grain(flow, on_error="skip")]
    for _ in range(2):
        for (x, _), y in zip(loader, want, strict=True):
            np.testing.assert_array_equal(x, y)
    assert [len(x) for x, _ in samples.loader(batch_size=2, **options)] == [2, 1, 1]
    if not options:
        assert [len(x) for x, _ in samples.loader(batch_size=2, drop_last=True)] == [2, 1]
        with pytest.raises(OSError, match=r"\.jpg"):
            next(iter(to_torch(flow).loader()))


def test_attributes_and_fit(jpeg_directory):
    flow = files(ImageDataGenerator(rescale=1 / 255), jpeg_directory, seed=1)
    model = keras.Sequential([keras.Input((20, 24, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "categorical_crossentropy")
    images, loaders = to_grain(flow), []
    if HAS_TORCH:
        loaders = [(to_torch(flow).loader(), {})]
    for data in (images, images.to_iter_dataset(), *(loader.dataset for loader, _ in loaders)):
        assert data.class_names == ["cats", "dogs"]
        assert list(data.file_paths) == flow.filepaths
    if not FIT_TAKES_GRAIN:
        return
    with pytest.warns(UserWarning, match="ran out of data"):  # Keras asks no Grain dataset for its length
        assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all()
    endless = to_grain(flow, repeat=True)
    for data, arguments in ((endless, {"steps_per_epoch": len(images)}), *loaders):
        assert np.isfinite(model.fit(data, epochs=2, verbose=0, **arguments).history["loss"]).all()


class Sorted(NumpyArrayIterator):
    def _set_index_array(self):
        self.index_array = np.arange(self.n)


class Still(ImageDataGenerator):
    def get_random_transform(self, img_shape, seed=None):
        return {"theta": np.random.uniform()}


def test_a_function_may_read_another_flow(jpeg_directory):
    """The threads that call it do not wait for themselves."""
    other = to_grain(files(ImageDataGenerator(), jpeg_directory, shuffle=False, class_mode=None))
    mixed = ImageDataGenerator(preprocessing_function=lambda x: (x + other[0][0]) / 2)
    batches, made = to_grain(files(mixed, jpeg_directory, shuffle=False, class_mode=None)), []
    thread = threading.Thread(target=lambda: made.append(batches[1]), daemon=True)
    thread.start()
    thread.join(30)
    np.testing.assert_allclose(made[0], (other[1] + other[0][0]) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repeat": -1}, "`repeat` must be True, False or a number of epochs. Received: repeat=-1"),
        ({"repeat": 2.5}, "`repeat` must be"),
        ({"drop_remainder": "no"}, "`drop_remainder` must be True or False. Received: drop_remainder='no'"),
        ({"training": None}, "`training` must be"),
        ({"dtype": "foo"}, "`dtype` must be one of integers or floating-point numbers. Received: dtype='foo'"),
        ({"dtype": "bool"}, "`dtype` must be"),
        ({"file_names": True}, "`file_names` needs images in files"),
        ({"class_weight": [1, 1, 1, 1, 1]}, "`class_weight` must be a dictionary"),
        ({"class_weight": dict.fromkeys(range(5), "1")}, "`class_weight` must have numbers as weights"),
    ],
)
def test_values_of_arguments(arguments, message):
    for make in (to_dataset, to_grain, to_torch)[: 2 + HAS_TORCH]:
        if "repeat" not in arguments or make is not to_torch:
            with pytest.raises(ValueError, match=message):
                make(array(generator(), seed=1), **arguments)


def test_spellings_of_arguments():
    flow = array(generator(dtype="float64"), seed=1)
    assert to_dataset(flow, repeat=np.True_).cardinality() == -1
    for dtype in (np.float32, np.dtype("float32"), "float32"):
        assert to_dataset(flow, dtype=dtype).element_spec[0].dtype == dtype
        assert to_grain(flow, dtype=dtype)[0][0].dtype == dtype
    for arguments in ({"prefetch": -2}, {"prefetch": "a"}, {"device": "/GPU:7"}, {"device": "foo"}):
        with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be"):
            to_dataset(flow, **arguments)


def test_what_is_refused(jpeg_directory):
    flow = array(generator(), seed=1)
    random = array(generator(preprocessing_function=lambda x: x + np.random.rand()), seed=1)
    for make in (to_grain, to_torch)[: 1 + HAS_TORCH]:
        with pytest.raises(ValueError, match=r"draws from np\.random"):
            make(random)
        with pytest.raises(ValueError, match="`draws` must be"):
            make(flow, draws="replayed")
        with pytest.raises(ValueError, match="without a `seed`"):
            make(array(generator()), draws="replay")
        with pytest.raises(ValueError, match=r"_set_index_array is overridden"):
            make(Sorted(np.zeros((4, 8, 8, 3)), None, generator(), seed=1), draws="replay")
        with pytest.raises(ValueError, match=r"get_random_transform is overridden"):
            make(array(Still(), seed=1), draws="replay")
        if make is to_grain:
            with pytest.raises(ValueError, match="needs `repeat`"):
                make(flow, draws=Stateless(start=1))
        with pytest.raises(ValueError, match="`class_weight`"):
            make(flow, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="decode='keras' is TensorFlow's"):
        to_grain(files(generator(), jpeg_directory, decode="keras"))
    with pytest.raises(ValueError, match="`mp_prefetch` must follow"):
        to_grain(flow).to_iter_dataset().set_slice(slice(0, None, 2))  # what Grain calls in a worker
    if HAS_TORCH:
        with pytest.raises(ValueError, match="`batch_size` is that"):
            to_torch(flow).loader(batch_size=2)


def test_what_is_not_installed_is_named(monkeypatch):
    if HAS_TORCH:
        monkeypatch.setitem(sys.modules, "torchvision.tv_tensors", None)
        monkeypatch.setitem(sys.modules, "torchvision", None)
        with pytest.raises(ImportError, match="`tv_tensors` needs torchvision"):
            to_torch(array(generator(), seed=1), tv_tensors=True)
    for make, name, module in ((to_grain, "grain", "in_grain"), (to_torch, "torch", "in_torch")):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, f"keras_regen.compat.data.{module}", raising=False)
        with pytest.raises(ImportError, match=f"`{make.__name__}` needs .*: pip install"):
            make(array(generator(), seed=1))


def test_the_numbers_are_those_of_the_layers():
    """The generator of numbers, and the matrices, of `layers.kernels`."""
    assert counted._UNIFORMS == base.UNIFORMS
    keys = np.random.RandomState(0).randint(0, 2**32, (50, 2), dtype="uint64").astype("uint32")
    want = kernels.uniform(keys.view("int32"), np.arange(50, dtype="int32"), columns=range(12))
    got = np.stack(list(counted.uniforms(keys).values()), axis=1)
    np.testing.assert_array_equal(got, keras.ops.convert_to_numpy(want))
    rng = np.random.RandomState(0)
    columns = [rng.uniform(-180, 180, 50), *rng.uniform(-9, 9, (2, 50)), *rng.uniform(0.5, 2, (3, 50))]
    columns[0][:5] = [0, 90, -90, 180, 270]
    tensors = [keras.ops.convert_to_tensor(column, "float32") for column in columns]
    still = keras.ops.zeros(50, "bool")
    want = kernels.affine_matrix(*tensors, still, still, 20.0, 31.0)
    np.testing.assert_allclose(counted._matrices(*columns, 20, 31), keras.ops.convert_to_numpy(want), atol=2e-5)
