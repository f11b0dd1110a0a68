"""Image files broken in every way, by the thousand: each must end in an image or in an error that names the file.

    python -m tests.fuzz --files 20000 --seed 0

A worker process decodes, so that a crash, a hang or a flood of memory ends only the worker, and is put down to a file.
`--first N --files 1` repeats what befell file N. Linux only, as memory is read from /proc.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import collections
import ctypes
import functools
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import numpy as np
import tensorflow as tf
from keras_regen.compat.data import decoding as decoding_module
from keras_regen.compat.data.decoding import INTERPOLATIONS, Decoding, decode_with_pillow, load_batch
from keras_regen.compat.data.decoding_in_graph import decode_in_graph
from keras_regen.compat.data.jpeg import nearest_pixels
from PIL import Image

from .broken_images import mutated

BATCH = 50
SECONDS, MEGABYTES = 20, 6000  # more is a hang, or a flood
NOTABLE = 2500  # megabytes: Pillow itself may take that for an image within its limits, but it is worth a look
SIZE = (29, 37)
PILLOW_S = ("graph", "in one go")
"""The ways that promise Pillow's pixels whenever they give an image."""
FOREIGN = "does not decode this to the pixels of Pillow"


# ---------------------------------------------------------------------------------------------------------------------
# Decoding
# ---------------------------------------------------------------------------------------------------------------------


def ways(batch):
    """name -> how a file is decoded in the batch of this number: a decoding, and "pillow", "tensorflow", "graph", or
    "then" for the way in which it is transformed at once."""
    mode = ("rgb", "rgba", "grayscale")[batch % 3]
    other = [*INTERPOLATIONS][1 + batch // 3 % 5]
    odd = batch // 3 % 2 == 1
    return {
        "Pillow": (Decoding(*SIZE, mode), "pillow"),
        "TensorFlow": (Decoding(*SIZE, mode), "tensorflow"),
        "in one go": (Decoding(*SIZE, mode), "then"),
        "resized": (Decoding(*SIZE, mode, other, keep_aspect_ratio=odd), "pillow"),
        "fast": (Decoding(*SIZE, mode, "bilinear", decoder="fast", exif_transpose=odd), "pillow"),
        "exif": (Decoding(*SIZE, mode, exif_transpose=True), "pillow"),
        "keras": (Decoding(*SIZE, mode, "bilinear", decoder="keras"), "tensorflow"),
        "graph": (Decoding(*SIZE, mode), "graph"),
        "graph, resized": (Decoding(*SIZE, mode, "bilinear"), "graph"),
    }


@functools.cache
def _graph(decoding, skip, most_pixels):
    decode = lambda paths: decode_in_graph(paths, decoding, skip)  # noqa: E731
    return tf.function(decode, [tf.TensorSpec([None], tf.string)], autograph=False)


def _called(function, paths):
    """What a function of paths returns, or the error."""
    try:
        return function(tf.constant(paths))
    except tf.errors.OpError as error:
        return error


def _load(paths, decoding, how, errors=None):
    if how != "then":
        return load_batch(paths, decoding, how == "tensorflow", errors)
    images = np.zeros((len(paths), *decoding.shape), decoding.dtype)

    def resize(place, image):
        rows, columns = (nearest_pixels(*pair) for pair in zip(image.shape[:2], decoding.shape[:2], strict=True))
        images[place] = image[rows[:, None], columns]

    load_batch(paths, decoding, False, errors, resize)
    return images


def decode_one(path, decoding, how):
    """An image, or the error."""
    try:
        if how == "graph":
            images, good = (x.numpy() for x in _graph(decoding, False, Image.MAX_IMAGE_PIXELS)(tf.constant([path])))
            assert good.all()
        else:
            images = _load([path], decoding, how)
    except Exception as error:
        return error
    assert images.shape == (1, *decoding.shape), images.shape
    assert images.dtype == decoding.dtype, images.dtype
    return images[0]


def decode_all(paths, decoding):
    """As `decode_one` of each in a graph, but of all in one go: a graph takes its time over an error."""

    graph = _graph(decoding, True, Image.MAX_IMAGE_PIXELS)
    error = _called(graph, paths)  # where any is for Pillow
    got = {path: error for path in paths if isinstance(error, Exception) and path in str(error)}
    rest = [path for path in paths if path not in got]
    images, good = (result.numpy() for result in graph(tf.constant(rest, tf.string)))
    assert not images[~good].any()
    for path, image, fine in zip(rest, images, good, strict=True):
        got[path] = image if fine else OSError(path)  # whose name is printed
    return [got[path] for path in paths]


def fault(path, got, native, reference):
    """What is wrong with the outcome of one file, or None.

    Args:
        path: of the file.
        got: an image or an error.
        native: whether TensorFlow decoded it and promises Pillow's pixels.
        reference: Pillow's image or error.
    """
    if isinstance(got, Exception):
        return None if path in str(got) else f"unnamed: {type(got).__name__}: {got}"
    if native and isinstance(reference, np.ndarray) and not np.array_equal(got, reference):
        return f"other pixels: up to {np.abs(got.astype(float) - reference).max()}"
    return None


def check_batch(paths, ways, alone):
    """What is wrong if all of a batch is decoded at once: "way: path: what".

    Args:
        paths: of n files.
        ways: see `ways`.
        alone: way -> n outcomes of each file alone.
    """

    def same(a, b):
        return np.array_equal(a, b) if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) else type(a) is type(b)

    all_paths = paths
    for way, (decoding, how) in ways.items():
        paths = all_paths
        if how == "graph":
            foreign = [FOREIGN in str(one) for one in alone[way]]  # an error, in a batch that skips, too
            if any(foreign):
                told = str(_called(_graph(decoding, True, Image.MAX_IMAGE_PIXELS), paths))
                if not all(strange == (path in told) for path, strange in zip(paths, foreign, strict=True)):
                    yield f"{way}: names others than those for Pillow, {told:.200}"
            alone = {**alone, way: [one for one, strange in zip(alone[way], foreign, strict=True) if not strange]}
            paths = [path for path, strange in zip(paths, foreign, strict=True) if not strange]
            images, good = _graph(decoding, True, Image.MAX_IMAGE_PIXELS)(tf.constant(paths, tf.string))
            got = [image if fine else None for image, fine in zip(images.numpy(), good.numpy(), strict=True)]
            if any(image.any() for image, fine in zip(images.numpy(), good.numpy(), strict=True) if not fine):
                yield f"{way}: not black"
            wanted = [[None if isinstance(a, Exception) else a] for a in alone[way]]
        else:
            errors = {}
            images = _load(paths, decoding, how, errors)
            got = [errors.get(i, image) for i, image in enumerate(images)]
            # One file that TensorFlow refuses gives the whole batch to Pillow.
            wanted = zip(alone[way], alone["Pillow" if way == "TensorFlow" else way], strict=True)
        for path, mine, theirs in zip(paths, got, wanted, strict=True):
            if not any(same(mine, one) for one in theirs) or (isinstance(mine, Exception) and path not in str(mine)):
                yield f"{way}: {path}: otherwise in a batch, {mine!r:.200}"


class Native:
    """Counts what Pillow decodes: `native` is whether nothing was since it was last asked."""

    def __init__(self, set_attribute=setattr):
        self._calls = 0

        def counting(*arguments, **options):
            self._calls += 1
            return decode_with_pillow(*arguments, **options)

        set_attribute(decoding_module, "decode_with_pillow", counting)

    def __call__(self):
        calls, self._calls = self._calls, 0
        return calls == 0


# ---------------------------------------------------------------------------------------------------------------------
# The worker
# ---------------------------------------------------------------------------------------------------------------------


def _memory(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))


def work(seed, first, last):
    """Decode files `first` to `last`; a line of JSON before each step, and one after it."""
    warnings.simplefilter("ignore")
    native = Native()
    say = lambda **fields: print(json.dumps(fields), flush=True)  # noqa: E731

    def measured(step, **what):
        say(begin=True, **what)
        ctypes.CDLL(None).malloc_trim(0)  # what is free but kept would hide what the step takes
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # forget the peak
        before, start = _memory("VmRSS"), time.perf_counter()
        result = step()
        seconds, peak = time.perf_counter() - start, _memory("VmHWM")
        return result, {"seconds": seconds, "megabytes": peak - before, "total": peak - baseline, **what}

    with tempfile.TemporaryDirectory() as folder:
        warm = os.path.join(folder, "warm.png")
        Image.new("RGB", (40, 30)).save(warm)
        for batch in range(30):  # traced before the first file, which should not pay for it
            for decoding, how in ways(batch).values():
                decode_one(warm, decoding, how)
                if how == "graph":
                    _graph(decoding, True, Image.MAX_IMAGE_PIXELS)(tf.constant([warm]))
        baseline = _memory("VmRSS")
        for start in range(first - first % BATCH, last, BATCH):
            paths, alone = [], collections.defaultdict(list)
            for number in range(max(first, start), min(last, start + BATCH)):
                form, what, content = mutated(seed, number)
                path = os.path.join(folder, f"{number}.{form}")
                paths.append(path)
                with open(path, "wb") as file:
                    file.write(content)
                for way, (decoding, how) in ways(start // BATCH).items():
                    native()
                    step = lambda d=decoding, h=how, p=path: decode_one(p, d, h)  # noqa: E731
                    got, fields = measured(step, file=number, form=form, what=what, way=way)
                    alone[way].append(got)
                    reference = alone["Pillow"][-1]
                    if way == "TensorFlow":
                        promised = native() and not isinstance(got, Exception)
                    say(
                        result="error" if isinstance(got, Exception) else "image",
                        only=way == "TensorFlow" and promised and isinstance(reference, Exception),
                        fault=fault(path, got, way in PILLOW_S or (way == "TensorFlow" and promised), reference),
                        kind=type(got).__name__,
                        **fields,
                    )
            step = lambda p=paths, a=alone: [*check_batch(p, ways(start // BATCH), a)]  # noqa: B023, E731
            faults, fields = measured(step, file=start, form="(batches)", what="", way="(all)")
            say(result="image", only=False, fault="; ".join(faults) or None, kind="", **fields)
            for path in paths:
                os.remove(path)


# ---------------------------------------------------------------------------------------------------------------------
# The supervisor
# ---------------------------------------------------------------------------------------------------------------------


def _resident(process):
    try:
        with open(f"/proc/{process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0


def _lines(process):
    """Lines of a process, or None where there was none for a while; an empty one at the end."""
    lines = queue.Queue()
    threading.Thread(target=lambda: [*map(lines.put, iter(process.stdout.readline, "")), lines.put("")]).start()
    while True:
        try:
            line = lines.get(timeout=0.05)
        except queue.Empty:
            line = None
        yield line
        if line == "":
            return


def supervise(seed, first, last, log):
    """Run workers until all files are done, and yield what they say, with what befell them."""
    while first < last:
        command = [sys.executable, "-m", "tests.fuzz", "--seed", str(seed), "--work", str(first), str(last)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        step, since, killed = None, time.monotonic(), None
        for line in _lines(process):
            if line:
                said, since = json.loads(line), time.monotonic()
                if "begin" in said:
                    step = said
                else:
                    step, first = None, said["file"] + (BATCH if said["form"] == "(batches)" else 0)
                    yield said
            elif line is None and step and killed is None:
                limit = SECONDS * (10 if step["form"] == "(batches)" else 1)
                if time.monotonic() - since > limit:
                    killed = "hang"
                elif _resident(process) > MEGABYTES:
                    killed = "memory"
                if killed:
                    process.kill()
        code = process.wait()
        if code == 0:
            return
        if step is None:
            raise RuntimeError(f"The worker failed between files, with {code}, at {first}: see the log.")
        took = {"seconds": time.monotonic() - since, "megabytes": 0, "total": 0}
        yield {**step, **took, "result": killed or "crash", "fault": f"exit code {code}", "only": False, "kind": ""}
        first = step["file"] + (BATCH if step["form"] == "(batches)" else 1)


def summary(results, say):
    """A table, and below it what went wrong."""
    rows = collections.defaultdict(list)
    for one in results:
        rows[one["form"], one["way"]].append(one)
    say("Memory is what a step took, without what the process has from earlier ones.\n")
    say("| format | way | files | images | errors | by TF only | faults | crashes | hangs | floods | slowest | most |")
    say("|---|---" + "|--:" * 10 + "|")
    for (form, way), of in sorted(rows.items(), key=lambda row: row[0][0]):
        count = collections.Counter(one["result"] for one in of)
        slowest, largest = (max(of, key=lambda one: one[key]) for key in ("seconds", "megabytes"))
        columns = [form, way, len(of), count["image"], count["error"], sum(one["only"] for one in of)]
        columns += [sum(one["fault"] is not None for one in of), count["crash"], count["hang"], count["memory"]]
        columns.append(f"{slowest['seconds']:.2f} s, #{slowest['file']}")
        columns.append(f"{largest['megabytes']:.0f} MB, #{largest['file']}")
        say("| " + " | ".join(map(str, columns)) + " |")
    say("")
    for one in results:
        if one["fault"] or one["megabytes"] > NOTABLE:
            took = f"{one['result']}, {one['megabytes']:.0f} MB, {one['seconds']:.1f} s"
            say(f"- #{one['file']} {one['form']}, {one['what']}; {one['way']}, {took}: {one['fault']}")
    say(f"\nPeak of the worker over what it had at first: {max(one['total'] for one in results):.0f} MB.")
    say(f"Errors: {collections.Counter(one['kind'] for one in results if one['result'] == 'error')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", default=os.devnull, help="a file for what the worker writes to stderr")
    parser.add_argument("--results", help="a file for one line of JSON per file and way")
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments.seed, *arguments.work)
    results, start = [], time.monotonic()
    with (
        open(arguments.log, "w") as log,
        open(arguments.results or os.devnull, "w") as kept,
        tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder,
    ):
        os.environ["TMPDIR"] = folder  # so that what a killed worker leaves goes, too
        for one in supervise(arguments.seed, arguments.first, arguments.first + arguments.files, log):
            results.append(one)
            kept.write(json.dumps(one) + "\n")
            if one["fault"] or (one["file"] % 1000 == 0 and one["way"] == "Pillow"):
                print(f"{time.monotonic() - start:.0f} s, {one}", file=sys.stderr, flush=True)
    summary(results, print)


if __name__ == "__main__":
    main()
