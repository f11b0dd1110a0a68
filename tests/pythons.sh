#!/usr/bin/env bash
# Run the tests that compile nothing on other versions of Python, each in a virtual environment of its own.
#     tests/pythons.sh [PYTHON...]
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- python3.10 python3.12 python3.13
environments=$(mktemp -d)
trap 'rm -rf "$environments"' EXIT
for python in "$@"; do
    "$python" -m venv "$environments/venv" --clear --upgrade-deps  # pip 23 looks for ten minutes and more
    "$environments/venv/bin/pip" install --quiet -e '.[test]'
    "$environments/venv/bin/python" --version
    "$environments/venv/bin/python" -m pytest -n 2 -p no:cacheprovider -k "not compiled" tests/test_architecture.py \
        tests/compat/test_{bad_input,broken_files,conventions,decoding,differential,draws,explain,fitting}.py \
        tests/compat/test_{functions,install,listing,migrate,replay,rows}.py
done
