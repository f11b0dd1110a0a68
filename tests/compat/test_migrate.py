"""`keras-regen migrate`: a table of what must not change, tables of what must, and the files around them."""

import ast
import importlib
import io
import json
import pathlib
import re
import textwrap
import tokenize
import warnings
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keras.src.trainers.epoch_iterator import EpochIterator
from PIL import Image

pytest.importorskip("libcst")

import keras_regen.compat.image
from keras_regen import layers
from keras_regen.compat.migrate.names import EXPORTS
from keras_regen.compat.migrate.rewrite import rewrite, rewrite_notebook

CASES = pathlib.Path(__file__).parent / "migrate_cases"
IMPORT = "from keras.preprocessing.image import ImageDataGenerator"
OURS = "from keras_regen.compat import ImageDataGenerator"


@dataclass(frozen=True)
class Case:
    """A program, what becomes of it, and (line, words) of what is listed."""

    title: str
    before: str
    after: str
    listed: tuple

    def __str__(self):
        return self.title


def read_cases(name):
    """The cases of a file: "#### title", a program, "----" and the new program if there is one, "> line: words".

    A first case "prelude" stands before all programs that do not have it; lines are counted after it.
    """
    _, *parts = re.split(r"^#### (.*)\n", (CASES / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    prelude = ""
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        before, _, after = re.sub(r"^> .*\n", "", body, flags=re.MULTILINE).partition("----\n")
        if title == "prelude":
            prelude = before
            continue
        shift = prelude.count("\n")
        listed = re.findall(r"^> (\d+): (.*)\n", body, flags=re.MULTILINE)
        listed = tuple((str(int(line) + shift), words) for line, words in listed)
        first = prelude.split("\n", 1)[0] + "\n"
        after = after if prelude and first in after else prelude + after
        yield Case(title, prelude + before, after, listed)


UNCHANGED = list(read_cases("unchanged.txt"))
KEPT_CASES = list(read_cases("kept.txt"))
FILES = ("imports", "calls", "passes", "text_sequence", "keras_1", "own_generators", "repairs")
COMPAT = [case for name in FILES for case in read_cases(f"{name}.txt")]
MODERN = [case for name in ("modern", "modern_imports", "fed_datasets") for case in read_cases(f"{name}.txt")]


def check(found, listed):
    assert len(found) == len(listed), found
    for (where, reason), (line, words) in zip(found, listed, strict=True):
        assert where == line
        assert words in reason


def comments(text):
    return sorted(t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT)


def test_tables_are_long_and_have_no_case_twice():
    assert len(UNCHANGED) >= 150
    assert len(COMPAT) + len(MODERN) >= 350
    for cases in (UNCHANGED, KEPT_CASES, COMPAT, MODERN):
        assert len({case.before for case in cases}) == len({case.title for case in cases}) == len(cases)


@pytest.mark.parametrize("case", UNCHANGED, ids=str)
def test_unchanged(case):
    new, found = rewrite(case.before)
    assert new == case.before
    check(found, case.listed)


@pytest.mark.parametrize(("case", "target"), [(c, "compat") for c in COMPAT] + [(c, "modern") for c in MODERN], ids=str)
def test_changed(case, target):
    new, found = rewrite(case.before, target)
    assert new == case.after
    check(found, case.listed)
    assert new != case.before
    ast.parse(new)
    assert rewrite(new, target)[0] == new
    assert set(comments(case.before)) <= set(comments(new))


@pytest.mark.parametrize("case", KEPT_CASES, ids=str)
def test_kept(case):
    new, found = rewrite(case.before, "modern")
    assert new == case.before
    check(found, case.listed)


def test_of_several_stars_the_one_that_can_have_it_has_it():
    stars = "from keras.models import *\nfrom keras.preprocessing.image import *\nfrom numpy import *\n"
    use = "train = ImageDataGenerator().flow(x, y)\nmodel.fit({})\n"
    ours = stars.replace("keras.preprocessing", "keras_regen.compat") + "from keras_regen.compat import to_dataset\n"
    new, _ = rewrite(stars + use.format("train"), "modern")
    assert sorted(new.splitlines()) == sorted((ours + use.format("to_dataset(train)")).splitlines())
    unknown = "from own import *\n" + stars + use.format("train")
    assert "to_dataset" not in rewrite(unknown, "modern")[0]


@pytest.mark.parametrize(
    ("home", "program", "new"),
    [
        (
            "train = ImageDataGenerator(rescale=2).flow_from_directory('a')\n",
            "from data import train\nmodel.fit(train, epochs=3)\n",
            "from data import train\nfrom keras_regen.compat import to_dataset\n"
            "model.fit(to_dataset(train), epochs=3)\n",
        ),
        (
            "def load():\n    g = ImageDataGenerator(rescale=2)\n    return g.flow(x), g.flow(y)\n",
            "import keras\nfrom data import *\na, b = load()\n"
            "model.fit_generator(a, validation_data=b, steps_per_epoch=9)\n",
            "import keras\nfrom data import *\nfrom keras_regen.compat import to_dataset\na, b = load()\n"
            "model.fit(to_dataset(a, repeat=True), validation_data=to_dataset(b), steps_per_epoch=9)\n",
        ),
        (
            "def load():\n    g = ImageDataGenerator(rescale=2)\n    return zip(g.flow(x), g.flow(y))\n",
            "from data import load as make\nkeras.model.fit(make(), steps_per_epoch=3)\n",
            "from data import load as make\nfrom keras_regen.compat import to_dataset\n"
            "keras.model.fit(to_dataset(make(), repeat=True), steps_per_epoch=3)\n",
        ),
        ("train = 3\ntrain = ImageDataGenerator().flow(x)\n", "from data import train\nkeras.model.fit(train)\n", None),
        ("train = ImageDataGenerator().flow(x)\n", "from other import train\nkeras.model.fit(train)\n", None),
        (
            "train = ImageDataGenerator().flow(x)\n",
            "from data import train\nto_dataset = 3\nkeras.model.fit(train)\n",
            None,
        ),
        (  # an epoch has no end that is known, and a seed would give the same order again
            "train = ImageDataGenerator().flow(x, seed=1)\n",
            "from data import train\nfor k in range(3):\n    keras.model.fit(train, steps_per_epoch=9)\n",
            None,
        ),
    ],
)
def test_what_modules_beside_make_is_fed_by_a_dataset(home, program, new):
    texts = {"data": f"{IMPORT}\n{home}"}
    found, _ = rewrite(program, "modern", beside=texts.get)
    assert found == (new or program)
    assert rewrite(found, "modern", beside=texts.get)[0] == found
    stays = texts["data"].replace(IMPORT, OURS)
    if "zip" in home:  # it may be for a model of a file that is not known
        install = "keras_regen.compat.install()  # keras-regen: gives back what this file uses of Keras 2"
        stays = f"import keras_regen.compat\n{install}\n{stays}"
    assert rewrite(texts["data"], "modern")[0] == stays


def test_what_other_files_import_stays_an_iterator():
    program = f"{IMPORT}\ntrain = ImageDataGenerator().flow_from_directory('a')\nmodel.fit(train)\n"
    others = {"*": program + "from here import (\n    model, train)\n"}
    new, found = rewrite(program, "modern", beside=others.get)
    assert "model.fit(to_dataset(train))" in new
    check(found, [("2", "another file imports its iterator")])
    assert "image_dataset_from_directory" in rewrite(program, "modern", beside={"*": program}.get)[0]


def test_why_a_generator_is_kept_names_a_section_of_the_guide():
    guide = (CASES.parent.parent.parent / "migration_guide" / "README.md").read_text(encoding="utf-8")
    ending = re.compile(r"kept, because .*\. See migration_guide: (.*)$")
    reasons = [reason for case in KEPT_CASES for _, reason in rewrite(case.before, "modern")[1]]
    sections = {match[1] for reason in reasons if (match := ending.match(reason))}
    assert sections == {"Layers in place of arguments", "Staying with Keras's loader"}
    assert all(f"\n## {section}\n" in guide for section in sections)


@pytest.mark.parametrize(
    ("before", "name", "page", "section"),
    [
        ("from keras.preprocessing.text import Tokenizer as T\n\nt = T(num_words=9)\n", "T(", "text", "As a layer"),
        (
            "import tensorflow as tf\n\ng = tf.keras.preprocessing.sequence.TimeseriesGenerator(x, y, 3)\n",
            "TimeseriesGenerator(",
            "sequences",
            "With Keras's own function",
        ),
    ],
)
def test_texts_and_series_are_kept_and_a_section_is_named(before, name, page, section):
    new, found = rewrite(before, "modern")
    ((where, reason),) = found
    assert name in before.splitlines()[int(where) - 1]
    assert reason.endswith(f". See migration_guide: {section}")
    assert new == rewrite(before)[0]
    assert rewrite(new, "modern")[0] == new
    text = (CASES.parent.parent.parent / "migration_guide" / f"{page}.md").read_text(encoding="utf-8")
    assert f"\n## {section}\n" in text
    for other in (
        "from x import Tokenizer\nTokenizer()",
        "from keras.preprocessing.text import one_hot\none_hot(a, 3)",
    ):
        assert "kept" not in rewrite(other, "modern")[0]


def test_the_guide_has_the_message_of_keras_about_steps():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        EpochIterator._interrupted_warning(None)
    guide = (CASES.parent.parent.parent / "migration_guide" / "commands.md").read_text(encoding="utf-8")
    assert f"```text\n{caught[0].message}\n```" in guide


@pytest.mark.parametrize("target", ["compat", "modern"])
@pytest.mark.parametrize("case", [*COMPAT[::7], *MODERN[::7]], ids=str)
def test_line_endings_stay(case, target):
    new, _ = rewrite(case.before, target)
    foreign, _ = rewrite(case.before.replace("\n", "\r\n"), target)
    assert foreign == new.replace("\n", "\r\n")


def test_no_newline_at_the_end_stays_so():
    assert rewrite("from keras.preprocessing import timeseries, image")[0] == (
        "from keras.preprocessing import timeseries\nfrom keras_regen.compat import image"
    )
    assert rewrite("x = 1\r\nimport keras\r\ny = keras.preprocessing.image")[0] == (
        "x = 1\r\nimport keras\r\nimport keras_regen.compat.image\r\ny = keras_regen.compat.image"
    )


@pytest.mark.parametrize("end", ["\n\n\n", "\n   \n\n      \n", "\n    ", "\r\n \r\n\t", "\n    # end\n  \n  "])
def test_white_space_at_the_end_stays(end):
    assert rewrite(IMPORT + end)[0] == OURS + end


def test_form_feeds_and_mixed_line_endings_stay():
    text = "import os\r\n\f\nfrom keras.preprocessing.image import load_img\n\f\r\nx = 1\n"
    assert rewrite(text)[0] == text.replace("keras.preprocessing", "keras_regen.compat")


@pytest.mark.parametrize("line", ["print 'x'", "np.random.seed(07)", "f = lambda (a, b): a"])
def test_python_2_is_an_error(line):
    with pytest.raises(ValueError, match=r"does not parse as Python 3 \(line 3\): it is Python 2"):
        rewrite(f"{IMPORT}\nx = 1\n{line}\n")


@pytest.mark.parametrize("function", [rewrite, rewrite_notebook])
def test_unknown_target_is_an_error(function):
    with pytest.raises(ValueError, match=r"`target` must be one of .*Received: 'keras4'"):
        function("", "keras4")


def test_exports_are_those_of_the_modules():
    for name, exported in EXPORTS.items():
        module = importlib.import_module(f"keras_regen.compat.{name}")
        assert exported == set(module.__all__), name


BLOCKS = [
    "{}",
    "def f():\n{}",
    "if x:\n{}\nelse:\n{}",
    "try:\n{}\nfinally:\n    pass",
    "class A:\n    def f(self):\n{}",
    "for x in y:\n{}",
    "with x:\n{}",
    "async def f():\n    while x:\n{}",
]
SNIPPETS = [case.before for case in [*UNCHANGED, *COMPAT, *MODERN, *KEPT_CASES] if case.before.strip()]


@st.composite
def programs(draw):
    parts = []
    for snippet in draw(st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=3)):
        block = draw(st.sampled_from(BLOCKS))
        unit = draw(st.sampled_from(["    ", "\t", "  "]))
        depth = (block.split("{}")[0].count("\n") and 1) + block.startswith(("class", "async"))
        comment = draw(st.sampled_from(["", "# before\n", "\n\n# 前 # é\n"]))
        inside = textwrap.indent(f"{comment}{snippet}pass  # end", unit * depth, lambda line: True)
        parts.append(block.replace("    ", unit).replace("{}", inside))
    text = "\n".join(parts) + draw(st.sampled_from(["", "\n", "\n# last"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


FINITE = """import numpy as np
def load(n):
    for k in range(n):
        x = read(k)
        x = np.reshape(x, (1, 4))
        yield x
def pairs(n, batch_size=4):
    for k in range(n):
        yield np.zeros(3), 1
"""
NETS = """
def make():
    model.compile('sgd', 'mse', metrics=['accuracy'])
ModelCheckpoint("net.hdf5", monitor='val_loss', verbose=1, save_best_only=True)
ModelCheckpoint('done.h5', 'val_loss', 1, True)
ModelCheckpoint(filepath='best.hdf5', save_weights_only=True)
ModelCheckpoint('place.hdf5', 'val_loss', 1, True, True)
ModelCheckpoint('asked.hdf5', save_weights_only=args.weights)
model.save_weights("first.h5")
"""
BESIDE = {"data": FINITE, "nets": NETS, "other": "", "*": NETS}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from data import *\nmodel.predict_generator(load(3), 3)", "model.predict(((x,) for x in load(3)), steps=3)"),
        ("from other import *\nfrom data import *\nx = load(3)\nmodel.predict(x)", "model.predict(((x,) for x in x))"),
        ("from data import load as g\nmodel.predict(g(3))", "model.predict(((x,) for x in g(3)))"),
        ("from data import pairs\nmodel.predict(pairs(3))", "model.predict(pairs(3))"),
        (
            "from data import pairs\nmodel.fit_generator(pairs(9), samples_per_epoch=20, nb_epoch=3)",
            "model.fit(pairs(9), steps_per_epoch=5, epochs=3)",
        ),
        (
            "from data import *\nmodel.fit_generator(pairs(9, args.size), samples_per_epoch=args.count)",
            "model.fit(pairs(9, args.size), steps_per_epoch=-(-args.count // args.size))",
        ),
        ("from absent import load\nmodel.predict(load(3))", "model.predict(load(3))"),
        ("from data import load\nif y:\n    load = z\nmodel.predict(load(3))", "model.predict(load(3))"),
        ("from nets import make\nlog = make().fit(x).history\nlog['val_acc']", "log['val_accuracy']"),
        ("from nets import make\nmodel.compile(metrics=['acc'])\nhist.history['acc']", "hist.history['acc']"),
        ("from data import load\nhist.history['acc']", "hist.history['accuracy']"),
        ("model.load_weights('net.hdf5')", "model.load_weights('net.h5')"),
        ("load_model('done.hdf5')", "load_model('done.h5')"),
        ("model.load_weights('best.hdf5')", "model.load_weights('best.weights.h5')"),
        ("model.load_weights('first.h5')", "model.load_weights('first.weights.h5')"),
        ("model.load_weights('place.hdf5')", "model.load_weights('place.hdf5')"),
        ("model.load_weights('asked.hdf5')", "model.load_weights('asked.hdf5')"),
        ("model.load_weights('others.hdf5')", "model.load_weights('others.hdf5')"),
    ],
)
def test_the_modules_beside_a_program_are_read(before, after):
    new, _ = rewrite(f"import keras\n{before}\n", beside=BESIDE.get)
    *above, last = new.splitlines()
    assert last == after
    wanted = f"import keras\n{before}".splitlines()[:-1]
    assert above[-len(wanted) :] == wanted


def test_weights_that_are_read_by_names_keep_their_files():
    """Whoever reads them, and whatever else is in the same folder."""
    beside = {"*": 'a.save_weights("a.h5")\nb.load_weights("a.h5", by_name=True)\na.save_weights("b.h5")\n'}.get
    for line in (
        'model.save_weights("a.h5")',
        'model.load_weights("a.h5", by_name=True)',
        'model.load_weights("b.h5")',
    ):
        new, found = rewrite(f"import keras\n{line}\n", beside=beside)
        assert new.splitlines()[-2:] == ["import keras", line]
        assert len(found) == ("b.h5" not in line) == ("keras_regen.compat.install()" in new)


def test_a_decay_stays_where_a_module_beside_sets_the_learning_rate():
    made = "from keras.optimizers import Adam\nmodel.compile(Adam(0.1, decay=1e-6))\n"
    trained = made + "model.fit(x, y)\n"
    beside = {"*": "from keras.callbacks import LearningRateScheduler\n"}.get
    new, found = rewrite(made, beside=beside)
    assert new.endswith(made) and "keras_regen.compat.install()" in new and len(found) == 1
    for text, others in ((trained, beside), (made, {"*": "import keras\n"}.get), (made, None)):
        new, found = rewrite(text, beside=others)
        assert "Adam(InverseTimeDecay(0.1, 1, 1e-6))" in new and not found


def test_metrics_of_the_modules_beside():
    """Their targets are cast where they are defined, and they keep their names where a model is compiled."""
    metric = (
        "from tensorflow.keras import backend as K\ndef PSNR(y_true, y_pred):\n    {}return K.mean(y_pred - y_true)\n"
    )
    compiled = "from keras.models import Sequential\nfrom nets import PSNR\nmodel.compile('sgd', metrics=[{}, 'mae'])\n"
    before, after = compiled.format("PSNR"), compiled.format('MeanMetricWrapper(PSNR, name="PSNR")')
    added = "from keras.metrics import MeanMetricWrapper\nfrom nets"
    assert rewrite(before, beside={"nets": metric}.get) == (after.replace("from nets", added), [])
    assert rewrite(before, beside={"nets": "PSNR = Metric()"}.get) == (before, [])
    cast = "y_true = K.cast(y_true, y_pred.dtype)\n    "
    assert rewrite(metric.format(""), beside={"*": before}.get) == (metric.format(cast), [])
    assert rewrite(metric.format(""), beside={"*": before.replace("PSNR", "SSIM")}.get) == (metric.format(""), [])


MATCH = """match module:
    case {"keras": keras}:
        keras.preprocessing.image.load_img
train = ImageDataGenerator(rescale=1 / 255).flow_from_directory("a")
model.fit(train)
"""


@settings(deadline=None, max_examples=60)
@example(f"{IMPORT}\n{MATCH}", "modern")
@given(programs(), st.sampled_from(["compat", "modern"]))
def test_programs_of_snippets_parse_and_do_not_change_again(text, target):
    ast.parse(text)
    new, _ = rewrite(text, target)
    ast.parse(new)
    assert rewrite(new, target)[0] == new
    assert set(comments(text.replace("\r\n", "\n"))) <= set(comments(new.replace("\r\n", "\n")))
    if "\r\n" in text:
        assert "\n" not in new.replace("\r\n", "")


# What the new programs do


def constructors(text, name):
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if getattr(call.func, "id", "") == name]


@pytest.mark.parametrize("case", [c for c in MODERN if "ImageDataGenerator(" not in c.after], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_layers_are_those_of_to_layers(case):
    names = {"keras": keras, "ANGLE": 20, "ImageDataGenerator": keras_regen.compat.ImageDataGenerator}
    before = re.sub(r"\b(?:\w+\.)*(?:IDG|ImageDataGenerator)\(", "ImageDataGenerator(", case.before)
    old, new = constructors(before, "ImageDataGenerator"), constructors(case.after, "Pipeline")
    assert len(old) == len(new) > 0
    for generator, pipeline in zip(old, new, strict=True):
        expected = eval(generator, names).to_layers().layers or [keras.layers.Rescaling(1.0)]
        found = eval(pipeline, {**vars(layers), "keras": keras}, names).layers
        assert [type(layer) for layer in found] == [type(layer) for layer in expected]
        for layer, other in zip(found, expected, strict=True):
            config, wanted = ({**one.get_config(), "name": None} for one in (layer, other))
            if config.get("fill_mode") not in (None, "constant"):
                config["fill_value"] = wanted["fill_value"] = None  # not used
            assert config == wanted


@pytest.mark.parametrize(
    "arguments", ["rotation_range=30", "featurewise_center=True", "preprocessing_function=lambda image: image / 2"]
)
def test_fed_datasets_hold_the_batches_of_the_iterator(arguments):
    program = (
        "from keras.preprocessing.image import ImageDataGenerator\n"
        f"generator = ImageDataGenerator({arguments})\n"
        "generator.fit(x)\n"
        "train = generator.flow(x, y, batch_size=3, seed=1)\n"
        "print(train.n)\n"
        "model.fit_generator(train, 5, epochs=2)\n"
    )
    x, fed = np.random.default_rng(0).uniform(0, 255, (7, 6, 4, 3)), []
    for target in ("compat", "modern"):
        names = {"model": Model(), "x": x, "y": np.arange(7)}
        exec(rewrite(program, target)[0], names)
        fed.append(names["model"].fed)
    assert not isinstance(fed[1], keras.utils.PyDataset)
    for (images, labels), (found, found_labels) in zip((next(fed[0]) for _ in range(6)), fed[1].take(6), strict=True):
        np.testing.assert_array_equal(found, images)
        np.testing.assert_array_equal(found_labels, labels)


@pytest.mark.parametrize("seed", ["seed=1", ""])
def test_each_dataset_goes_on_where_the_one_before_ended(seed):
    program = (
        "from keras.preprocessing.image import ImageDataGenerator\n"
        f"train = ImageDataGenerator(rotation_range=30).flow(x, y, batch_size=3, {seed})\n"
        "for epochs in (2, 1):\n    model.fit_generator(train, epochs=epochs)\n"
        "def again():\n    model.fit(train)\n"
        "again()\n"
    )

    class Trained:
        def fit(self, data, epochs=1):
            for _ in range(epochs):
                if isinstance(data, keras.utils.PyDataset):
                    batches.extend(next(data) for _ in range(len(data)))
                else:
                    batches.extend(data.as_numpy_iterator())

    found = []
    for target in ("compat", "modern"):
        batches = []
        np.random.seed(3)
        new, _ = rewrite(program, target)
        assert new.count("fit(to_dataset(train)") == (2 if target == "modern" else 0)
        exec(new, {"model": Trained(), "x": np.random.default_rng(0).uniform(0, 255, (7, 6, 4, 3)), "y": np.arange(7)})
        found.append(batches)
    assert [len(batches) for batches in found] == [12, 12]
    for (images, labels), (wanted, wanted_labels) in zip(*found, strict=True):
        np.testing.assert_array_equal(images, wanted)
        np.testing.assert_array_equal(labels, wanted_labels)


class Model:
    """Keeps what it is fed."""

    def fit(self, x, **_):
        self.fed = x


@pytest.mark.parametrize(
    ("arguments", "ending", "size", "tolerance"),
    [
        ("", "png", 40, 0),
        ("", "bmp", 40, 0),
        ("class_mode='sparse', batch_size=3", "png", 40, 0),
        ("class_mode='binary', color_mode='grayscale'", "png", 40, 1),  # another rounding of the grey
        ("classes=['b', 'a']", "png", 20, 0),
        ("keep_aspect_ratio=True", "png", 20, 0),
        ("", "jpg", 40, 18),
    ],
)
def test_datasets_hold_the_images_of_the_iterator(arguments, ending, size, tolerance, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, count in (("a", 3), ("b", 4)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(count):
            pixels = Image.fromarray(random.integers(0, 256, (10, 10, 3), "uint8")).resize((40, 40), 3)
            pixels.save(f"photos/{name}/{k}.{ending}")
    program = (
        "from keras.preprocessing.image import ImageDataGenerator\n"
        "generator = ImageDataGenerator(rescale=1 / 2)\n"
        f"train = generator.flow_from_directory('photos', ({size}, {size}), shuffle=False, {arguments})\n"
        "model.fit_generator(train)\n"
    )
    fed = []
    for target in ("compat", "modern"):
        names = {"model": Model()}
        exec(rewrite("import keras\n" + program, target)[0], names)
        fed.append(names["model"].fed)
    iterator, dataset = fed
    assert dataset.class_names == list(iterator.class_indices)
    batches = [next(iterator) for _ in range(len(iterator))]
    for (x, y), (images, labels) in zip(batches, dataset, strict=True):
        assert images.dtype == x.dtype
        np.testing.assert_allclose(images, x, rtol=0, atol=tolerance / 2)
        np.testing.assert_array_equal(np.reshape(labels, y.shape), y)


@pytest.mark.filterwarnings("ignore")
def test_a_zip_of_flows_trains():
    x = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 1)).astype("float32")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)])
    model.compile("sgd", "mse")
    program = (
        "from keras.preprocessing.image import ImageDataGenerator\n"
        "a = ImageDataGenerator().flow(x, seed=1, batch_size=4)\n"
        "b = ImageDataGenerator().flow(x, seed=1, batch_size=4)\n"
        "both = zip(a, b)\n"
        "model.fit_generator(both, steps_per_epoch=5, nb_epoch=2)\n"
    )
    exec(rewrite("import keras\n" + program)[0], {"x": x, "model": model})
    assert len(model.history.history["loss"]) == 2


# Notebooks


def notebook(*sources, **metadata):
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def sources(text):
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (IMPORT, OURS),
        (f"%matplotlib inline\n{IMPORT}", f"%matplotlib inline\n{OURS}"),
        (f"!pip install keras \\\n  --upgrade\n{IMPORT}\n", f"!pip install keras \\\n  --upgrade\n{OURS}\n"),
        (f"%%time\n{IMPORT}", f"%%time\n{OURS}"),
        (f"\n%%capture out\n\n{IMPORT}", f"\n%%capture out\n\n{OURS}"),
        (f"%%bash\n{IMPORT}", f"%%bash\n{IMPORT}"),
        (f"%%writefile a.py\n{IMPORT}\nx = (", f"%%writefile a.py\n{IMPORT}\nx = ("),
        (f"files = !ls é\n{IMPORT}", f"files = !ls é\n{OURS}"),
        (f"t = %timeit -o f()\n{IMPORT}", f"t = %timeit -o f()\n{OURS}"),
        (f"?model\nmodel??\nhelp.me?\n{IMPORT}", f"?model\nmodel??\nhelp.me?\n{OURS}"),
        (f"if x:\n    !ls\n    {IMPORT}", f"if x:\n    !ls\n    {OURS}"),
        (f"if x:\n    !ls 图像\n{IMPORT}  # é", f"if x:\n    !ls 图像\n{OURS}  # é"),
        (f"for x in y:\n\t%cd ..\n{IMPORT}", f"for x in y:\n\t%cd ..\n{OURS}"),
        (f"x = ('a %s'\n     % b)\n{IMPORT}", f"x = ('a %s'\n     % b)\n{OURS}"),
        (f's = """\n%d\n!\n"""\n{IMPORT}', f's = """\n%d\n!\n"""\n{OURS}'),
        (f"await f()\n{IMPORT}", f"await f()\n{OURS}"),
        (f"# {IMPORT}\n'{IMPORT}'", f"# {IMPORT}\n'{IMPORT}'"),
        (
            "from keras.preprocessing import image, timeseries",
            "from keras.preprocessing import timeseries\nfrom keras_regen.compat import image",
        ),
    ],
)
@pytest.mark.parametrize("lines", [True, False])
def test_cells(cell, expected, lines):
    text = json.dumps(notebook(cell.splitlines(keepends=True) if lines else cell), indent=1)
    new, found = rewrite_notebook(text)
    assert sources(new) == [expected]
    listed = "a line that is not Python uses legacy names: left alone"
    assert found == ([("cell 1:2", listed)] if cell.startswith(("%%bash", "%%writefile")) else [])
    assert rewrite_notebook(new)[0] == new


@pytest.mark.parametrize("options", [{"indent": 1}, {"indent": 2}, {"indent": "\t"}, {}, {"separators": (",", ":")}])
@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("ending", ["\n", "", "\r\n"])
def test_json_around_the_changed_lines_stays(options, ensure_ascii, ending):
    cells = [
        "a = 'é'\n",
        IMPORT + "\n",
        "b = '\\u00e9'  # \"\n",
        "from keras.preprocessing import timeseries, image\n",
        "c = 1",
    ]
    book = notebook(cells, "".join(cells), language_info={"name": "python"}, zeta=1, alpha=[1.0, 1e5, "é"])
    book["cells"][0]["outputs"] = [{"data": {"text/plain": [IMPORT]}, "output_type": "display_data"}]
    text = json.dumps(book, ensure_ascii=ensure_ascii, **options).replace("100000.0", "1e5") + ending
    new, _ = rewrite_notebook(text)
    cells[1] = OURS + "\n"
    cells[3:4] = ["from keras.preprocessing import timeseries\n", "from keras_regen.compat import image\n"]
    book["cells"][0]["source"], book["cells"][1]["source"] = cells, "".join(cells)
    assert new == json.dumps(book, ensure_ascii=ensure_ascii, **options).replace("100000.0", "1e5") + ending


def test_cells_are_one_program():
    text = json.dumps(
        notebook(
            "from keras.preprocessing import image",
            "generator = image.ImageDataGenerator()",
            "train = generator.flow(x)",
            "model.fit_generator(train, 10, workers=2)",
            "print 'a broken cell'",
            "print 'a broken cell' # of ImageDataGenerator",
            "tf.keras.preprocessing.image.load_img('x')",
        )
    )
    new, found = rewrite_notebook(text)
    assert sources(new) == [
        "from keras_regen.compat import image",
        "generator = image.ImageDataGenerator()",
        "train = generator.flow(x, workers=2)",
        "model.fit(train, steps_per_epoch=10)",
        "print 'a broken cell'",
        "print 'a broken cell' # of ImageDataGenerator",
        "tf.keras.preprocessing.image.load_img('x')",
    ]
    check(found, [("cell 4:1", "`steps_per_epoch` is not one"), ("cell 6:1", "the cell does not parse as Python 3")])


def test_modern_notebooks():
    text = json.dumps(
        notebook(
            [IMPORT],
            ["# the data\n", "generator = ImageDataGenerator(rotation_range=20)\n", "x"],
            ["other = ImageDataGenerator(zca_whitening=True)"],
            ["train = generator.flow_from_directory('a')"],
            ["model.fit(train)"],
        )
    )
    new, found = rewrite_notebook(text, "modern")
    assert sources(new)[1] == "# the data\ngenerator = Pipeline([RandomAffine(rotation=20)])\nx"
    check(found, [("cell 3:1", "kept, because it is not used in this file")])
    assert rewrite_notebook(new, "modern")[0] == new


def test_what_lines_of_ipython_use_stays():
    cells = (
        "from tensorflow.keras import preprocessing\nfrom keras.preprocessing.image import ImageDataGenerator",
        "generator = ImageDataGenerator()\ntrain = generator.flow_from_directory('a')\nmodel.fit(train)",
        "x = 1\n%timeit next(train); preprocessing.image.load_img('a')",
        "preprocessing.image.load_img('a')",
    )
    new, found = rewrite_notebook(json.dumps(notebook(*cells)), "modern")
    assert sources(new) == [
        "from tensorflow.keras import preprocessing\nimport keras_regen.compat.image\n"
        + OURS
        + "\nfrom keras_regen.compat import to_dataset",
        cells[1].replace("fit(train)", "fit(to_dataset(train))"),
        cells[2],
        "keras_regen.compat.image.load_img('a')",
    ]
    assert [where for where, _ in found] == ["cell 2:1", "cell 3:2"]
    assert "`train` is used in a line that is not Python" in found[0][1]


def test_a_half_of_a_surrogate_pair_is_listed():
    text = json.dumps(notebook("x = '\ud83d'  # ImageDataGenerator", IMPORT))
    new, found = rewrite_notebook(text)
    assert sources(new)[1] == OURS
    assert found == [("cell 1:1", "the cell does not parse as Python 3")]


def test_findings_count_cells_and_lines():
    cells = notebook("x = 1", "a\n\nimportlib.import_module('keras.preprocessing.image')")
    cells["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": IMPORT})
    text = json.dumps(cells)
    new, found = rewrite_notebook(text)
    assert new == text
    assert found == [("cell 3:3", "a string names `keras.preprocessing.image`: left alone")]


def test_notebooks_in_other_languages_stay():
    text = json.dumps(notebook(IMPORT, kernelspec={"language": "R", "name": "ir"}))
    assert rewrite_notebook(text) == (text, [])


@pytest.mark.parametrize("text", ['{"ImageDataGenerator": 1}', '["ImageDataGenerator"]', '{"ImageDataGenerator'])
def test_what_is_no_notebook_is_an_error(text):
    with pytest.raises(ValueError, match=r"notebook of format 4|Unterminated string"):
        rewrite_notebook(text)


def test_new_notebooks_are_valid():
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(IMPORT), nbformat.v4.new_markdown_cell(IMPORT)])
    new, _ = rewrite_notebook(nbformat.writes(book))
    nbformat.validate(nbformat.reads(new, 4))
    assert sources(new) == [OURS, IMPORT]
