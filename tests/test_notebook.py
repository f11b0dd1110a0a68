"""The notebook of the guide runs from top to bottom, and shows what is stored in it."""

import base64
import io
import json
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
from keras_regen.compat import uninstall
from PIL import Image

pytest.importorskip("matplotlib")

GUIDE = pathlib.Path(__file__).parent.parent / "migration_guide"
sys.path.insert(0, str(GUIDE))
try:
    import notebook
finally:
    sys.path.remove(str(GUIDE))

CELLS = json.loads(notebook.PATH.read_text(encoding="utf-8"))["cells"]


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_and_shows_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in CELLS if cell["cell_type"] == "code"]
    try:
        made = list(notebook.run("".join(cell["source"]) for cell in cells))
    finally:
        uninstall()
    pictures = 0
    for cell, outputs in zip(cells, made, strict=True):
        assert len(outputs) == len(cell["outputs"]), cell["source"]
        for output, stored in zip(outputs, cell["outputs"], strict=True):
            assert output.get("text") == stored.get("text")
            data, kept = output.get("data", {}), dict(stored.get("data", {}))
            assert data.keys() == kept.keys()
            if "image/png" in data:
                pictures += 1
                small = [reduced(base64.b64decode(x.pop("image/png"))) for x in (data, kept)]
                assert np.abs(small[0] - small[1]).mean() < 8
            assert data == kept
    assert pictures == 2
    again = keras.models.load_model(tmp_path / "modern.keras")
    assert again.predict(np.zeros((1, 32, 32, 3)), verbose=0).shape == (1, 3)


def reduced(png):
    """A picture, so small that fonts do not show, and with the background that a notebook gives it."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB").resize((40, 20), Image.Resampling.BOX), "float64")


def test_links_of_the_notebook_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links and all((GUIDE / link.partition("#")[0]).exists() for link in links)


def test_the_steps_are_those_of_the_story():
    """The old imports stand between `install` and `uninstall`, or where the error is shown."""
    installed = False
    for cell in CELLS:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            installed = (installed or "\ninstall()" in text) and "uninstall()" not in text.splitlines()
            assert installed or "except ImportError" in text or "from keras.preprocessing" not in text
