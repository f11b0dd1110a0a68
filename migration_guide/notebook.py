"""Run the notebook of the guide and keep what its cells show: `python migration_guide/notebook.py`.

A cell shows what IPython would show of its last expression, if that is a picture or Markdown, and what it prints. Lines
that begin with `!keras-regen` are commands.
"""

import ast
import base64
import contextlib
import io
import json
import os
import pathlib
import shlex
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_regen.compat.command_line import main

PATH = pathlib.Path(__file__).parent / "old_to_new.ipynb"


def run(cells):
    """Run code cells in turn, in the working folder.

    Args:
        cells: texts of the cells.

    Yields:
        For each cell, the outputs as a notebook keeps them.
    """
    names = {"__name__": "__main__"}
    for text in cells:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if text.startswith("!"):
                command, *arguments = shlex.split(text[1:])
                assert command == "keras-regen" and not main(arguments), text
                value = None
            else:
                value = last_value(text, names)
        outputs = []
        if printed.getvalue():
            outputs.append({"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())})
        if value is not None:
            data = shown(value)
            outputs.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
        yield outputs


def last_value(text, names):
    """Run a cell; the value of its last expression, or None if it ends with something else."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def shown(value):
    """A value in the forms in which a notebook can show it."""
    data = {"text/plain": lines(repr(value))}
    if hasattr(value, "_repr_png_"):
        data = {"image/png": base64.b64encode(value._repr_png_()).decode(), "text/plain": [type(value).__name__]}
    elif hasattr(value, "_repr_markdown_"):
        data["text/markdown"] = lines(value._repr_markdown_())
    return data


def lines(text):
    return text.splitlines(keepends=True)


def make(path=PATH):
    """Run the notebook in a folder of its own, and write it with what its cells show."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    home, folder = os.getcwd(), tempfile.mkdtemp()
    os.chdir(folder)
    try:
        for number, (cell, outputs) in enumerate(zip(cells, run("".join(c["source"]) for c in cells), strict=True), 1):
            cell["outputs"], cell["execution_count"] = outputs, number
            for output in outputs:
                if "execution_count" in output:
                    output["execution_count"] = number
    finally:
        os.chdir(home)
        shutil.rmtree(folder)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make()
