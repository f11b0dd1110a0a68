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

_COMMANDS = ("bench", "check", "demo", "explain", "migrate", "preview", "run")
"""The modules in `commands`."""
_WITHOUT_TENSORFLOW = ("migrate", "run")


class _Version(argparse.Action):
    def __call__(self, parser, *_):
        print(f"keras-regen {importlib.import_module(__package__).__version__}")
        parser.exit()


def main(arguments=None):
    """Run `keras-regen`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="keras-regen", description="Tools around the legacy ImageDataGenerator.")
    parser.add_argument("--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {name: importlib.import_module(f".commands.{name}", __package__) for name in _COMMANDS}
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, **module.PARSER))
    options = vars(parser.parse_args(arguments))
    command = options.pop("command")
    try:
        with _leaving_on_interrupt():
            function = _load(command)
        if command == "run":  # whose signals and whose output are the program's
            return function(**modules[command].called_with(options, commands.choices[command]))
        atexit.register(_end_on_interrupt)
        with _insisting_on_interrupt():
            status = function(**options) or 0
            _flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ImportError, OSError, ValueError) as error:
        if isinstance(error, ImportError) and error.name != "tensorflow":
            raise
        _let_go()
        print(f"keras-regen {command}: {error}", file=sys.stderr)
        # To check, 1 is a finding, and to run, the script's.
        return 2 if command in ("check", "migrate", "run") else 1


def _load(command):
    """The function of a command, and with it TensorFlow, where it needs that."""
    # Of a file that stops the demo's training, TensorFlow warns with a traceback; the demo says which it is.
    level = 2 if command == "demo" else 1
    with contextlib.nullcontext() if command in _WITHOUT_TENSORFLOW else without_notices(level):
        function = importlib.import_module(f".commands.{command}", __package__).load()
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
