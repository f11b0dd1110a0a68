"""Random configurations against the legacy module of the installed Keras: same seed, same batches."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from keras_regen.compat.image import batches

from .configurations import kinds
from .differential import check

CONFIGURATIONS = 600
CHUNK = 50


def chunks(seeds):
    return [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]


every_chunk = pytest.mark.parametrize("seeds", chunks(range(CONFIGURATIONS)), ids=lambda seeds: f"from {seeds[0]}")


@every_chunk
def test_same_batches(seeds, mixed_directory):
    """By SciPy, as for everybody until compiling pays."""
    check(seeds, mixed_directory)


@pytest.fixture(scope="module")
def another_process():
    """A process for what XLA compiles, 20 MB a configuration that never come back."""
    with a_process() as process:
        yield process


def a_process(by="Numba where it can"):
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=compile_always, initargs=(by,))


def compile_always(by):
    batches.COMPILE_AFTER_SECONDS = 0.0
    if by == "XLA alone":
        batches.image_kernel = lambda *_: None


@pytest.mark.parametrize("seeds", chunks(kinds(CONFIGURATIONS)), ids=lambda seeds: f"from {seeds[0]}")
def test_same_batches_compiled(seeds, mixed_directory, another_process):
    """Each fill mode with each order, and either with each dtype and data format; test_warp.py has all together."""
    another_process.submit(check, seeds, mixed_directory).result()


@pytest.mark.slow
@every_chunk
@pytest.mark.parametrize("by", ["XLA alone", "Numba where it can"])
def test_all_same_batches_compiled(by, seeds, mixed_directory):
    with a_process(by) as process:
        process.submit(check, seeds, mixed_directory).result()
