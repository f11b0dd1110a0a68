"""A dataset of many files: what it costs until the first batch is there, as the number of files grows.

python -m tests.benchmarks.scale [--files N [N ...]] [--classes M] [--rounds R] [--folder F]

The files are links to tiny JPEGs, a class each, in a folder that is kept if it is named. Each line is the median of
processes of their own, in turns, each of which has read a small folder before, so that neither imports nor compiling
count. "List" is `flow_from_directory`, or the whole of Keras's loader; "memory" is how much more of it the process held
at the most, and "kept" how much more it holds after the first batch. Prints a Markdown table.
"""

import argparse
import contextlib
import gc
import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
LEGACY, KERAS = "legacy `next(iterator)`", "`image_dataset_from_directory`"
REPLAY, SEEDED = "`to_dataset(iterator)`", "`to_dataset(iterator)`, seed"
STATELESS = '`to_dataset(iterator, draws="stateless")`'
CONTENDERS = (LEGACY, KERAS, REPLAY, SEEDED, STATELESS)
SIZE = (8, 8)
COLUMNS = ("list, s", "build, s", "first batch, s", "100 more, s", "memory, MB", "kept, MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--only", choices=range(len(CONTENDERS)), type=int, nargs="+", default=range(len(CONTENDERS)))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {options.classes:,} classes, 32 images of 8x8 a batch; medians of {options.rounds}")
    names = [CONTENDERS[k] for k in options.only]
    with contextlib.ExitStack() as stack:
        root = options.folder or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few = linked(root / "few", 100, 10)
        for files in options.files:
            folder = linked(root / f"{files}", files, options.classes)
            results = {name: [] for name in names}
            for _ in range(options.rounds):
                for name in names:
                    results[name].append(in_a_process(name, few, folder))
            print(f"\n| {files:,} files | {' | '.join(COLUMNS)} |\n| --- |{' ---: |' * len(COLUMNS)}")
            for name, runs in results.items():
                medians = dict(zip(COLUMNS, map(statistics.median, zip(*runs, strict=True)), strict=True))
                cells = [f"{value:.{2 if title.endswith('s') else 0}f}" for title, value in medians.items()]
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


def linked(folder, files, classes):
    """A folder with so many files; made, if it is not there."""
    import numpy as np
    from PIL import Image

    if folder.exists():
        return folder
    for k in range(classes):
        (folder / f"class_{k:04}").mkdir(parents=True)
        first = folder / f"class_{k:04}" / "image_00000000.jpg"
        Image.fromarray(np.random.RandomState(k).randint(0, 255, (8, 8, 3)).astype("uint8")).save(first)
        for number in range(1, files // classes):
            os.link(first, first.with_name(f"image_{number:08}.jpg"))
    return folder


def in_a_process(name, few, folder):
    """What `measured` prints, in a process of its own."""
    code = f"import sys; from {__spec__.name} import measured; measured(*sys.argv[1:])"
    command = [sys.executable, "-c", code, name, few, folder]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


def measured(name, few, folder):
    """Print a cell for each of `COLUMNS`."""
    run(name, few)
    gc.collect()
    before = memory("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    seconds, _alive = run(name, folder)
    print(json.dumps([*seconds, memory("VmHWM") - before, memory("VmRSS") - before]))


def memory(field):
    """A line of this process's status, in MB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024


def run(name, folder):
    """Seconds to list, to build, to the first batch, and for 100 more; and what was built."""
    times = [time.perf_counter()]
    lap = lambda: times.append(time.perf_counter())  # noqa: E731
    flow = None
    if name != KERAS:
        from keras_regen.compat import ImageDataGenerator, to_dataset

        if name == LEGACY:
            from keras.src.legacy.preprocessing.image import ImageDataGenerator
        generator = ImageDataGenerator(rotation_range=30, width_shift_range=0.1, zoom_range=0.2, horizontal_flip=True)
        flow = generator.flow_from_directory(folder, target_size=SIZE, seed=1 if name == SEEDED else None)
    lap()
    if name == KERAS:
        import keras

        batches = keras.utils.image_dataset_from_directory(folder, image_size=SIZE, label_mode="categorical", seed=1)
    elif name == LEGACY:
        batches = flow
    else:
        batches = to_dataset(flow, draws="stateless" if name == STATELESS else "replay")
    lap()
    iterator = iter(batches)
    next(iterator)
    lap()
    for _ in range(100):
        if next(iterator, None) is None:
            break
    lap()
    return [after - before for before, after in itertools.pairwise(times)], (flow, batches, iterator)


if __name__ == "__main__":
    main()
