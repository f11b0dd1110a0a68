"""What the distributions hold: the packages with their types; in the source archive all that the tests need."""

import pathlib
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
    assert wheel == {name for name in files if name.startswith(("compat/", "layers/"))}
