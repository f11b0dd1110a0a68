#!/usr/bin/env bash
# Run the tests that depend on the Keras backend with JAX and with PyTorch, in one process each, side by side.
#     pip install -e '.[test,backends]' && tests/backends.sh
set -uo pipefail
cd "$(dirname "$0")/.."
backends=(jax torch)
processes=()
logs=$(mktemp -d)
for backend in "${backends[@]}"; do
    KERAS_BACKEND=$backend python -m pytest -q -p no:cacheprovider tests/kernels tests/layers tests/compat/test_backends.py \
        tests/compat/test_epochs.py tests/compat/test_random_access.py "tests/test_documents.py::test_blocks_run[README.md]" \
        "tests/test_documents.py::test_blocks_run[migration_guide/layers.md]" \
        "tests/test_documents.py::test_blocks_run[migration_guide/segmentation_and_detection.md]" > "$logs/$backend" 2>&1 &
    processes+=($!)
done
python -m pytest -q -p no:cacheprovider tests/compat/test_without_tensorflow.py
without=$?
failed=$without
for k in "${!backends[@]}"; do
    wait "${processes[$k]}" || failed=1
    echo "== ${backends[$k]}"
    tail -n 40 "$logs/${backends[$k]}"
done
exit $failed
