"""The command `keras-regen`."""

import _thread
import argparse
import atexit
import contextlib
import importlib
import os
import signal
import sys
import threading
import time

from .notices import without_notices

INTERRUPTED = 130
"""The exit status, in a shell, of what Ctrl-C ends."""
_PATIENCE = 2.0  # seconds between KeyboardInterrupt and the next one

_COMMANDS = {
    "bench": ("bench", "bench"),
    "check": ("check", "print_check"),
    "demo": ("demo", "demo"),
    "explain": ("explaining.calls", "print_explanation"),
    "migrate": ("migrate.files", "migrate"),
    "run": ("installing.run", "run"),
}
"""The module and the function of each command, which is loaded when it is called."""
_WITHOUT_TENSORFLOW = ("migrate", "run")


def main(arguments=None):
    """Run `keras-regen`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="keras-regen", description="Tools around the legacy ImageDataGenerator.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_bench(commands)
    _add_check(commands)
    _add_demo(commands)
    _add_explain(commands)
    _add_migrate(commands)
    _add_run(commands)
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    try:
        with _leaving_on_interrupt():
            function = _load(command)
        if command == "run":  # whose signals and whose output are the program's
            return function(**_program(options, commands.choices["run"]))
        atexit.register(_end_on_interrupt)
        with _insisting_on_interrupt():
            status = function(**options) or 0
            _flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError) as error:
        _let_go()
        print(f"keras-regen {command}: {error}", file=sys.stderr)
        # To check, 1 is a finding, and to run, the script's.
        return 2 if command in ("check", "migrate", "run") else 1


def _load(command):
    """The function of a command, and with it TensorFlow, where it needs that."""
    module, name = _COMMANDS[command]
    # Of a file that stops the demo's training, TensorFlow warns with a traceback; the demo says which it is.
    level = 2 if command == "demo" else 1
    with contextlib.nullcontext() if command in _WITHOUT_TENSORFLOW else without_notices(level):
        function = getattr(importlib.import_module(f".{module}", __package__), name)
        if "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.list_physical_devices()  # which is when it looks for GPUs, and tells
    return function


@contextlib.contextmanager
def _leaving_on_interrupt():
    """Let Ctrl-C end the process at once, for a block: nothing has begun yet, and imports lose exceptions."""
    if not _is_ours():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _insisting_on_interrupt():
    """Let Ctrl-C raise KeyboardInterrupt, for a block, until that ends it: C code that calls back loses exceptions."""
    if not _is_ours():
        yield
        return
    report, over = sys.unraisablehook, False

    def handle(*_):
        _thread.start_new_thread(raise_again, ())  # `threading` has locks, which this thread may hold just now
        raise KeyboardInterrupt

    def raise_again():
        time.sleep(_PATIENCE)
        if over:
            return
        if hasattr(signal, "pthread_kill"):  # which wakes a thread that waits
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    sys.unraisablehook = lambda lost: None if lost.exc_type is KeyboardInterrupt else report(lost)
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        over = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = report


def _end_on_interrupt():
    """Let Ctrl-C end the process without a traceback from what is being torn down."""
    if _is_ours():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_ours():
    """Whether Ctrl-C is handled by Python, and nobody has changed that."""
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _let_go():
    """Forget what stdout has not taken, which Python would try again, and fail again, at its end."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush():
    if sys.stdout is not None:
        sys.stdout.flush()


def _program(options, parser):
    """The arguments of `run` for the options of the command line."""
    for name in ("module", "code"):
        if options[name]:
            return {name: options[name][0], "arguments": options[name][1:]}
    if options["script"] is None:
        parser.error("a script, -m module or -c code is needed")
    return {"script": options["script"], "arguments": options["arguments"]}


def _add_bench(commands):
    parser = commands.add_parser(
        "bench",
        help="measure on your images how many a second each way of loading and augmenting them gives",
        description="Measure, in turns, how many images of a folder a second come out of the legacy generator, the "
        "drop-in, to_dataset, and Keras's loader with Keras's and our layers, and say what limits: decoding or "
        "augmentation. Prints a Markdown table. The files are read once before, so that they come from memory.",
    )
    parser.add_argument("directory", help="a folder with one folder of images a class")
    parser.add_argument(
        "--size",
        nargs=2,
        type=_positive,
        default=(224, 224),
        metavar=("HEIGHT", "WIDTH"),
        help="of the images in the batches (default: 224 224)",
    )
    parser.add_argument("--batch", type=_positive, default=32, help="images in a batch (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=_positive, default=5, help="how often to measure for the medians (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        default=1000,
        help="how many images to use at most, evenly over the folder (default: %(default)s)",
    )


def _add_check(commands):
    parser = commands.add_parser(
        "check",
        help="find broken, misnamed, duplicate and unusual files in a folder of images",
        description="Read every image that flow_from_directory would read from a folder, to its end, and report files "
        "that are broken, empty, misnamed, left out, duplicates, or unusual in size, colours, frames or rotation, and "
        "the images of each class.",
        epilog="Exit status: 0 if nothing would stop training, 1 if a file is unreadable, truncated or empty or there "
        "are no images, 2 if the folder cannot be read.",
    )
    parser.add_argument("directory", help="a folder with one folder of images a class")
    parser.add_argument(
        "--all", action="store_true", dest="show_all", help="show all paths, not 5 of a kind, and all classes, not 20"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object, with all paths")
    parser.add_argument(
        "--formats",
        nargs="+",
        metavar="ending",
        help="the `formats` of flow_from_directory: endings of the files to read, as in --formats jpg webp, or all",
    )


def _add_demo(commands):
    parser = commands.add_parser(
        "demo",
        help="train a small CNN with a classic ImageDataGenerator script and compare the speeds",
        description="Train a small CNN with a classic ImageDataGenerator script on a folder of pictures, compare the "
        "batches and the speed with the legacy module of the installed Keras, and save a picture of augmented images.",
    )
    parser.add_argument(
        "directory", nargs="?", help="a folder with one folder of images a class; made in a temporary place if absent"
    )
    parser.add_argument(
        "--picture", default="keras_regen_demo.png", help="where to save the augmented images (default: %(default)s)"
    )


def _add_explain(commands):
    parser = commands.add_parser(
        "explain",
        help="show the layers and the dataset that an ImageDataGenerator becomes, and what differs",
        description="Print, for each call of ImageDataGenerator in a piece of code, the layers that do the same as "
        "Python code, and what differs. The code is read, not run: arguments that are not numbers, strings or lists of "
        "them are left out, and the text says so.",
        epilog="""example: keras-regen explain "ImageDataGenerator(rotation_range=20, rescale=1/255)" """,
    )
    parser.add_argument("code", help="Python code, or a file that ends in .py")


def _add_migrate(commands):
    parser = commands.add_parser(
        "migrate",
        help="rewrite programs and notebooks that use the legacy names",
        description="Show as a unified diff how Python files and notebooks that use the legacy names become programs "
        "for Keras 3, and list what is left alone as file:line: reason. Nothing of them is run, and nothing is changed "
        "without --write. Comments and formatting stay. The diff is on stdout, all else on stderr.",
        epilog="Exit status: 0, or 2 if a file cannot be read, parsed or written; the others are done all the same.",
    )
    parser.add_argument("paths", nargs="+", metavar="path", help="a .py or .ipynb file, or a folder of them")
    parser.add_argument("--write", action="store_true", help="change the files")
    parser.add_argument(
        "--target",
        choices=("compat", "modern"),
        default="compat",
        help="compat: import the names from keras_regen.compat; modern: besides, turn generators that are only used "
        "for flow_from_directory into Keras's loader and layers, where these do the same (default: %(default)s)",
    )


def _add_run(commands):
    parser = commands.add_parser(
        "run",
        help="run a script that uses the legacy ImageDataGenerator, as it is",
        usage="%(prog)s [-h] (script | -m module | -c code) [argument ...]",
        description="Run a Python program as python would, with the legacy import paths (keras.preprocessing.image, "
        "tensorflow.keras.preprocessing.image, keras_preprocessing.image ...) and methods of Model (fit_generator ...) "
        "in place, also in the Python processes that it starts: see keras_regen.compat.install.",
        epilog="Exit status: that of the program, 1 if it raises an exception, 2 if it cannot be read, 130 after "
        "Ctrl-C.",
    )
    parser.add_argument("script", nargs="?", help="a script, or a folder or zip file with a __main__.py")
    rest = {"nargs": argparse.REMAINDER, "metavar": "..."}
    parser.add_argument("-m", dest="module", help="a module or package, as with python -m, and its arguments", **rest)
    parser.add_argument("-c", dest="code", help="code, as with python -c, and its arguments", **rest)
    parser.add_argument("arguments", help="arguments of the program", **rest)


def _positive(text):
    """An integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
