"""Complete programs for Keras 2 (tests/examples), before and after `keras-regen migrate --write`, batch by batch.

"Before", the programs run with Keras's own legacy module; after, as they were rewritten; all with the `fit` of Keras 3,
in one thread. What is compared is what reaches the models, in every epoch of every call.

| target | what of it | tolerance |
| --- | --- | --- |
| compat | images | 1 float32 ulp of the greatest value in the batch |
| | images with samplewise or featurewise statistics | 1e-5 |
| | brightness | besides, 1 pixel in 10,000 by one grey level |
| | labels, their order, the order of the batches, names of files written | equal |
| | what was computed from these: losses, predictions | 1e-3 |
| modern, kept | all | as for compat |
| modern, a loop over `to_dataset` | all | as for compat |
| modern, fed by `to_dataset` | labels in an epoch, sizes of the batches | equal; batches: test_migrate.py |
| modern, not augmented | pixels of JPEGs | 18 grey levels; 1.5 on average |
| | pixels of PNGs | 1e-3 grey levels |
| | labels, order without shuffling, files of an epoch with shuffling | equal |
| modern, augmented | images and labels in an epoch, sizes of the batches | equal |
| | mean and standard deviation of the pixels of an epoch | 0.04 of the range, or of a standard deviation |
"""

import ast
import contextlib
import io
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

pytest.importorskip("libcst")
pytest.importorskip("matplotlib")

from keras_regen.compat.command_line import main
from keras_regen.compat.migrate.rewrite import rewrite, rewrite_notebook

from .example_runner import read
from .wav_files import tone, wav

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "tests/examples").iterdir() if path.suffix in (".py", ".ipynb"))
GREY = 1 / 255


def crops(count, size, seed):
    """Parts of photographs, as Pillow images."""
    rng = np.random.RandomState(seed)
    sources = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    for _ in range(count):
        source = Image.fromarray(sources[rng.randint(len(sources))])
        side = rng.randint(60, 200)
        left, top = rng.randint(source.width - side), rng.randint(source.height - side)
        yield source.crop((left, top, left + side, top + side)).resize(size)


def save(folder, count, seed, ending="jpg", size=(32, 32)):
    folder.mkdir(parents=True)
    for k, image in enumerate(crops(count, size, seed)):
        image.save(folder / f"{folder.name}.{k}.{ending}")


def make_data(root):
    """The folder `data` that the programs read: square pictures of the size that they ask for."""
    for k, name in enumerate(("cats", "dogs")):
        save(root / "train" / name, 24, k)
        save(root / "validation" / name, 8, 10 + k)
    save(root / "test/unknown", 10, 20)
    for k, name in enumerate(("daisy", "rose", "tulip")):
        save(root / "flowers" / name, 10, 30 + k, "png")
    (root / "images/all").mkdir(parents=True)
    (root / "masks/all").mkdir(parents=True)
    for k, image in enumerate(crops(24, (32, 32), 40)):
        image.save(root / "images/all" / f"{k}.jpg")
        image.convert("L").point(lambda level: 255 * (level > 100)).save(root / "masks/all" / f"{k}.png")
    next(crops(1, (160, 120), 50)).save(root / "photo.jpg")
    names = sorted(path.relative_to(root / "train").as_posix() for path in (root / "train").rglob("*.jpg"))
    ages = np.random.RandomState(0).uniform(0, 15, len(names)).round(1)
    breeds = [name.split("/")[0][:-1] for name in names]
    pd.DataFrame({"id": names, "breed": breeds, "age": ages}).to_csv(root / "train.csv", index=False)
    x = np.stack([np.asarray(image) for image in crops(80, (16, 16), 60)])
    y = np.arange(80).reshape(-1, 1) % 4
    np.savez(root / "patches.npz", x_train=x[:64], y_train=y[:64], x_test=x[64:], y_test=y[64:])

    make_texts_and_series(root)


WORDS = "the a film was is very not good bad great boring acting story of and but I saw it, with my Friend! never again"


def make_texts_and_series(root):
    """Reviews, a story, recordings of various lengths, and the weather."""
    rng = np.random.RandomState(1)
    lines = [" ".join(rng.choice(WORDS.split(), rng.randint(3, 14))).capitalize() + "." for _ in range(64)]
    table = {"review": lines, "sentiment": [int("good" in line or "great" in line) for line in lines]}
    pd.DataFrame(table).to_csv(root / "reviews.csv", index=False)
    (root / "story.txt").write_text(" ".join(lines[:12]), encoding="utf-8")
    for pitch, name in ((0.2, "no"), (0.7, "yes")):
        (root / "commands" / name).mkdir(parents=True)
        for number in range(8):
            samples = tone(rng.randint(500, 900), pitch=pitch) * 0.9
            (root / "commands" / name / f"{number}.wav").write_bytes(wav(samples)[0])
    days = np.arange(120)
    weather = {
        "temperature": 10 + 9 * np.sin(days / 9),
        "pressure": rng.normal(1013, 8, 120),
        "wind": rng.rand(120) * 9,
    }
    pd.DataFrame(weather).to_csv(root / "weather.csv", index=False)


@dataclass(frozen=True)
class Expected:
    """What becomes of a program.

    Args:
        listed: pairs (place, words) of what `migrate` lists for both targets.
        alone: the same, of what it lists for compat alone.
        also: the same, of what it lists for modern alone.
        fed: number of generators whose iterators are fed by `to_dataset` for modern.
        workers: those that the flows got.
        pulled: whether the batches of `to_dataset` are taken by a loop, in their order.
        images: the relative tolerance of images for compat, None for 1 ulp.
        brightness: whether pixels may be a grey level apart.
        learned: whether models train on what models computed.
        modern: how the batches of `fit`, of validation and of `predict` compare; empty if all is kept.
        pixels: the tolerance for these, in the unit of the images.
    """

    listed: tuple = ()
    alone: tuple = ()
    also: tuple = ()
    fed: int = 0
    pulled: bool = False
    workers: tuple = ()
    images: float | None = None
    brightness: bool = False
    learned: bool = False
    modern: dict = field(default_factory=dict)
    pixels: float = 0.0


DATAFRAME, FLOW = "`flow_from_dataframe` of it is used", "`flow` of it is used"
FIT_ALONE, OTHERWISE = "its iterator is used for more than `fit`", "in other ways than `flow_from_directory`"
STEPS, VALIDATION = "`steps_per_epoch` is not one pass", "`validation_steps` is not one pass"
ZIP = "a generator function around `zip` runs in Python"
WORDS_KEPT, SERIES_KEPT = "TextVectorization numbers words otherwise", "takes targets and ends otherwise"
JPEG = 18 / 255
PNG = 1e-3 / 255

EXPECTED = {
    "age_regression": Expected(also=(("13", DATAFRAME), ("14", DATAFRAME)), fed=2, brightness=True),
    "audio_commands": Expected(also=(("32", FLOW),), fed=1),
    "augmentation_preview": Expected(also=(("cell 2:1", FLOW),)),
    "autoencoder": Expected(
        alone=(("20", STEPS), ("20", VALIDATION)),
        also=(("5", "its `class_mode` has no equal"),),
        fed=1,
        workers=(4,),
    ),
    "cats_and_dogs": Expected(
        alone=(("75", STEPS), ("78", VALIDATION)), modern={"train": "augmented", "test": "in order"}, pixels=JPEG
    ),
    "char_generation": Expected(also=(("13", WORDS_KEPT),)),
    "cifar_cnn": Expected(also=(("48", "`fit` of it is used"),), fed=1, workers=(4,), images=1e-5),
    "course_exercise": Expected(
        workers=(4,), brightness=True, modern={"train": "augmented", "test": "shuffled"}, pixels=JPEG
    ),
    "feature_extraction": Expected(also=(("15", FIT_ALONE),), fed=1, pulled=True, learned=True),
    "flowers_tutorial": Expected(modern={"train": "shuffled", "test": "in order", "predict": "in order"}, pixels=PNG),
    "image_and_text": Expected(also=(("21", WORDS_KEPT), ("25", FLOW))),
    "imdb_lstm": Expected(also=(("17", WORDS_KEPT),)),
    "kaggle_breeds": Expected(also=(("cell 6:1", DATAFRAME), ("cell 10:2", DATAFRAME)), fed=2),
    "kfold": Expected(
        listed=(("61", "`metrics_names` is"),), also=(("16", DATAFRAME), ("22", DATAFRAME)), fed=2, workers=(2,)
    ),
    "mask_generator": Expected(
        alone=(("15", ZIP),), also=(("9", "of `save_to_dir`"), ("12", "of `save_to_dir`")), fed=2, pulled=True
    ),
    "predict_folder": Expected(also=(("8", "of `subset`"), ("9", "`n` of its iterator is used")), fed=2),
    "segmentation_zip": Expected(also=(("15", FIT_ALONE), ("16", FIT_ALONE), ("28", FIT_ALONE))),
    "train_script": Expected(images=1e-5, modern={"train": "augmented", "test": "in order"}, pixels=1e-4),
    "transfer_learning": Expected(
        also=(("13", "of `preprocessing_function`"), ("17", "of `preprocessing_function`")), fed=2, workers=(8,)
    ),
    "two_inputs": Expected(also=(("6", OTHERWISE), ("11", OTHERWISE))),
    "unet_data": Expected(listed=(("48", ZIP),), also=(("26", "of `save_to_dir`"), ("27", "of `save_to_dir`"))),
    "weather_forecast": Expected(also=(("15", SERIES_KEPT), ("16", SERIES_KEPT))),
    "word2vec": Expected(also=(("13", WORDS_KEPT),)),
}
MODERN = sorted(name for name, expected in EXPECTED.items() if expected.modern)
FED_PROGRAMS = sorted(name for name, expected in EXPECTED.items() if expected.fed and not expected.pulled)
PULLED = sorted(name for name, expected in EXPECTED.items() if expected.pulled)
FED = re.compile(r"^(fed by `to_dataset`), because .*")


def check_listed(found, listed):
    assert len(found) == len(listed), found
    for (where, reason), (place, words) in zip(found, listed, strict=True):
        assert where == place
        assert words in reason


def place_order(item):
    return [int(number) for number in re.findall(r"\d+", item[0])]


def test_every_example_has_expectations():
    assert [path.stem for path in EXAMPLES] == sorted(EXPECTED)
    assert len(EXAMPLES) >= 12
    assert {"shuffled", "in order", "augmented"} == {how for e in EXPECTED.values() for how in e.modern.values()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the data, the programs in before/, what `migrate --write` made of them in compat/ and modern/."""
    folder = tmp_path_factory.mktemp("examples")
    make_data(folder / "data")
    for mode in ("before", "compat", "modern"):
        (folder / mode).mkdir()
        for path in EXAMPLES:
            shutil.copy(path, folder / mode)
        if mode != "before":
            output = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(output):
                assert main(["migrate", str(folder / mode), "--write", "--target", mode]) == 0
            (folder / mode / "listed.txt").write_text(output.getvalue())
    return folder


@pytest.mark.parametrize("target", ["compat", "modern"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_text(path, target, written):
    expected = EXPECTED[path.stem]
    copy = written / target / path.name
    listed = (*expected.listed, *(expected.alone if target == "compat" else expected.also))
    lines = (written / target / "listed.txt").read_text().splitlines()
    found = [line[len(f"{copy}:") :].split(": ", 1) for line in lines if line.startswith(f"{copy}:")]
    check_listed(found, sorted(listed, key=place_order))
    new = copy.read_text(encoding="utf-8")
    again, found_again = (rewrite_notebook if path.suffix == ".ipynb" else rewrite)(new, target)
    assert again == new
    # Why one is fed by a dataset is another reason where it is.
    shorter = [[FED.sub(r"\1", reason) for _, reason in reasons] for reasons in (found_again, found)]
    assert shorter[0] == shorter[1]
    code = ast.unparse(ast.parse(read(copy)))
    old = r"\bpreprocessing(\.(image|sequence|text)| import)\b|keras_preprocessing|(fit|evaluate|predict)_generator\("
    assert not re.search(old, code.replace("keras_regen.compat", ""))
    assert re.search(old, ast.unparse(ast.parse(read(path))))
    fed = len([reason for _, reason in found if "fed by `to_dataset`" in reason])
    assert fed == (expected.fed if target == "modern" else 0)
    if target == "modern" and not expected.modern and not fed:
        same = (written / "compat" / path.name).read_text(encoding="utf-8")
        assert new == same, "what is kept does not differ, and is not run twice"


@pytest.fixture(scope="module")
def workplace(written):
    """Everything, run: mode/name.pkl is what was recorded, mode/name the folder that the program ran in."""
    modes = ("compat", f"modern:{','.join(MODERN + FED_PROGRAMS + PULLED)}", "before")
    command = [sys.executable, "-m", "tests.compat.example_runner", written, *modes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return written


def record(workplace, mode, name):
    """What was recorded, after a check that the program came to its end."""
    found = pickle.loads((workplace / mode / f"{name}.pkl").read_bytes())
    assert found["error"] is None, found["error"] + found["output"]
    return found


def leaves(data):
    """The arrays of a batch."""
    if isinstance(data, (tuple, list, dict)):
        return [leaf for part in (data.values() if isinstance(data, dict) else data) for leaf in leaves(part)]
    return [] if data is None or data.dtype == object else [data]


def check_images(got, want, expected):
    apart = np.abs(got - want)
    if expected.brightness:
        level = GREY * 1.01
        assert apart.max() < level
        assert np.mean(apart > np.spacing(np.abs(want).max())) < 1e-4
    elif expected.images is not None:
        np.testing.assert_allclose(got, want, rtol=expected.images, atol=expected.images)
    else:
        assert apart.max() <= np.spacing(np.float32(np.abs(want).max()))


@pytest.mark.parametrize(
    ("name", "target"), [*((name, "compat") for name in sorted(EXPECTED)), *((name, "modern") for name in PULLED)]
)
def test_the_same_batches(name, target, workplace):
    expected = EXPECTED[name]
    before, after = record(workplace, "before", name), record(workplace, target, name)
    assert [kind for kind, _ in after["events"]] == [kind for kind, _ in before["events"]]
    if target == "modern" and expected.learned:  # a loop without a seed: the same files, in an order of its own
        check_files_of_loops(after, before)
        return
    for (_, want), (_, got) in zip(before["events"], after["events"], strict=True):
        for one, other in zip(leaves(got), leaves(want), strict=True):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            if expected.learned:
                np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
            elif one.ndim == 4:
                check_images(one, other, expected)
            else:
                np.testing.assert_array_equal(one, other)
    assert set(after["workers"]) - {1} == set(expected.workers)
    assert before["modules"] <= {"keras"}
    assert after["modules"] <= {"keras_regen"}
    check_results(after["results"], before["results"])
    check_files(workplace / target / name, workplace / "before" / name)


def check_files_of_loops(after, before):
    """The images of each pass, not augmented, that went into `predict` batch by batch, and the shapes of the rest."""
    got, want = ([leaves(data)[0] for kind, data in one["events"] if kind == "predict"] for one in (after, before))
    assert [len(batch) for batch in got] == [len(batch) for batch in want]
    got, want = np.concatenate(got), np.concatenate(want)
    assert len(got) == 48
    for part in (slice(0, 32), slice(32, 48)):  # of 48 and 16 files
        assert len(np.unique(got[part], axis=0)) == len(np.unique(want[part], axis=0))
    files = np.unique(np.concatenate([want, got]), axis=0)
    assert len(files) <= 64


def check_results(got, want):
    """The variables of a program, by their names."""
    assert got.keys() == want.keys()
    for name in want:
        check_same(got[name], want[name], name)


def check_same(got, want, name):
    if isinstance(want, dict):
        assert list(got) == list(want), name
        for key in want:
            check_same(got[key], want[key], f"{name}[{key!r}]")
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want), name
        for k, value in enumerate(want):
            check_same(got[k], value, f"{name}[{k}]")
    elif isinstance(want, (float, np.ndarray, np.number)) and np.asarray(want).dtype.kind in "fiub":
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3, err_msg=name)
    else:
        assert np.array_equal(got, want), name


def check_files(got, want):
    """What programs wrote: the same names, and pictures that are alike."""
    files = [sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file()) for root in (got, want)]
    assert files[0] == files[1]
    for path in files[0]:
        if path.suffix in (".png", ".jpeg"):
            one, other = (np.asarray(Image.open(root / path), "float32") for root in (got, want))
            assert np.abs(one - other).mean() < 0.05


def groups(events):
    """List of pairs (kind, batches): what a model got in one epoch, or one validation, or one prediction."""
    found = []
    for kind, data in events:
        if data is None:
            found.append([])
        else:
            found[-1].append((kind, leaves(data)))
    return [(group[0][0], [batch for _, batch in group]) for group in found if group]


def joined(batches):
    """Images and labels (n, k), None without, of several batches."""
    parts = [np.concatenate(part) for part in zip(*batches, strict=True)]
    return parts[0], parts[1].reshape(len(parts[1]), -1) if len(parts) > 1 else np.zeros((len(parts[0]), 1))


def partners(got, want):
    """For every image the number of the one like it, those with the same labels being told apart by their pixels."""
    (images, labels), (others, other_labels) = got, want
    apart = np.abs(images[:, None] - others[None]).mean(axis=(2, 3, 4))
    apart[(labels[:, None] != other_labels[None]).any(axis=2)] = np.inf
    nearest = apart.argmin(axis=1)
    assert sorted(nearest) == list(range(len(others))), "other files than before"
    return nearest


def check_alike(got, want):
    """Images that are augmented, each by draws of its own."""
    assert abs(got.mean() - want.mean()) < 0.04
    assert abs(got.std() - want.std()) < 0.04


@pytest.mark.parametrize("name", FED_PROGRAMS)
def test_fed_by_datasets(name, workplace):
    """The same images in every epoch. `fit` shuffles the batches of an iterator, and so draws in another order."""
    before, after = (groups(record(workplace, mode, name)["events"]) for mode in ("before", "modern"))
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    for (_, batches), (_, others) in zip(after, before, strict=True):
        assert sorted(len(batch[0]) for batch in batches) == sorted(len(batch[0]) for batch in others)
        (images, labels), (wanted, wanted_labels) = joined(batches), joined(others)
        assert images.dtype == wanted.dtype
        check_alike(images, wanted)
        if labels.shape[1] == images[0].size:  # of class_mode="input"
            np.testing.assert_array_equal(labels, images.reshape(labels.shape))
            continue
        np.testing.assert_array_equal(np.sort(labels, axis=0), np.sort(wanted_labels, axis=0))
    results = [record(workplace, mode, name)["results"] for mode in ("before", "modern")]
    assert results[0].keys() <= results[1].keys()


@pytest.mark.parametrize("name", MODERN)
def test_modern(name, workplace):
    expected = EXPECTED[name]
    before, after = (groups(record(workplace, mode, name)["events"]) for mode in ("before", "modern"))
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    assert {kind for kind, _ in after} == set(expected.modern)
    for (kind, batches), (_, others) in zip(after, before, strict=True):
        how = expected.modern[kind]
        sizes = [[len(batch[0]) for batch in part] for part in (batches, others)]
        if how != "in order":  # `fit` shuffles batches of a `PyDataset`, the smaller one among them
            sizes = [sorted(part) for part in sizes]
        assert sizes[0] == sizes[1]
        got, want = joined(batches), joined(others)
        assert got[0].dtype == want[0].dtype
        np.testing.assert_array_equal(*(np.sort(labels.sum(axis=0)) for _, labels in (got, want)))
        if how == "augmented":
            check_alike(got[0], want[0])
            continue
        order = partners(got, want)
        if how == "in order":
            np.testing.assert_array_equal(order, np.arange(len(order)))
        apart = np.abs(got[0] - want[0][order])
        assert apart.max() <= expected.pixels
        assert apart.mean() <= max(expected.pixels / 12, np.finfo("float32").eps)
    results = [record(workplace, mode, name)["results"] for mode in ("before", "modern")]
    assert results[0].keys() <= results[1].keys()
