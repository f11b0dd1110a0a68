"""`image_dataset_from_directory(format="grain")`: Keras's pixels, with a new order and new draws in each epoch."""

import logging

import keras
import numpy as np
import pytest
from keras_regen import compat
from keras_regen.compat import ImageDataGenerator, image_dataset_from_directory
from keras_regen.layers import RandomAffine, RandomBrightness

from ..versions import needs_keras_s_grain

grain = pytest.importorskip("grain")

COUNT = 13


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of several sizes and kinds, of 2 classes, each with a level of grey of its own."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(COUNT):
        place = root / "ab"[number % 3 == 0]
        place.mkdir(exist_ok=True)
        image = random.integers(0, 9, (11 + number % 4, 17, 1 if number == 4 else 3), "uint8") + 14 * number + 30
        keras.utils.save_img(place / f"{number:02}é.{'jpg' if number == 2 else 'png'}", image, scale=False)
    return root


def load(folder, **arguments):
    arguments = {"seed": 1, "image_size": (6, 8), "batch_size": 4, "verbose": False, **arguments}
    return image_dataset_from_directory(folder, format="grain", **arguments)


def whole(dataset):
    """Images and labels of a pass."""
    return tuple(np.concatenate(parts) for parts in zip(*dataset, strict=True))


CASES = [
    {},
    {"batch_size": None, "interpolation": "Bicubic", "data_format": "channels_first"},
    {"color_mode": "grayscale", "label_mode": "categorical", "crop_to_aspect_ratio": True, "interpolation": "nearest"},
    {"color_mode": "rgba", "label_mode": "binary", "pad_to_aspect_ratio": True, "image_size": 7},
    {"labels": list(range(COUNT)), "interpolation": "lanczos3"},
    {"labels": None, "crop_to_aspect_ratio": True, "data_format": "channels_first"},
    {"class_names": ["b", "a"], "validation_split": 0.3, "subset": "both"},
]


@needs_keras_s_grain
@pytest.mark.parametrize("case", CASES)
def test_pixels_and_labels_are_keras_s(case, folder):
    arguments = {"image_size": (6, 8), "batch_size": 4, "shuffle": False, **case}
    theirs = keras.utils.image_dataset_from_directory(folder, format="grain", verbose=False, **arguments)
    ours = load(folder, **arguments)
    if "subset" not in case:
        theirs, ours = [theirs], [ours]
    for their, our in zip(theirs, ours, strict=True):
        assert isinstance(our, grain.IterDataset)
        assert (our.class_names, our.file_paths) == (their.class_names, their.file_paths)
        elements = list(our)
        assert len(our) == len(elements)
        for mine, other in zip(elements, their, strict=True):
            for one, another in zip(keras.tree.flatten(mine), keras.tree.flatten(other), strict=True):
                assert isinstance(one, (np.ndarray, np.generic))
                assert one.dtype == keras.backend.standardize_dtype(another.dtype)
                np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(another))


def test_each_pass_has_an_order_of_its_own_and_parts_stay_apart(folder):
    parts = load(folder, validation_split=(0.25, 0.25), subset="all")
    assert [len(part) for part in parts] == [2, 1, 1]
    assert sorted(path for part in parts for path in part.file_paths) == sorted(load(folder).file_paths)
    again = load(folder, validation_split=(0.25, 0.25), subset="training")
    passes = [whole(parts[0])[0] for _ in range(3)]
    for images in passes[1:]:
        assert not np.array_equal(images, passes[0])
        np.testing.assert_array_equal(*(np.sort(x.mean((1, 2, 3))) for x in (images, passes[0])))
    for images in passes:
        np.testing.assert_array_equal(whole(again)[0], images)
    np.testing.assert_array_equal(whole(parts[1])[0], whole(parts[1])[0])
    assert not np.array_equal(whole(load(folder, seed=2))[0], whole(load(folder))[0])
    in_order, shuffled = (
        (x.mean((1, 2, 3)).tolist(), y) for x, y in map(whole, (load(folder, shuffle=False), load(folder)))
    )
    label_of = dict(zip(*in_order, strict=True))
    assert [label_of[level] for level in shuffled[0]] == shuffled[1].tolist()


def add_noise(images, seed):
    assert seed.shape == (2,) and seed.dtype == "int32"
    return images + np.random.default_rng(np.abs(seed)).normal(size=images.shape).astype("float32")


AUGMENTS = {
    "layer": lambda: RandomBrightness((0.5, 1.5)),
    "generator": lambda: ImageDataGenerator(rotation_range=90, rescale=0.5),
    "keras": lambda: keras.Sequential([keras.layers.RandomBrightness(0.1), keras.layers.RandomContrast(0.1)]),
    "function": lambda: add_noise,
}


@pytest.mark.parametrize("name", AUGMENTS)
@pytest.mark.parametrize("batch_size", [4, None])
def test_draws_follow_from_seed_epoch_and_place(name, batch_size, folder):
    arguments = {"shuffle": False, "batch_size": batch_size}
    plain = [x for x, _ in load(folder, **arguments)]
    dataset, same = (load(folder, augment=AUGMENTS[name](), **arguments) for _ in range(2))
    passes = [[x for x, _ in dataset] for _ in range(2)]
    for one in passes:
        for x, y, clean in zip(one, (y for y, _ in same), plain, strict=True):
            assert isinstance(x, np.ndarray) and x.shape == clean.shape
            np.testing.assert_array_equal(x, y)
            assert np.abs(x - clean).mean() > 0.01
    assert not any(np.array_equal(*pair) for pair in zip(*passes, strict=True))
    assert not np.array_equal(
        next(iter(dataset))[0], next(iter(load(folder, augment=AUGMENTS[name](), seed=2, **arguments)))[0]
    )


def test_layers_that_draw_do_so_apart(folder):
    """Two layers of Keras in a row: with one state for both, both or neither would flip."""
    flips = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomFlip("horizontal")]
    arguments = {"shuffle": False, "batch_size": None, "seed": 4}
    changed = [
        not np.array_equal(x, clean)
        for (x, _), (clean, _) in zip(
            load(folder, augment=keras.Sequential(flips), **arguments), load(folder, **arguments), strict=True
        )
    ]
    assert any(changed) and not all(changed)


def test_validation_and_test_data_are_not_augmented(folder):
    arguments = {"validation_split": (0.3, 0.3), "subset": "all"}
    plain = [whole(part)[0] for part in load(folder, **arguments)]
    scaled = load(folder, augment=ImageDataGenerator(rotation_range=90, rescale=0.5), **arguments)
    shifted = load(folder, augment=lambda images: images + 1, **arguments)
    np.testing.assert_array_equal(whole(shifted[0])[0], plain[0] + 1)
    for part in (1, 2):
        np.testing.assert_allclose(whole(scaled[part])[0], plain[part] / 2)
        np.testing.assert_array_equal(whole(shifted[part])[0], plain[part])


@needs_keras_s_grain
def test_fit_takes_one_epoch_after_the_other(folder):
    seen = []
    dataset = load(folder, augment=lambda images: seen.append(images.mean()) or images / 255)
    model = keras.Sequential([keras.Input((6, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="ran out of data"):  # as Keras asks no dataset of Grain for its length
        model.fit(dataset, epochs=2, verbose=0)
    assert len(set(seen)) > len(dataset)
    endless = load(folder).repeat()
    passes = np.split(np.concatenate([x for (x, _), _ in zip(endless, range(2 * len(dataset)), strict=False)]), 2)
    np.testing.assert_array_equal(*(np.sort(images.mean((1, 2, 3))) for images in passes))
    assert not np.array_equal(*passes)
    model.fit(endless, epochs=2, steps_per_epoch=len(dataset), verbose=0)


def test_a_state_goes_on_in_mid_epoch(folder):
    dataset = load(folder, augment=RandomAffine(rotation=90))
    list(dataset)
    iterator = iter(dataset)
    next(iterator)
    state, following = iterator.get_state(), next(iterator)
    fresh = iter(load(folder, augment=RandomAffine(rotation=90)))
    fresh.set_state(state)
    np.testing.assert_array_equal(next(fresh)[0], following[0])


def test_broken_files_are_named_or_skipped(folder, tmp_path, caplog):
    for number, path in enumerate(sorted(folder.rglob("*.png"))[:4]):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number}.png").write_bytes(path.read_bytes() if number % 2 else b"no image")
    arguments = {"shuffle": False, "batch_size": 3, "augment": RandomAffine(rotation=90), "label_mode": None}
    with pytest.raises(OSError, match=r"0\.png.*cannot identify"):
        list(load(tmp_path, **arguments))
    dataset = load(tmp_path, on_error="skip", **arguments)
    with caplog.at_level(logging.WARNING):
        assert [len(batch) for batch in dataset] == [1, 1]
        assert [len(batch) for batch in dataset] == [1, 1]
    assert sorted(path[-5:] for path in dataset.skipped) == ["0.png", "2.png"]
    assert sum(record.message.count("Skipped") for record in caplog.records) == 2
    assert [len(batch) for batch in load(tmp_path, on_error="skip", **{**arguments, "batch_size": 1})] == [1, 1]
    (tmp_path / "a" / "1.png").write_bytes(b"")
    (tmp_path / "a" / "3.png").unlink()
    for passes in (dataset, dataset.repeat()):
        with pytest.raises(ValueError, match="not one file can be read"):
            next(iter(passes))


def test_what_it_refuses(folder):
    for arguments, said in [
        ({"subset": "both"}, "Received: subset='both', validation_split=None"),
        ({"interpolation": "cubic"}, "`interpolation` must be one of"),
        ({"on_error": "ignore"}, "`on_error` must be"),
    ]:
        with pytest.raises(ValueError, match=said):
            load(folder, **arguments)
    with pytest.raises(ValueError, match=r"`format` must be 'tf' or 'grain'\. Received: 'csv'"):
        compat.image_dataset_from_directory(folder, format="csv")
