"""Every Python block and every command of the README and of the guide runs, in the order of the page; links lead
somewhere."""

import importlib.util
import os
import pathlib
import re
import sys
import urllib.parse

import keras
import pytest

from .documents import BLOCK, EXTRAS, MODEL, PAGES, README, ROOT, in_place, run_commands
from .versions import FIT_TAKES_GRAIN

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


@each_page
@pytest.mark.filterwarnings("ignore")
def test_blocks_run(page, model, jpeg_directory, tmp_path, monkeypatch, request):
    """Blocks that are marked `before` run with the legacy imports in place, and names of their own; those with the name
    of an extra run where that is installed. Of the kernels of layers, the README and the page on layers compile those
    that their readers would."""
    if page.name == "recipes.md" and not hasattr(keras.layers, "CutMix"):
        pytest.skip("Keras 3.8 has no CutMix")
    if page.name == "grain.md" and not FIT_TAKES_GRAIN:
        pytest.skip("Keras knows no Grain before 3.12")
    if page.name not in ("README.md", "layers.md"):
        request.getfixturevalue("uncompiled_kernels")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    if page != README:  # which makes its own
        (tmp_path / "photos").symlink_to(jpeg_directory)
    text = page.read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) == len(re.findall(r"^```(?:python|console)", text, re.MULTILINE))
    names, old_names = {"model": model}, {"model": model}
    for kind, block in blocks:
        if kind == "console":
            run_commands(block)
        elif kind in EXTRAS and importlib.util.find_spec(EXTRAS[kind]) is None:
            continue
        elif kind == "python before":
            pathlib.Path("old.py").write_text(block)
            pathlib.Path("script.py").write_text(MODEL + block)
            with in_place():
                exec(compile(block, page.name, "exec"), old_names)
        else:
            exec(compile(block, page.name, "exec"), names)


@each_page
def test_a_before_block_is_the_old_world(page):
    """It has a legacy import, or goes on with what such a block has made; the other blocks have none."""
    classes = "ImageDataGenerator|TimeseriesGenerator|Tokenizer"
    legacy = re.compile(rf"^from keras\.preprocessing\.(image|sequence|text) import ({classes})", re.MULTILINE)
    seen = False
    for kind, block in BLOCK.findall(page.read_text()):
        if kind == "python before":
            seen = seen or bool(legacy.search(block))
            assert seen
        elif "install()" not in block:
            assert not legacy.search(block)


@each_page
def test_paths_exist(page):
    for path in re.findall(r"`((?:compat|layers|tests|migration_guide)/[\w./]*)`", page.read_text()):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"python (migration_guide/[\w./]*)", page.read_text()):
        assert (ROOT / path).exists(), path


@each_page
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    named = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", text, re.MULTILINE))
    assert set(re.findall(r"\]\[([^]]+)\]", text)) == set(named)
    links += named.values()
    for link in links:
        if re.match(r"https?://", link):
            assert urllib.parse.urlparse(link).netloc
            continue
        path, _, anchor = link.partition("#")
        target = pathlib.Path(os.path.normpath(page.parent / path)) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_readme_is_a_door():
    """One screen wide, a few long; and the error at the top is the one that people look for."""
    lines = README.read_text().splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 120] == []
    told = next(line for line in lines if line.startswith("ImportError: ")).removeprefix("ImportError: ")
    with pytest.raises(ImportError) as error:
        from keras.preprocessing.image import ImageDataGenerator  # noqa: F401
    assert str(error.value).startswith(told)


def anchors(page):
    """The anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_page_of_the_guide_is_in_its_index():
    index = (ROOT / "migration_guide" / "README.md").read_text()
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"]({page.name})" in index
