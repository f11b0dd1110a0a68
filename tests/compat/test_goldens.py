"""The batches of the legacy module of Keras 3.15, as committed in `goldens.npz`."""

import numpy as np
import pytest
from keras_regen.compat import image as ours

from ..versions import NUMPY_1
from .configurations import make, pull
from .goldens import CONFIGURATIONS, PATH, sample, write_directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    root = tmp_path_factory.mktemp("goldens")
    write_directory(root)
    return root


@pytest.mark.slow
def test_same_batches_compiled(directory, always_compile):
    test_same_batches_as_keras_3_15(directory)


@pytest.mark.filterwarnings("ignore")
def test_same_batches_as_keras_3_15(directory):
    goldens = np.load(PATH)
    assert sum(goldens[name].size for name in goldens if name.endswith("pixels")) > 30_000
    for seed in range(CONFIGURATIONS):
        if seed == 31 and NUMPY_1:
            continue  # the legacy module of that time differs in the same way
        iterator, settings = make(ours, seed, directory, nearest=True)
        batches, state = pull(iterator, seed)
        pixels, others = sample(batches, seed)
        assert state == goldens[f"{seed}_state"], seed
        np.testing.assert_array_equal(others, goldens[f"{seed}_others"], err_msg=str(seed))
        want = goldens[f"{seed}_pixels"].astype("float64")
        magnitude = np.abs(want).max(initial=1e-30)
        if settings["statistical"]:
            np.testing.assert_allclose(pixels, want, rtol=1e-5, atol=1e-5 * magnitude, err_msg=f"{seed} {settings}")
        else:
            ulp = np.spacing(np.float32(magnitude)) if settings.get("interpolation_order", 1) > 1 else 0
            allowed = np.maximum(np.spacing(np.abs(want).astype("float32")).astype("float64"), ulp)
            assert (np.abs(pixels - want) <= allowed).all(), (seed, settings)
