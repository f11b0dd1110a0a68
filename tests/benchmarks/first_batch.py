"""Time from the construction of an iterator to its first batch, and to full speed, each in processes of its own.

    python -m tests.benchmarks.first_batch [--rounds N] [--images N]

On the photographs of `drop_in`: JPEG of 500x375 to 224x224, batch 32; rotation, shifts, shear, zoom, flip, rescale.
Imports are not counted, nor is the making of numba's machine code, once per machine. Prints a Markdown table of
medians: seconds until the first batch, the second, the fifth ..., and until batches come at full speed: until the first
one that takes at most a quarter longer than the median of the last five.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

AT = (1, 2, 5, 10, 20)
LEGACY = "legacy `next(iterator)`"
KINDS = {
    LEGACY: "legacy",
    "`next(iterator)`": "next",
    "`next(iterator)`, without numba": "next without",
    "`to_dataset(iterator)`": "to_dataset",
    "`to_dataset(iterator)`, without numba": "to_dataset without",
    '`to_dataset(iterator, draws="stateless")`': "stateless",
}


def in_this_process(kind, folder):
    """Seconds from the construction of the iterator to each of its first batches; run by `child`."""
    from keras_regen.compat.bench import AUGMENTATION

    from .drop_in import BATCH, SIZE

    if kind == "legacy":
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    else:
        from keras_regen.compat import ImageDataGenerator, to_dataset
        from keras_regen.compat.data import image_kernel

        if "without" in kind:
            image_kernel._compiled = lambda *_: None
    start, times = time.perf_counter(), []
    flow = ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1)
    if kind.startswith("to_dataset"):
        flow = to_dataset(flow, repeat=True)
    elif kind == "stateless":
        flow = to_dataset(flow, draws="stateless", repeat=True)
    for _ in itertools.islice(flow, max(AT)):
        times.append(time.perf_counter() - start)
    return times


def child(kind, folder):
    """The same in a process of its own."""
    code = f"import json; from tests.benchmarks.first_batch import in_this_process as f; t = f({kind!r}, {folder!r})"
    command = [sys.executable, "-c", f"{code}; print(); print(json.dumps(t))"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def until_full_speed(times):
    each = [after - before for before, after in itertools.pairwise([0.0, *times])]
    full = 1.25 * statistics.median(each[-5:])
    return next(times[k] for k, seconds in enumerate(each) if seconds <= full)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=640)
    options = parser.parse_args()
    from .drop_in import write_photographs

    found = {name: [] for name in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, options.images)
        child("next", folder)  # the machine code is made, and the files are read
        for _ in range(options.rounds):
            for name, kind in KINDS.items():
                found[name].append(child(kind, folder))
    print(f"| seconds to batch | {' | '.join(map(str, AT))} | full speed |\n| --- |{' ---: |' * (len(AT) + 1)}")
    for name, runs in found.items():
        medians = [statistics.median(times[k - 1] for times in runs) for k in AT]
        medians.append(statistics.median(map(until_full_speed, runs)))
        print(f"| {name} | {' | '.join(f'{seconds:.2f}' for seconds in medians)} |")


if __name__ == "__main__":
    main()
