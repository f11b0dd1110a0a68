#!/usr/bin/env bash
# Run the tests against the oldest versions that pyproject.toml allows, in a virtual environment of their own.
#     tests/lowest_versions.sh [FOLDER FOR THE ENVIRONMENT]
# PYTHON names the interpreter: 3.11 or 3.12, the oldest TensorFlow has no newer one.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.lowest-venv}
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
lowest=$("$venv/bin/python" - <<'PY'
import pathlib
import re

listed = re.search(r"^dependencies = \[(.*?)\]", pathlib.Path("pyproject.toml").read_text(), re.M | re.S)[1]
oldest = dict(reversed(re.findall(r'"([\w-]+)>=([\d.]+)', listed)))
print(" ".join(f"{name}=={version}.*" for name, version in oldest.items()))
PY
)
echo "$lowest"
"$venv/bin/pip" install --quiet $lowest
"$venv/bin/pip" install --quiet -e '.[test]' $lowest
"$venv/bin/python" -m pytest -n 2
