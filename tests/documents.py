"""The README and the guide, their blocks, and how these run."""

import contextlib
import io
import pathlib
import re
import shlex

import keras_regen.compat
from keras_regen.compat.command_line import main

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "migration_guide").glob("*.md"))]
BLOCK = re.compile(
    r"^```(python|python before|python grain|python torch|python torchvision|console)\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
EXTRAS = {"python grain": "grain", "python torch": "torch", "python torchvision": "torchvision"}
"""What blocks of these kinds need."""

MODEL = """
import keras
model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
model.compile("sgd", "mse")
"""


@contextlib.contextmanager
def in_place():
    """The legacy imports, for the time of a block."""
    keras_regen.compat.install()
    try:
        yield
    finally:
        keras_regen.compat.uninstall()


def run_commands(block):
    """Run the lines that begin with `$`; what stands below each, `...` for any lines, must be what it prints."""
    for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = text.partition("\n")
        name, *arguments = shlex.split(command)
        assert name == "keras-regen"
        printed = io.StringIO()
        with in_place() if arguments[0] == "run" else contextlib.nullcontext(), contextlib.redirect_stdout(printed):
            assert not main(arguments)
        at = 0
        for part in re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE):
            at = printed.getvalue().find(part, at)
            assert at >= 0, f"{command} does not print\n{part}\nbut\n{printed.getvalue()}"
