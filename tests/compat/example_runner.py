"""Run the example scripts in one process and write down every batch that reached a model: for test_examples.py.

`python -m tests.compat.example_runner FOLDER MODE[:NAME,...] ...`: the scripts are FOLDER/MODE/*.py and .ipynb, their
data FOLDER/data, and what was recorded FOLDER/MODE/*.pkl. MODE "before", which must be the last, puts Keras's own
legacy module under the old paths.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import pathlib
import pickle
import random
import sys
import time
import traceback
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras.src.trainers.data_adapters import py_dataset_adapter

OLD = ("keras", "tensorflow.keras", "keras._tf_keras.keras")
QUEUE = ("workers", "use_multiprocessing", "max_queue_size")


def without_reading_ahead(dataset, *_, **__):
    """The dataset, which gives a batch when it is asked for it, not sooner."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return dataset.with_options(options)


def put_legacy_back():
    """What the old code asks for: the legacy module under its paths, and the calls that Keras 3 no longer takes.

    The methods are turned into those of Keras 3 in the simplest way, by nothing of ours.
    """
    from keras.src.legacy.preprocessing import image, sequence, text

    image.Iterator.next = image.Iterator.__next__
    # Its `skipgrams` asks for an integer up to 10e6, which Python takes no more from 3.12 on.
    whole = {"randint": lambda low, high: random.randint(int(low), int(high))}
    sequence.random = types.SimpleNamespace(**{**vars(random), **whole})
    for package in OLD:
        preprocessing = importlib.import_module(f"{package}.preprocessing")
        for legacy in (image, sequence, text):
            kind = legacy.__name__.rpartition(".")[2]
            path = f"{package}.preprocessing.{kind}"
            try:
                module = importlib.import_module(path)
            except ModuleNotFoundError:
                module = sys.modules[path] = types.ModuleType(path)
            for name, value in vars(legacy).items():
                if not name.startswith("_") and not hasattr(module, name):
                    setattr(module, name, value)
            setattr(preprocessing, kind, module)
        importlib.import_module(package).preprocessing = preprocessing
    sys.modules["keras_preprocessing"] = keras.preprocessing
    for kind in ("image", "sequence", "text"):
        sys.modules[f"keras_preprocessing.{kind}"] = importlib.import_module(f"keras.preprocessing.{kind}")

    def as_dataset(pulled):
        """What a `zip` gives, one after the other, without an end, as Keras 2 asked for it."""
        first = next(pulled)
        waiting = [first]

        def batches():
            while waiting:
                yield waiting.pop()
            yield from pulled

        spec = keras.tree.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), first)
        return without_reading_ahead(tf.data.Dataset.from_generator(batches, output_signature=spec))

    def keras_2(method, data):
        def call(self, *args, **kwargs):
            kwargs = {name: value for name, value in kwargs.items() if name not in QUEUE}
            if "generator" in kwargs:
                kwargs["x"] = kwargs.pop("generator")
            args = [as_dataset(arg) if isinstance(arg, zip) else arg for arg in args]
            kwargs |= {name: as_dataset(kwargs[name]) for name in data if isinstance(kwargs.get(name), zip)}
            steps = {name: value for name, value in kwargs.items() if "steps" in name and value is not None}
            return method(self, *args, **{**kwargs, **{name: int(np.ceil(value)) for name, value in steps.items()}})

        return call

    keras.Model.metrics_names = property(lambda self: ["loss", *sorted(self.get_metrics_result().keys() - {"loss"})])
    for name in ("fit", "evaluate", "predict"):
        method = keras_2(getattr(keras.Model, name), ("x", "validation_data"))
        setattr(keras.Model, name, method)
        setattr(keras.Model, f"{name}_generator", method)


class Recorder:
    """What went into models since `start`: `events` is a list of pairs (kind, data), `workers` a list of numbers, and
    `modules` the packages of the iterators."""

    def __init__(self):
        self.start()
        for name in ("train_step", "test_step", "predict_step"):
            self._wrap(name)
        self._patch_callbacks()
        for name in ("fit", "evaluate", "predict", "train_on_batch"):
            self._run_eagerly(name)
        # Whatever reads ahead races for NumPy's global generator, and workers for the order of the draws.
        tf.data.Dataset.prefetch = without_reading_ahead
        adapt = py_dataset_adapter.PyDatasetAdapter.__init__

        def in_one_thread(adapter, x, *args, **kwargs):
            self.workers.append(x.workers)
            self.modules.add(type(x).__module__.partition(".")[0])
            x.workers, x.use_multiprocessing = 1, False
            adapt(adapter, x, *args, **kwargs)
            x.workers = self.workers[-1]

        py_dataset_adapter.PyDatasetAdapter.__init__ = in_one_thread

    def start(self):
        self.events, self.workers, self.modules = [], [], set()

    def _wrap(self, name):
        step = getattr(keras.Model, name)

        def recorded(model, data):
            self.events.append((name.partition("_")[0], keras.tree.map_structure(np.array, data)))
            return step(model, data)

        setattr(keras.Model, name, recorded)

    def _run_eagerly(self, name):
        method = getattr(keras.Model, name)

        def eager(model, *args, **kwargs):
            model.run_eagerly = True
            return method(model, *args, **kwargs)

        setattr(keras.Model, name, eager)

    def _patch_callbacks(self):
        for name in ("on_epoch_begin", "on_test_begin", "on_predict_begin"):
            original = getattr(keras.callbacks.CallbackList, name)

            def method(callbacks, *args, _name=name, _original=original, **kwargs):
                self.events.append((_name, None))
                return _original(callbacks, *args, **kwargs)

            setattr(keras.callbacks.CallbackList, name, method)


def read(path):
    """The program: of a notebook, the code cells, with the lines of IPython as comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join(cells).split("\n")
    return "\n".join(f"# {line}" if line.startswith(("%", "!")) else line for line in lines)


def results(namespace):
    """The variables that can be compared with those of another run."""
    kept = {}
    for name, value in namespace.items():
        if isinstance(value, pd.DataFrame):
            kept[name] = value.to_dict("list")
        elif isinstance(value, keras.callbacks.History):
            kept[name] = value.history
        elif isinstance(value, (np.ndarray, np.number, float, int, str, list, dict)) and not name.startswith("_"):
            kept[name] = value
    objects = " object at ", os.getcwd()  # and paths, which are others in every run
    kept = {name: value for name, value in kept.items() if not any(part in str(value) for part in objects)}
    plain = {}
    for name, value in kept.items():
        with contextlib.suppress(Exception):
            plain[name] = pickle.loads(pickle.dumps(value))
    return plain


def run(path, recorder):
    """Run one script in a folder of its own."""
    folder = path.parent / path.stem
    folder.mkdir()
    (folder / "data").symlink_to(path.parents[1] / "data")
    os.chdir(folder)
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    recorder.start()
    output, error, namespace, begun = io.StringIO(), None, {"__name__": "__main__"}, time.process_time()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            exec(compile(read(path), path, "exec"), namespace)
        except Exception:
            error = traceback.format_exc()
    if "keras_regen" in sys.modules:  # `migrate` may have written `install()`, which is not for the next program
        sys.modules["keras_regen.compat"].uninstall()
    record = {
        "error": error,
        "events": recorder.events,
        "workers": recorder.workers,
        "modules": recorder.modules,
        "results": results(namespace),
        "output": output.getvalue()[-3000:],
        "seconds": time.process_time() - begun,
    }
    path.with_suffix(".pkl").write_bytes(pickle.dumps(record))
    return record


def main(folder, *modes):
    tf.config.threading.set_intra_op_parallelism_threads(1)
    recorder = Recorder()
    gc.freeze()  # what has been imported, or `clear_session` looks through it before each program
    for mode, _, names in (argument.partition(":") for argument in modes):
        if mode == "before":
            put_legacy_back()
        for path in sorted((pathlib.Path(folder).resolve() / mode).iterdir()):
            if path.suffix in (".py", ".ipynb") and (not names or path.stem in names.split(",")):
                record = run(path, recorder)
                print(f"{mode}/{path.name}: {record['seconds']:.1f} s {record['error'] or ''}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
