"""The blocks of the README and of the guide in a process that cannot import TensorFlow: each runs, or it names what
needs it and raises an ImportError, or it goes on with what such a block would have made."""

import ast
import contextlib
import importlib.util
import io
import os
import pathlib
import re

import keras

from tests.documents import BLOCK, EXTRAS, MODEL, README, in_place, run_commands

NAMING = re.compile(
    r"\b(tensorflow|tf\.|tokenizer\.to_layer|to_dataset|distribute|bench|keras\.utils\.\w+_dataset_from_\w+|to_device\((?!.*grain)|"
    r"(image|text|audio)_dataset_from_directory\((?![^)]*grain)|timeseries_dataset_from_array\((?![^)]*grain))"
)
"""What a block that needs TensorFlow says."""


def run_blocks(page, photos, folder):
    """Run the blocks of a page.

    Args:
        page: path.
        photos: path of a folder of images.
        folder: path of a new folder to be in meanwhile.

    Returns:
        The number of blocks that ran.
    """
    folder.mkdir(parents=True)
    if page != README:  # which makes its own
        (folder / "photos").symlink_to(photos)
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    names, old_names, absent, ran = {"model": model}, {"model": model}, set(), 0
    before = os.getcwd()
    os.chdir(folder)
    try:
        for kind, block in BLOCK.findall(page.read_text()):
            if kind in EXTRAS and importlib.util.find_spec(EXTRAS[kind]) is None:
                continue
            code = "" if kind == "console" else block.replace("epochs=3", "epochs=1")
            known = old_names if kind == "python before" else names
            if not absent.isdisjoint(_loaded(code)):
                absent |= set(_stored(code)) - known.keys()
                continue
            try:
                _run(kind, block if kind == "console" else code, known)
            except (ImportError, AssertionError) as error:
                needs = isinstance(error, AssertionError) or "tensorflow" in str(error).lower()
                assert needs and NAMING.search(block), f"{page}: {error}\n{block}"
                absent |= set(_stored(code)) - known.keys()
            else:
                ran += 1
                absent -= set(_stored(code))
    finally:
        os.chdir(before)
    return ran


def _run(kind, block, names):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if kind == "console":
            run_commands(block)
        elif kind == "python before":
            pathlib.Path("old.py").write_text(block)
            pathlib.Path("script.py").write_text(MODEL + block)
            with in_place():
                exec(compile(block, "block", "exec"), names)
        else:
            exec(compile(block, "block", "exec"), names)


def _loaded(code):
    return {
        node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _stored(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
