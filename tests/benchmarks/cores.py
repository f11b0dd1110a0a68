"""How `next(iterator)` scales with the cores it may use, beside what the table of the guide's page on speed computes.

    python -m tests.benchmarks.cores [--rounds N] [--images N]

On the photographs of `drop_in`, in a process for each number of cores, in turns; the fastest of the rounds, as whatever
else runs can only slow it down. Prints a Markdown table. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def in_this_process(cores, folder, images):
    """(images a second, ms of all cores for an image), with so many cores; run by `child`."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from keras_regen.compat import ImageDataGenerator
    from keras_regen.compat.bench import AUGMENTATION

    from .drop_in import BATCH, SIZE

    flow = ImageDataGenerator(**AUGMENTATION).flow_from_directory(folder, target_size=SIZE, batch_size=BATCH, seed=1)
    found = []
    for _ in range(6):
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(images // BATCH):
            next(flow)
        done = images // BATCH * BATCH
        found.append((done / (time.perf_counter() - start), 1e3 * (time.process_time() - cpu) / done))
    return max(found[2:])


def child(cores, folder, images):
    """The same in a process of its own."""
    code = f"import json; from tests.benchmarks.cores import in_this_process as f; t = f({cores}, {folder!r}, {images})"
    command = [sys.executable, "-c", f"{code}; print(); print(json.dumps(t))"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=640)
    options = parser.parse_args()
    from .drop_in import write_photographs

    counts = [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= len(os.sched_getaffinity(0))]
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder, options.images)
        rounds = [[child(count, folder, options.images) for count in counts] for _ in range(options.rounds)]
    best = [max(column) for column in zip(*rounds, strict=True)]
    print("| cores | images/s | ms of all cores for an image | of one core, times the cores |")
    print("| ---: | ---: | ---: | ---: |")
    for count, (speed, milliseconds) in zip(counts, best, strict=True):
        print(f"| {count} | {speed:,.0f} | {milliseconds:.2f} | {speed / (count * best[0][0]):.2f} |")


if __name__ == "__main__":
    main()
