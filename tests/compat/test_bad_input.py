"""Bad input: where the legacy code raises, the same type with a message that helps; where it is silent, a warning."""

import re

import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from PIL import Image

X = np.zeros((10, 4, 4, 3), "float32")
Y = np.arange(10)


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/deep/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", (5, 4), "red").save(tmp_path / name)
    return tmp_path


def frame(**columns):
    return pd.DataFrame({"filename": ["a/1.png", "a/2.png", "b/1.png"], "class": ["x", "y", "x"], **columns})


def generator(**arguments):
    return lambda module, _: module.ImageDataGenerator(**arguments)


def flow(*positional, generator=None, **arguments):
    return lambda module, _: module.ImageDataGenerator(**generator or {}).flow(*positional, **arguments)


def directory(path="", generator=None, **arguments):
    return lambda module, root: module.ImageDataGenerator(**generator or {}).flow_from_directory(
        root / path, **arguments
    )


def dataframe(df=None, generator=None, **arguments):
    return lambda module, root: module.ImageDataGenerator(**generator or {}).flow_from_dataframe(
        frame() if df is None else df, str(root), **arguments
    )


def first(make):
    return lambda module, root: next(make(module, root))


RAISES = {
    "data_format": (generator(data_format="last"), "`data_format` must be 'channels_last' or.*'last'"),
    "validation_split": (generator(validation_split=1.5), "`validation_split`.*between 0 and 1.*1.5"),
    "zoom_range of three": (generator(zoom_range=[1, 2, 3]), r"`zoom_range`.*\[1, 2, 3\]"),
    "zoom_range of text": (generator(zoom_range=["a", "b"]), "`zoom_range`"),
    "zoom_range None": (generator(zoom_range=None), ""),
    "brightness_range": (generator(brightness_range=0.5), "`brightness_range`.*0.5"),
    "rotation_range": (first(flow(X, generator={"rotation_range": "a"})), ""),
    "rotation_range pair": (first(flow(X, generator={"rotation_range": [1, 2]})), ""),
    "fill_mode": (first(flow(X, generator={"fill_mode": "edge", "rotation_range": 9})), "`fill_mode`.*'edge'"),
    "interpolation_order": (
        first(flow(X, generator={"interpolation_order": 7, "rotation_range": 9})),
        "`interpolation_order`.*7",
    ),
    "brightness and channels": (first(flow(X[..., :2], generator={"brightness_range": [1, 2]})), "channel"),
    "brightness, channels first": (
        first(flow(np.zeros((2, 3, 5, 5)), generator={"brightness_range": [1, 2], "data_format": "channels_first"})),
        "channel",
    ),
    "rank of x": (flow(X[0]), r"`x` must have rank 4.*\(4, 4, 3\)"),
    "length of y": (
        flow(X, Y[:3]),
        r"`x` \(images tensor\) and `y` \(labels\) should have the same length.*`y` must be as long.*10 images and 3",
    ),
    "length of sample_weight": (flow(X, Y, sample_weight=[1]), "`sample_weight` must be as long.*10 images and 1"),
    "length of other": (
        flow([X, Y[:2]], Y),
        r"All of the arrays in `x` should have the same length.*`x\[1\]` must be as long.*10 images and 2",
    ),
    "subset name": (flow(X, subset="test"), "`subset` must be 'training' or 'validation'.*'test'"),
    "subset name of files": (directory(subset="test"), "`subset` must be 'training' or 'validation'.*'test'"),
    "subset splits classes": (
        flow(X, Y, subset="training", generator={"validation_split": 0.5}),
        "Training and validation subsets have different number of classes after the split.*`subset` needs the same",
    ),
    "rank of fit": (lambda m, _: m.ImageDataGenerator().fit(X[0]), r"`x` must have rank 4.*\(4, 4, 3\)"),
    "integers and rescale": (first(flow(X, generator={"dtype": "uint8", "rescale": 0.5})), ""),
    "directory": (directory("absent"), "absent"),
    "directory is a file": (directory("a/1.png"), "1.png"),
    "color_mode": (directory(color_mode="hsv"), "`color_mode`.*'hsv'"),
    "class_mode": (directory(class_mode="raw"), "`class_mode`.*'raw'"),
    "interpolation": (first(directory(interpolation="cubic")), "'?cubic'?"),
    "target_size": (directory(target_size=5), ""),
    "class is a path": (directory(classes=["a", "b/deep"]), "`classes`.*'b/deep'"),
    "batch beyond the end": (lambda m, r: m.ImageDataGenerator().flow(X, batch_size=4)[3], "Batch 3.*3: 0 to 2"),
    "class_mode of dataframe": (dataframe(class_mode="one-hot"), "`class_mode`.*'one-hot'"),
    "no column x": (dataframe(x_col="file"), r"`x_col` must name a column.*\['filename', 'class'\].*'file'"),
    "no column y": (dataframe(y_col="label"), "`y_col` must name a column.*'label'"),
    "no column of weights": (dataframe(weight_col="w"), "`weight_col` must name a column.*'w'"),
    "numbers for names": (dataframe(frame(filename=[1, 2, 3])), "`x_col`: every value.*Received: 1"),
    "numbers for classes": (dataframe(frame(n=[1, 2, 3]), y_col="n"), "`y_col`: every value.*Received: 1"),
    "numbers, sparse": (dataframe(frame(n=[1, 2, 3]), y_col="n", class_mode="sparse"), "`y_col`.*Received: 1"),
    "binary of one": (dataframe(frame(c=["x"] * 3), y_col="c", class_mode="binary"), "2 classes.*'c' has 1"),
    "binary of three": (dataframe(classes=["x", "y", "z"], class_mode="binary"), "2 classes.*has 3"),
    "multi_output of a name": (dataframe(class_mode="multi_output"), "`y_col` must be a list.*str"),
    "weights of text": (dataframe(weight_col="class"), "`weight_col` must be numeric"),
}


@pytest.mark.filterwarnings("ignore:keras_regen transforms the images one by one")
@pytest.mark.parametrize("name", RAISES)
def test_raises_what_the_legacy_code_raises(name, folder):
    make, message = RAISES[name]
    with pytest.raises(Exception) as expected:
        make(legacy, folder)
    with pytest.raises(expected.type) as received:
        make(ours, folder)
    assert type(received.value) is expected.type
    assert re.search(message, str(received.value), re.DOTALL), str(received.value)


WARNS = {
    "zca centres": (generator(zca_whitening=True), "`zca_whitening`, which sets `featurewise_center` to True"),
    "zca and std": (
        generator(zca_whitening=True, featurewise_std_normalization=True),
        "`zca_whitening`, which sets `featurewise_std_normalization` to False",
    ),
    "std centres": (generator(featurewise_std_normalization=True), "sets `featurewise_center` to True"),
    "samplewise std centres": (generator(samplewise_std_normalization=True), "sets `samplewise_center` to True"),
    "not fit": (first(flow(X, generator={"featurewise_center": True})), "`featurewise_center`, but has not been fit"),
    "zca not fit": (
        first(flow(X, generator={"zca_whitening": True, "featurewise_center": True})),
        "`zca_whitening`, but has not been fit",
    ),
    "channels": (flow(X[..., :2]), r"Expected 1, 3 or 4 channels on axis 3.*\(10, 4, 4, 2\)"),
    "channels of fit": (lambda m, _: m.ImageDataGenerator().fit(X[..., :2]), "Expected 1, 3 or 4 channels"),
    "absent file": (dataframe(frame(filename=["a/1.png", "no.png", "b/1.png"])), r"Found 1 invalid.*'filename'"),
    "classes ignored": (dataframe(class_mode=None, classes=["x"]), "`classes` is ignored.*None"),
    "other": (dataframe(class_mode="other"), '`class_mode="other"` is deprecated'),
    "has_ext": (dataframe(has_ext=True), "`has_ext` is deprecated"),
    "sort": (dataframe(sort=True), "`sort` is deprecated"),
    "drop_duplicates": (dataframe(drop_duplicates=True), "`drop_duplicates` is deprecated"),
}
SILENT = {
    "class without a folder": (directory(classes=["a", "absent"]), r"no folder in .* for \['absent'\]"),
    "empty directory": (directory("b/deep"), "No image was found"),
    "no valid name": (dataframe(frame(filename=["a", "b", "c"])), "No image was found in the column 'filename'"),
    "keyword": (dataframe(keep_aspect_ratio=True), "no argument 'keep_aspect_ratio': ignored"),
    "subset without split": (directory(subset="validation"), "without a `validation_split`.*empty"),
    "subset of arrays without split": (flow(X, subset="training"), "without a `validation_split`.*everything"),
    "weights of a subset": (
        flow(X, sample_weight=Y, subset="training", generator={"validation_split": 0.2}),
        "the weights are not split",
    ),
}


def result(made):
    """What a user sees of an iterator."""
    names = ("n", "class_indices", "classes", "filenames", "samples", "total_batches_seen", "sample_weight")
    return {name: getattr(made, name) for name in names if hasattr(made, name)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*WARNS, *SILENT])
def test_warns(name, folder):
    make, message = {**WARNS, **SILENT}[name]
    if name in WARNS:
        with pytest.warns() as expected:
            theirs = make(legacy, folder)
        categories = {w.category for w in expected if not w.filename.startswith("scipy")}
    else:
        theirs, categories = make(legacy, folder), {UserWarning}
    with pytest.warns(tuple(categories), match=re.compile(message, re.DOTALL)):
        mine = make(ours, folder)
    np.testing.assert_equal(result(mine), result(theirs))


@pytest.mark.filterwarnings("ignore:No image was found")
def test_an_empty_iterator_yields_empty_batches_for_ever(tmp_path):
    for module in (legacy, ours):
        iterator = module.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(3, 3))
        for _ in range(3):
            x, y = next(iterator)
            assert x.shape == (0, 3, 3, 3)
            assert y.shape == (0, 0)
        assert len(iterator) == 0


@pytest.mark.filterwarnings("ignore")
def test_a_dataframe_without_rows_is_an_empty_iterator():  # in the legacy code a KeyError by accident
    assert len(ours.ImageDataGenerator().flow_from_dataframe(frame()[:0])) == 0


def test_a_negative_index_is_an_empty_batch():
    for module in (legacy, ours):
        x, y = module.ImageDataGenerator().flow(X, Y, batch_size=4)[-1]
        assert x.shape == (0, 4, 4, 3)
        assert y.shape == (0,)


@pytest.mark.parametrize(
    ("name", "content"),
    [("1.png", b""), ("1.jpg", b"no image at all"), ("1.png", "truncated"), ("1.bmp", b"BM"), ("1.tif", b"II*\0")],
)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_file_raises_the_same_type_and_is_named(name, content, tmp_path, photos):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / name
    if content == "truncated":
        Image.fromarray(photos[0]).save(path)
        content = path.read_bytes()[:10_000]
    path.write_bytes(content)
    iterators = [m.ImageDataGenerator(rotation_range=9).flow_from_directory(tmp_path) for m in (legacy, ours)]
    with pytest.raises(Exception) as expected:
        next(iterators[0])
    with pytest.raises(expected.type, match=re.escape(str(path))):
        next(iterators[1])


def test_a_wrong_extension_is_read_for_what_it_is(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a" / "1.jpg", format="PNG")
    (tmp_path / "a" / "2.txt").write_text("not listed")
    iterators = [m.ImageDataGenerator().flow_from_directory(tmp_path, (4, 4)) for m in (legacy, ours)]
    assert iterators[1].filenames == ["a/1.jpg"]
    np.testing.assert_array_equal(next(iterators[1])[0], next(iterators[0])[0])


MISTAKES = {
    "batch_size": ({"batch_size": 0}, ValueError, "`batch_size` must be an integer of at least 1. Received: 0"),
    "batch_size float": ({"batch_size": 8.0}, ValueError, "`batch_size` must be an integer.*Received: 8.0"),
    "target_size": ({"target_size": 64}, TypeError, r"`target_size` must be a pair, \(height, width\). Received: 64"),
    "one size": ({"target_size": (64,)}, ValueError, r"`target_size` must be a pair.* Received: \(64,\)"),
    "three sizes": ({"target_size": (9, 9, 3)}, ValueError, "`target_size` must be a pair"),
    "size of 0": ({"target_size": (9, 0)}, ValueError, "`target_size` must be a pair of integers.*Received: 0"),
    "size of text": ({"target_size": ("9", "9")}, ValueError, "`target_size` must be a pair of integers.*'9'"),
    "interpolation": ({"interpolation": "foo"}, ValueError, "`interpolation` must be one of.*'box'.*Received: 'foo'"),
    "interpolation of Keras": (
        {"interpolation": "hamming", "decode": "keras"},
        ValueError,
        "`interpolation` must be one of.*'area'.*with decode='keras'. Received: 'hamming'",
    ),
    "decode": ({"decode": "typo"}, ValueError, "`decode` must be 'pillow', 'fast' or 'keras'. Received: 'typo'"),
    "exif": ({"decode": "keras", "exif_transpose": True}, ValueError, "`exif_transpose` must be False with decode"),
    "on_error": ({"on_error": "ignore"}, ValueError, "`on_error` must be 'raise' or 'skip'. Received: 'ignore'"),
    "formats": ({"formats": ("jpg", "doc")}, ValueError, "`formats` must be None, 'all' or a sequence"),
    "seeds": ({"sed": 1}, TypeError, r"ImageDataGenerator.flow_from_directory\(\) got .* 'sed'. Did you mean 'seed'\?"),
    "nothing like it": ({"zzz": 1}, TypeError, r"unexpected keyword argument 'zzz'\.$"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found_before_anything_is_listed(name, folder, capsys, monkeypatch):
    from keras_regen.compat.image import directory_iterator

    arguments, kind, message = MISTAKES[name]
    monkeypatch.setattr(directory_iterator, "list_classes", None)
    with pytest.raises(kind, match=re.compile(message, re.DOTALL)):
        ours.ImageDataGenerator().flow_from_directory(folder, **arguments)
    if kind is ValueError:
        with pytest.raises(kind, match=re.compile(message, re.DOTALL)):
            ours.ImageDataGenerator().flow_from_dataframe(frame(), folder, **arguments)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("dtype", "classes"), [("int8", 129), ("uint8", 257), ("float16", 2050)])
def test_labels_that_the_dtype_does_not_hold(dtype, classes, tmp_path):
    datagen, names = ours.ImageDataGenerator(dtype=dtype), [f"{k:04}" for k in range(classes)]
    many = pd.DataFrame({"filename": "1.png", "class": names})
    fewer = datagen.flow_from_dataframe(many[:-1], class_mode="sparse", validate_filenames=False)
    assert fewer._flow(raw=True).labels.tolist() == list(range(classes - 1))
    with pytest.raises(ValueError, match=f"`dtype`, in .*class_mode='sparse'.* up to {classes - 1}.*Received: {dtype}"):
        datagen.flow_from_dataframe(many, class_mode="sparse", validate_filenames=False)
    with pytest.raises(ValueError, match=f"`dtype`, in .*class_mode='binary'.* up to {classes - 1}"):
        datagen.flow_from_directory(tmp_path, classes=names, class_mode="binary")
    datagen.flow_from_dataframe(many, validate_filenames=False)


def test_misspelt_keywords_name_the_function_and_the_nearest_keyword(folder):
    with pytest.raises(
        TypeError, match=r"ImageDataGenerator.__init__\(\) .*'rotation'. Did you mean 'rotation_range'\?"
    ):
        ours.ImageDataGenerator(rotation=3)
    with pytest.raises(TypeError, match=r"ImageDataGenerator.flow\(\) .*'batchsize'. Did you mean 'batch_size'\?"):
        ours.ImageDataGenerator().flow(X, batchsize=3)
    with pytest.raises(TypeError, match=r"DirectoryIterator.__init__\(\) .*'worker'. Did you mean 'workers'\?"):
        ours.DirectoryIterator(folder, None, worker=3)
    with pytest.warns(UserWarning, match="no argument 'batchsize': ignored, .* Did you mean 'batch_size'") as caught:
        assert ours.ImageDataGenerator().flow_from_dataframe(frame(), folder, batchsize=3).batch_size == 32
    assert caught[0].filename == __file__


def test_sizes_of_numpy_are_sizes(folder):
    arguments = {"target_size": np.array([5, 4]), "batch_size": np.int64(2)}
    x, _ = next(ours.ImageDataGenerator().flow_from_directory(folder, **arguments))
    assert x.shape == (2, 5, 4, 3)


def test_legacy_axes_are_true_or_false():
    with pytest.raises(ValueError, match="`legacy_axes` must be True or False"):
        ours.ImageDataGenerator(legacy_axes="archived")


def test_verbose(folder, capsys):
    datagen = ours.ImageDataGenerator()
    (folder / "a" / "note.txt").write_text("no image")
    datagen.flow_from_directory(folder, verbose=False)
    datagen.flow_from_dataframe(frame(), folder, verbose=False)
    assert not capsys.readouterr().out
    datagen.flow_from_directory(folder)
    datagen.flow_from_dataframe(frame(), folder)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_representations(folder):
    assert repr(ours.ImageDataGenerator()) == "ImageDataGenerator()"
    datagen = ours.ImageDataGenerator(rotation_range=20, zoom_range=0.5, validation_split=0.2, legacy_axes=False)
    said = "rotation_range=20, zoom_range=[0.5, 1.5], validation_split=0.2, legacy_axes=False"
    assert repr(datagen) == f"ImageDataGenerator({said})"
    shifted = type("Mine", (ours.ImageDataGenerator,), {})(width_shift_range=np.array([1, 2]), dtype="float64")
    assert repr(shifted) == "Mine(width_shift_range=array([1, 2]), dtype='float64')"
    flow = datagen.flow_from_directory(folder, batch_size=3)
    assert repr(flow) == f"<DirectoryIterator of 4 images in 2 classes from {str(folder)!r}, in batches of 3>"
    rows = datagen.flow_from_dataframe(frame(), folder, class_mode=None)
    assert repr(rows) == f"<DataFrameIterator of 3 images from {str(folder)!r}, in batches of 32>"
    assert repr(datagen.flow(X)) == "<NumpyArrayIterator of 10 images of 4 x 4 x 3, in batches of 32>"
