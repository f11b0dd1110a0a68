"""What the distributions hold: the packages with their types; in the source archive all that the tests need."""

import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""


def test_the_distributions_are_whole(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout")
    files = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for name in files:  # what a build leaves behind stays out of the checkout
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD, tmp_path], cwd=tmp_path / "tree", capture_output=True, check=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    own = {name for name in files if not name.startswith(".")}
    assert own <= source
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        wheel = {name.removeprefix("keras_regen/") for name in archive.namelist() if ".dist-info/" not in name}
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode().replace("\r\n", "\n")
    assert wheel == {name for name in files if name.startswith(("compat/", "layers/"))}
    assert "Description-Content-Type: text/markdown" in described
    assert not [link for link in re.findall(r"\]\(([^)]*)\)", described) if not link.startswith("https://")]
    for line in (ROOT / "README.md").read_text().splitlines():
        assert "](" in line or "][" in line or re.match(r"\[\w+\]: ", line) or line in described, line


def test_links_of_an_index_page_lead_into_the_repository(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from setup import long_description

    text = "![a cat](p/cat.jpg) [one](guide/a.md#b) [two][t], [three](https://x.org) `[i]`\n\n[t]: c.md\n"
    address = "https://github.com/owner/name/blob/main/"
    expected = (
        "![a cat](https://github.com/owner/name/raw/main/p/cat.jpg) "
        "[one](https://github.com/owner/name/blob/main/guide/a.md#b) "
        "[two](https://github.com/owner/name/blob/main/c.md), [three](https://x.org) `[i]`\n\n"
    )
    assert long_description(text, address) == expected
    without = "*a cat* one (`guide/a.md`) two (`c.md`), [three](https://x.org) `[i]`\n\n"
    assert long_description(text, "") == without
    sys.modules.pop("setup")
