"""Keras's loaders of texts, recordings, images and series: the same, and with what they lack."""

import copy
import inspect
import re
import struct

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_regen import compat

from ..versions import has_grain
from .wav_files import FLOAT, tone, wav

OURS = {"augment", "check", "on_error"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of texts, of recordings and of images each, of 2 classes, with folders within and odd names."""
    root, random = tmp_path_factory.mktemp("loading"), np.random.default_rng(0)
    for number in range(23):
        for kind in ("texts", "recordings", "images"):
            place = root / kind / ("ab"[number % 3 == 0]) / ("deep" if number % 5 == 0 else "")
            place.mkdir(parents=True, exist_ok=True)
            name = f"{number}é {{}}"
            if kind == "texts":
                (place / f"{name}.txt").write_text(f"text № {number} " * (number + 1), encoding="utf-8")
            elif kind == "recordings":
                (place / f"{name}.WAV").write_bytes(wav(tone(20 + number, pitch=number / 10))[0])
            else:
                image = random.integers(0, 255, (11 + number % 4, 17, 3), "uint8")
                keras.utils.save_img(place / f"{name}.png", image, scale=False)
    return root


LOADERS = {
    "texts": ("text_dataset_from_directory", {}),
    "recordings": ("audio_dataset_from_directory", {}),
    "images": ("image_dataset_from_directory", {"image_size": (6, 8)}),
}


def both(kind, folders, **arguments):
    """What Keras's function returns, and what ours does."""
    name, more = LOADERS[kind]
    arguments = {"directory": folders / kind, "verbose": False, **more, **arguments}
    # Keras shuffles the list `labels` of whoever calls it.
    return getattr(keras.utils, name)(**copy.deepcopy(arguments)), getattr(compat, name)(**arguments)


def assert_same(theirs, ours):
    if isinstance(theirs, (list, tuple)):
        assert len(theirs) == len(ours)
        for one, other in zip(theirs, ours, strict=True):
            assert_same(one, other)
        return
    assert getattr(ours, "class_names", None) == getattr(theirs, "class_names", None)
    for _ in range(2):
        batches = [list(dataset) for dataset in (theirs, ours)]
        assert len(batches[0]) == len(batches[1]) > 0
        for pair in zip(*batches, strict=True):
            for mine, other in zip(*map(tf.nest.flatten, pair), strict=True):
                assert mine.dtype == other.dtype
                np.testing.assert_array_equal(*(np.asarray(getattr(x, "flat_values", x)) for x in (mine, other)))


CASES = [
    ("texts", {"seed": 3, "batch_size": 4}),
    ("texts", {"label_mode": "categorical", "shuffle": False, "batch_size": 5}),
    ("texts", {"labels": None, "seed": 1, "validation_split": 0.3, "subset": "validation"}),
    ("texts", {"labels": [n % 3 for n in range(23)], "seed": 2, "validation_split": 0.21, "subset": "training"}),
    ("texts", {"labels": [n / 4 for n in range(23)], "batch_size": 6, "seed": 7}),
    ("texts", {"max_length": 9, "batch_size": None, "label_mode": None, "seed": 1}),
    ("recordings", {"batch_size": 4, "class_names": ["b", "a"], "shuffle": False}),
    ("recordings", {"batch_size": 4, "ragged": True, "seed": 1}),
    ("recordings", {"batch_size": None, "output_sequence_length": 30, "label_mode": "binary", "shuffle": False}),
    ("images", {"interpolation": "nearest", "color_mode": "grayscale", "batch_size": None, "seed": 4}),
    ("images", {"crop_to_aspect_ratio": True, "image_size": (9, 7), "interpolation": "Bicubic", "shuffle": False}),
    ("images", {"crop_to_aspect_ratio": True, "image_size": (5, 7), "data_format": "channels_first", "labels": None}),
    ("images", {"pad_to_aspect_ratio": True, "image_size": 8, "color_mode": "rgba", "label_mode": "categorical"}),
]


@pytest.mark.parametrize(("kind", "arguments"), CASES)
def test_the_same_as_keras_s(kind, arguments, folders):
    arguments = {"seed": 1, **arguments}
    assert_same(*both(kind, folders, **arguments))


def test_the_arguments_are_those_of_keras_s():
    for name in (*[name for name, _ in LOADERS.values()], "timeseries_dataset_from_array"):
        theirs, ours = (inspect.signature(getattr(home, name)).parameters for home in (keras.utils, compat))
        named = [(one.name, one.default) for one in theirs.values() if one.name != "format"]
        assert [(ours[name].name, ours[name].default) for name, _ in named] == named
        assert {one for one in ours if ours[one].kind == inspect.Parameter.KEYWORD_ONLY} >= {"augment"}


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_three_parts_hold_every_file_once(kind, folders):
    arguments = {"seed": 4, "validation_split": (0.25, 0.15), "batch_size": None}
    _, everything = both(kind, folders, seed=4)
    load = lambda **more: getattr(compat, LOADERS[kind][0])(  # noqa: E731
        folders / kind, **arguments, **LOADERS[kind][1], verbose=False, **more
    )
    train, validation, test = load(subset="all")
    assert train.file_paths + validation.file_paths + test.file_paths == everything.file_paths
    assert [len(part.file_paths) for part in (train, validation, test)] == [15, 5, 3]
    assert train.class_names == validation.class_names == test.class_names == ["a", "b"]
    assert [part.file_paths for part in load(subset="both")] == [train.file_paths, validation.file_paths]
    assert load(subset="test").file_paths == test.file_paths
    labels = [int(label) for _, label in test]
    assert labels == [train.class_names.index(path.split(kind + "/")[1][0]) for path in test.file_paths]
    assert load(subset="training").file_paths == train.file_paths


def test_what_cannot_be_split(folders):
    load = lambda **more: compat.text_dataset_from_directory(folders / "texts", verbose=False, **more)  # noqa: E731
    for arguments, said in [
        ({"validation_split": (0.6, 0.4), "subset": "all", "seed": 1}, "of a sum below 1"),
        ({"validation_split": 1.5, "subset": "both", "seed": 1}, "must be a number in 0..1"),
        ({"validation_split": 0.2, "subset": "test", "seed": 1}, r"needs a pair .* Received: 0\.2"),
        ({"validation_split": 0.2, "seed": 1}, "`subset` must be"),
        ({"subset": "both", "seed": 1}, "Received: subset='both', validation_split=None"),
        ({"validation_split": (0.01, 0.2), "subset": "both", "seed": 1}, "leaves no validation data of 23"),
        ({"validation_split": 0.2, "subset": "both"}, "`seed` is needed"),
        ({"on_error": "ignore"}, "`on_error` must be"),
        ({"labels": [1, 2]}, "one for each of the 23 files"),
        ({"labels": [5] * 23, "label_mode": "categorical"}, r"must be 0\.\.0"),
        ({"class_names": ["a", "c"]}, r"names of folders .* Received: \['c'\]"),
        ({"label_mode": "ints"}, "`label_mode` must be"),
        ({"label_mode": "binary", "class_names": ["a"]}, "needs exactly 2 classes"),
        ({"format": "csv"}, "format"),
    ]:
        with pytest.raises(ValueError, match=said):
            load(**arguments)
    with pytest.raises(TypeError, match="`augment` must be a layer"):
        load(augment="louder")
    with pytest.raises(ValueError, match=r"No files ending in \.wav .* other endings: \.txt 15"):
        compat.audio_dataset_from_directory(folders / "texts" / "a", labels=None)


# ---------------------------------------------------------------------------------------------------------------------
# Augmentation
# ---------------------------------------------------------------------------------------------------------------------


def noisy(samples, seed):
    return samples + tf.random.stateless_normal(tf.shape(samples), seed)


def test_a_function_gets_the_seed_and_training_data_alone(folders):
    arguments = {"seed": 5, "batch_size": 4, "output_sequence_length": 20, "verbose": False}
    arguments |= {"validation_split": (0.3, 0.3), "subset": "all"}
    load = lambda **more: compat.audio_dataset_from_directory(folders / "recordings", **arguments, **more)  # noqa: E731
    plain, first, second = load(), load(augment=noisy), load(augment=noisy)
    for part, (clean, one, other) in enumerate(zip(plain, first, second, strict=True)):
        passes = [np.concatenate([x for x, _ in dataset]) for dataset in (clean, one, one, other, other)]
        if part == 0:
            np.testing.assert_array_equal(passes[1], passes[3])
            np.testing.assert_array_equal(passes[2], passes[4])
            assert not np.array_equal(passes[1], passes[2])
            assert abs(np.std(passes[1] - passes[0]) - 1) < 0.1
        else:
            np.testing.assert_array_equal(passes[0], passes[1])
        assert one.class_names == ["a", "b"]
        assert one.file_paths == clean.file_paths


def test_layers_of_keras(folders):
    arguments = {"seed": 5, "validation_split": 0.4, "subset": "both", "batch_size": 4, "image_size": (6, 8)}
    load = lambda augment: compat.image_dataset_from_directory(  # noqa: E731
        folders / "images", augment=augment, verbose=False, **arguments
    )
    plain = [np.concatenate([x for x, _ in part]) for part in load(None)]
    layers = [keras.Sequential([keras.layers.RandomFlip(seed=3), keras.layers.Rescaling(0.5)]) for _ in range(2)]
    loaded = [[np.concatenate([x for x, _ in part]) for part in load(layer)] for layer in layers]
    np.testing.assert_array_equal(loaded[0][0], loaded[1][0])
    assert not np.array_equal(loaded[0][0], plain[0] / 2)
    np.testing.assert_allclose(loaded[0][0].mean((1, 2, 3)), plain[0].mean((1, 2, 3)) / 2, rtol=1e-5)
    np.testing.assert_array_equal(loaded[0][1], plain[1] / 2)
    vectorize = keras.layers.TextVectorization(vocabulary=["text", "№"], output_sequence_length=3)
    texts = compat.text_dataset_from_directory(folders / "texts", shuffle=False, augment=vectorize, verbose=False)
    np.testing.assert_array_equal(next(iter(texts))[0][0], [2, 3, 1])
    arguments = {
        "seed": 1,
        "labels": None,
        "augment": tf.strings.upper,
        "verbose": False,
        "validation_split": (0.2, 0.2),
    }
    for subset in ("training", "validation", "test"):
        texts = compat.text_dataset_from_directory(folders / "texts", subset=subset, **arguments)
        assert next(iter(texts))[0].numpy().startswith(b"TEXT" if subset == "training" else b"text")


# ---------------------------------------------------------------------------------------------------------------------
# Files that are not what they say
# ---------------------------------------------------------------------------------------------------------------------

KINDS = [(8, 1), (16, 1), (24, 1), (32, 1), (32, FLOAT), (64, FLOAT)]


def write(folder, contents):
    for name, content in contents.items():
        (folder / "a").mkdir(exist_ok=True)
        (folder / "a" / name).write_bytes(content)
    return folder


def test_all_kinds_of_recordings(tmp_path):
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    files, held = {}, []
    for number, (bits, code) in enumerate(KINDS):
        for more in ({}, {"extensible": True}, {"before": note}, {"said": 0xFFFFFFFF}):
            content, samples = wav(tone(31, channels=2), bits, 22_050, code, **more)
            files[f"{number}-{len(held):02}.wav"] = content
            held.append(samples)
    loaded = compat.audio_dataset_from_directory(
        write(tmp_path, files), labels=None, label_mode=None, shuffle=False, batch_size=None, verbose=False
    )
    read = list(loaded.as_numpy_iterator())
    np.testing.assert_array_equal(read, held)
    assert np.ptp(read, axis=1).min() > 1.4
    theirs = tf.audio.decode_wav(files["1-04.wav"])[0]
    np.testing.assert_array_equal(read[4], theirs)
    # Batches of them: some of one kind alone, of different lengths; others mixed.
    for number, steps in enumerate((9, 31, 17)):
        files[f"+{number}.wav"], samples = wav(tone(steps, channels=2), 16, 22_050)
        held.insert(number, samples)
    write(tmp_path, files)
    for length in (None, 20, 40):
        loaded = compat.audio_dataset_from_directory(
            tmp_path, shuffle=False, batch_size=3, output_sequence_length=length, verbose=False
        )
        for at, (batch, labels) in zip(range(0, len(held), 3), loaded, strict=True):
            steps = length or max(map(len, held[at : at + 3]))
            filled = [np.pad(x[:steps], [(0, max(steps - len(x), 0)), (0, 0)]) for x in held[at : at + 3]]
            np.testing.assert_array_equal(batch, filled)
            assert labels.numpy().tolist() == [0, 0, 0]


good, _ = wav(tone())
BAD_RECORDINGS = {
    "1mp3.wav": (b"ID3\4" + bytes(60), "is an MP3 file, not a WAV file"),
    "2flac.wav": (b"fLaC" + bytes(60), "is a FLAC file, not a WAV file"),
    "3text.wav": (b"words", "is of an unknown kind, not a WAV file"),
    "4empty.wav": (b"", "is empty, not a WAV file"),
    "5cut.wav": (good[:-31], "is cut off: of 100 bytes of samples it has 69"),
    "6header.wav": (good[:30], "is cut off: it has no format"),
    "7nodata.wav": (good[:36], "is cut off: it has no samples"),
    "7killed.wav": (wav(tone(), unfinished=True)[0], "was not finished: it tells of no samples, and has 100 bytes"),
    "8alaw.wav": (wav(tone(), 8, code=6)[0], "holds samples of 8 bits in format 6"),
    "9rate.wav": (
        wav(tone(), rate=16_000)[0],
        "is of 16000 samples a second in 1 channels, where .*0good.wav is of 8000",
    ),
    "9stereo.wav": (wav(tone(channels=2))[0], "is of 8000 samples a second in 2 channels, where"),
}


@pytest.mark.parametrize("kind", ["recordings", "texts", "images"])
def test_what_is_not_what_it_says_is_named_or_skipped(kind, tmp_path, capfd):
    name, more = LOADERS[kind]
    png = tf.io.encode_png(np.arange(108, dtype="uint8").reshape(6, 6, 3)).numpy()
    whole, bad = {
        "recordings": ({"0good.wav": good, "9z.wav": good}, BAD_RECORDINGS),
        "texts": (
            {"0.txt": "grün\ufeff".encode(), "9.txt": b""},
            {
                "1.txt": ("grün".encode("latin-1"), "is no text in UTF-8"),
                "2.txt": ("green".encode("utf-16-le"), "holds bytes of zero"),
                "3.txt": (png, "holds bytes of zero|is no text"),
            },
        ),
        "images": (
            {"0.png": png, "9.jpg": png},
            {"1.png": (b"no image", "cannot be read as an image"), "2.jpg": (png[:-20], "cannot be read")},
        ),
    }[kind]
    arguments = {"shuffle": False, "verbose": False, "batch_size": 2, **more}
    load = getattr(compat, name)
    for number, (file, (content, said)) in enumerate([*bad.items()][:3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, {**whole, file: content})
        with pytest.raises(tf.errors.InvalidArgumentError, match=file) as caught:
            list(load(folder, **arguments))
        assert re.search(said, str(caught.value), re.S), str(caught.value)
    write(tmp_path, {**whole, **{file: content for file, (content, _) in bad.items()}})
    capfd.readouterr()
    dataset = load(tmp_path, class_names=["a"], on_error="skip", **arguments)
    batches = [x.numpy() for x, _ in dataset]
    assert [len(batch) for batch in batches] == [2]
    printed = capfd.readouterr().err
    assert all(re.search(rf"{file}.*{said}", printed) for file, (_, said) in bad.items()), printed
    assert list(whole)[1] not in printed


def test_what_is_not_checked_is_as_in_keras(tmp_path):
    write(tmp_path, {"0.txt": "grün".encode("latin-1"), "0.wav": good, "1.wav": wav(tone(60, 2), rate=16_000)[0]})
    for name in ("text_dataset_from_directory", "audio_dataset_from_directory"):
        arguments = {"shuffle": False, "verbose": False}
        assert_same(
            getattr(keras.utils, name)(tmp_path, **arguments),
            getattr(compat, name)(tmp_path, check=False, **arguments),
        )
    load = lambda rate: list(compat.audio_dataset_from_directory(tmp_path, sampling_rate=rate, verbose=False))  # noqa: E731
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"is of \d+ samples a second, where sampling_rate is 44100"
    ):
        load(44_100)
    for arguments, said in [
        ({"sampling_rate": 0}, "`sampling_rate` must be None or an integer"),
        ({"ragged": True, "output_sequence_length": 4}, "cannot both be set"),
    ]:
        with pytest.raises(ValueError, match=said):
            compat.audio_dataset_from_directory(tmp_path, **arguments)


# ---------------------------------------------------------------------------------------------------------------------
# Series
# ---------------------------------------------------------------------------------------------------------------------


def test_series_in_parts():
    data = np.arange(100.0).reshape(100, 1)
    targets = np.arange(100)[4:] * 10
    theirs = keras.utils.timeseries_dataset_from_array(data, targets, 4, batch_size=7, shuffle=True, seed=2)
    assert_same(theirs, compat.timeseries_dataset_from_array(data, targets, 4, batch_size=7, shuffle=True, seed=2))
    made = compat.timeseries_dataset_from_array(
        data,
        targets,
        4,
        batch_size=None,
        start_index=10,
        end_index=100,
        validation_split=(0.2, 0.1),
        subset="all",
        shuffle=True,
        seed=1,
    )
    starts = []
    for part in made:
        windows, labels = zip(*part.as_numpy_iterator(), strict=True)
        windows = np.array(windows)[..., 0]
        np.testing.assert_array_equal(windows - windows[:, :1], np.tile(np.arange(4), (len(windows), 1)))
        np.testing.assert_array_equal(labels, (windows[:, 0] + 4) * 10)
        starts.append(windows[:, 0])
    assert [(part.min(), part.max()) for part in starts] == [(10, 69), (73, 87), (91, 95)]
    assert sorted(starts[0]) != list(starts[0])
    assert sorted(starts[1]) == list(starts[1])
    for arguments, said in [
        (
            {"validation_split": (0.03, 0.5), "subset": "all"},
            "leaves 3 steps as validation data, where a window needs 4",
        ),
        ({"validation_split": 0.5, "subset": "both", "end_index": 101}, r"must be in 0\.\.100"),
        ({"format": "csv"}, "format"),
    ]:
        with pytest.raises(ValueError, match=said):
            compat.timeseries_dataset_from_array(data, None, 4, **arguments)


def test_series_are_augmented():
    data = np.zeros((50, 2), "float32")
    load = lambda **more: compat.timeseries_dataset_from_array(  # noqa: E731
        data, None, 5, seed=1, augment=noisy, **more
    )
    first, second = (np.concatenate(list(load())) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert 0.8 < first.std() < 1.2
    train, validation = load(validation_split=0.4, subset="both")
    assert [np.concatenate(list(part)).any() for part in (train, validation)] == [True, False]


@pytest.mark.parametrize("kind", ["texts", "images"])
@pytest.mark.parametrize("format", ["tf", "grain"])
def test_weights_of_classes(kind, format, folders):
    """Of the training data alone, as with the `class_weight` of `fit`."""
    if format == "grain":
        pytest.importorskip("grain")
    name, more = LOADERS[kind]
    arguments = {"verbose": False, "seed": 1, "class_weight": {0: 2.0, 1: 0.5}, "format": format, **more}
    arguments |= {"label_mode": "categorical"}
    load = lambda **given: getattr(compat, name)(folders / kind, **{**arguments, **given})  # noqa: E731
    train, validation = load(validation_split=0.3, subset="both", augment=lambda x: x)
    for _, y, weights in train:
        assert np.asarray(weights).dtype == "float32"
        np.testing.assert_array_equal(weights, np.where(np.argmax(y, -1) == 0, 2.0, 0.5))
    assert {len(element) for element in validation} == {2}
    assert {np.shape(weight) for _, _, weight in load(batch_size=None)} == {()}
    for wrong, said in [
        ({"class_weight": {0: 1.0}}, r"a weight for every class. Missing: \[1\]"),
        ({"label_mode": None}, "needs one class for each sample"),
        ({"labels": [n / 4 for n in range(23)], "label_mode": "int"}, "needs one class for each sample"),
    ]:
        with pytest.raises(ValueError, match=said):
            load(**wrong)


@pytest.mark.skipif(not has_grain(keras.utils.text_dataset_from_directory), reason="nor has Keras's")
def test_texts_of_grain(folders, tmp_path):
    grain = pytest.importorskip("grain")
    more = {"seed": 1, "format": "grain", "verbose": False, "batch_size": 4}
    theirs = keras.utils.text_dataset_from_directory(folders / "texts", shuffle=False, max_length=8, **more)
    ours = compat.text_dataset_from_directory(folders / "texts", shuffle=False, max_length=8, **more)
    assert isinstance(ours, grain.IterDataset) and len(ours) == 6
    for mine, other in zip(ours, theirs, strict=True):
        assert isinstance(mine[0], np.ndarray)
        assert mine[0].tolist() == [text.decode() for text in np.asarray(other[0]).tolist()]
        np.testing.assert_array_equal(mine[1], other[1])
    load = lambda **given: compat.text_dataset_from_directory(tmp_path, labels=None, **more, **given)  # noqa: E731
    write(tmp_path, {"0.txt": b"One\r\nTwo", "1.txt": "gr\u00fcn".encode("latin-1"), "2.txt": b"a\0"})
    parts = compat.text_dataset_from_directory(
        folders / "texts", augment=str.upper, **{**more, "batch_size": None}, validation_split=(0.3, 0.3), subset="all"
    )
    passes = [[text for text, _ in parts[0]] for _ in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) and passes[0] != passes[1]
    assert [next(iter(part))[0][:4] for part in parts] == ["TEXT", "text", "text"]
    with pytest.raises(ValueError, match=r"1\.txt: no text in UTF-8|2\.txt: holds characters of zero"):
        list(load())
    skipping = load(on_error="skip")
    assert [batch.tolist() for batch in skipping] == [["One\nTwo"]]
    assert sorted(path[-5:] for path in skipping.skipped) == ["1.txt", "2.txt"]
    assert [sorted(batch.tolist()) for batch in load(check=False)] == [["One\nTwo", "a\0", "gr\ufffdn"]]


@pytest.mark.skipif(not has_grain(keras.utils.timeseries_dataset_from_array), reason="nor has Keras's")
def test_series_of_grain():
    grain = pytest.importorskip("grain")
    data, targets = np.arange(60.0).reshape(30, 2), np.arange(30)
    load = lambda home, **more: home.timeseries_dataset_from_array(data, targets, 5, format="grain", **more)  # noqa: E731
    for more in (
        {},
        {"sequence_stride": 2, "sampling_rate": 3, "batch_size": 4, "start_index": 3, "end_index": 28},
        {"batch_size": None},
    ):
        theirs, ours = load(keras.utils, **more), load(compat, **more)
        assert isinstance(ours, grain.IterDataset) and len(ours) == len(list(ours))
        for mine, other in zip(ours, theirs, strict=True):
            for one, another in zip(mine, other, strict=True):
                assert isinstance(one, (np.ndarray, np.generic))
                np.testing.assert_array_equal(one, np.asarray(another))
    shuffled = load(compat, shuffle=True, seed=1, batch_size=None)
    passes = [[int(target) for _, target in shuffled] for _ in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(26)) and passes[0] != passes[1]
    made = load(compat, augment=lambda x: 0 * x + 1, validation_split=0.4, subset="both")
    assert [float(next(iter(part))[0].mean()) == 1 for part in made] == [True, False]
    for wrong, said in [
        ({"sequence_stride": 0}, "`sequence_stride` must be an integer of at least 1"),
        ({"start_index": 40}, r"must be in 0\.\.30"),
    ]:
        with pytest.raises(ValueError, match=said):
            load(compat, **wrong)
