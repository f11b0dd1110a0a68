"""Listing many files: `flow_from_directory` and `flow_from_dataframe`, legacy and ours. Prints Markdown tables.

python -m tests.benchmarks.listing [--files N] [--classes M] [--rounds R]

The files are empty: nothing is decoded. Peak memory is what `tracemalloc` sees while an iterator is made; of a folder
less the text of the names relative to it, once. The names in a dataframe were there before.
"""

import argparse
import contextlib
import functools
import io
import os
import pathlib
import tempfile
import tracemalloc

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
from keras.src.legacy.preprocessing import image as legacy
from keras_regen.compat import image as ours
from keras_regen.compat.bench import versions
from keras_regen.compat.timing import in_turns


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{versions()}, pandas {pd.__version__}")
    with tempfile.TemporaryDirectory() as root:
        names = [f"class_{k % options.classes:04}/image_{k:08}.jpg" for k in range(options.files)]
        for name in names[: options.classes]:
            pathlib.Path(root, name).parent.mkdir()
        for name in names:
            os.close(os.open(f"{root}/{name}", os.O_CREAT))
        frame = pd.DataFrame({"filename": sorted(names)})
        frame["class"] = frame["filename"].str.partition("/")[0]
        kept = sorted(set(frame["class"]))[: -(-options.classes // 2)]
        rows = "flow_from_dataframe", frame, root
        report("`flow_from_directory`", options, "flow_from_directory", root)
        report("`flow_from_dataframe`, rows in the order of the files", options, *rows)
        report("the same without labels", options, *rows, class_mode=None)
        report("the same, `classes` names half of the classes", options, *rows, classes=kept)
        shuffled = frame.sample(frac=1, random_state=1, ignore_index=True)
        report("rows in random order", options, rows[0], shuffled, root)


def report(title, options, method, *arguments, **keywords):
    """Measure a method of both generators and print a table."""
    makers = {
        name: functools.partial(quietly, getattr(module.ImageDataGenerator(), method), *arguments, **keywords)
        for name, module in {"legacy": legacy, "keras_regen": ours}.items()
    }
    speeds = in_turns({name: (make, options.files) for name, make in makers.items()}, options.rounds)
    print(f"\n| {title} | seconds | files/s | ratio | peak, bytes a file |\n| --- | ---: | ---: | ---: | ---: |")
    for name, speed in speeds.items():
        ratio, seconds = speed / speeds["legacy"], options.files / speed
        print(f"| {name} | {seconds:.2f} | {speed:,.0f} | {ratio:.2f} | {peak(makers[name]):.0f} |", flush=True)


def quietly(function, *arguments, **keywords):
    """The value of a function that prints what it found."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments, **keywords)


def peak(make):
    """Bytes a file at the most while an iterator is made, beyond the text of the names."""
    tracemalloc.start()
    made = make()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    text = sum(map(len, made.filenames)) if hasattr(made, "num_classes") else 0  # of a directory
    return (most - text) / made.samples


if __name__ == "__main__":
    main()
