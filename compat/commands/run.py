"""`keras-regen run`: a program as it is."""

import argparse

HELP = "run a script that uses the legacy ImageDataGenerator, as it is"
PARSER = {
    "usage": "%(prog)s [-h] [--only-data] (script | -m module | -c code) [argument ...]",
    "description": "Run a Python program as python would, with the legacy import paths (keras.preprocessing.image, "
    "tensorflow.keras.preprocessing.image, keras_preprocessing.image ...) and methods of Model (fit_generator ...) "
    "in place, also in the Python processes that it starts: see keras_regen.compat.install.",
    "epilog": "Exit status: that of the program, 1 if it raises an exception, 2 if it cannot be read, 130 after "
    "Ctrl-C.",
}


def add_arguments(parser):
    parser.add_argument(
        "--only-data",
        action="store_true",
        help="leave what has nothing to do with the data: Adam(lr=), keras.layers.core, names of weights ...",
    )
    parser.add_argument("script", nargs="?", help="a script, or a folder or zip file with a __main__.py")
    rest = {"nargs": argparse.REMAINDER, "metavar": "..."}
    parser.add_argument("-m", dest="module", help="a module or package, as with python -m, and its arguments", **rest)
    parser.add_argument("-c", dest="code", help="code, as with python -c, and its arguments", **rest)
    parser.add_argument("arguments", help="arguments of the program", **rest)


def load():
    """The function that the command calls with its options."""
    from ..installing.run import run  # noqa: PLC0415

    return run


def called_with(options, parser):
    """The arguments of `run` for the options of the command line."""
    for name in ("module", "code"):
        if options[name]:
            return {name: options[name][0], "arguments": options[name][1:], "only_data": options["only_data"]}
    if options["script"] is None:
        parser.error("a script, -m module or -c code is needed")
    return {name: options[name] for name in ("script", "arguments", "only_data")}
