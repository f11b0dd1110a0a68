"""Random configurations of generators and flows, for the differential test and the goldens."""

import itertools
import warnings

import numpy as np
import pandas as pd


def generator_arguments(rng, image_size):
    """Keyword arguments of an `ImageDataGenerator`, and the largest size of ZCA that is sensible for its images."""

    def maybe(p, make):
        return make() if rng.rand() < p else None

    def shift():
        return [
            lambda: rng.uniform(0.05, 0.4),
            lambda: float(rng.uniform(1, 8)),
            lambda: int(rng.randint(1, 6)),
            lambda: [-3, 0, 2.5, 6],
            lambda: [0.1, 0.25],
        ][rng.randint(5)]()

    arguments = {
        "rotation_range": maybe(0.5, lambda: [30, 90.5, 180][rng.randint(3)]),
        "width_shift_range": maybe(0.4, shift),
        "height_shift_range": maybe(0.4, shift),
        "shear_range": maybe(0.4, lambda: rng.uniform(1, 40)),
        "zoom_range": maybe(0.5, lambda: [0.3, [0.6, 1.7], (1, 1), [0.8, 0.8]][rng.randint(4)]),
        "channel_shift_range": maybe(0.3, lambda: rng.uniform(1, 80)),
        "brightness_range": maybe(0.25, lambda: [(0.3, 1.8), [0.5, 1.0], (1, 1)][rng.randint(3)]),
        "horizontal_flip": maybe(0.5, lambda: True),
        "vertical_flip": maybe(0.3, lambda: True),
        "fill_mode": ["nearest", "constant", "reflect", "wrap"][rng.randint(4)],
        "cval": maybe(0.5, lambda: float(rng.randint(0, 300))),
        "interpolation_order": [0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 4, 5][rng.randint(14)],
        "rescale": maybe(0.5, lambda: [1 / 255, 2, 0, 1 / 127.5][rng.randint(4)]),
        "samplewise_center": maybe(0.2, lambda: True),
        "samplewise_std_normalization": maybe(0.2, lambda: True),
        "featurewise_center": maybe(0.2, lambda: True),
        "featurewise_std_normalization": maybe(0.2, lambda: True),
        "zca_whitening": maybe(0.15, lambda: True) if image_size <= 300 else None,
        "validation_split": maybe(0.4, lambda: rng.uniform(0.2, 0.7)),
        "data_format": maybe(0.3, lambda: "channels_first"),
        "dtype": maybe(0.15, lambda: "float64"),
    }
    if arguments["fill_mode"] == "reflect" and arguments["interpolation_order"] > 1:
        # SciPy up to 1.17 begins its prefilter wrongly there: on images below 20 pixels, as these are, it shows.
        arguments["fill_mode"] = "nearest"
    if arguments["samplewise_std_normalization"] and arguments["channel_shift_range"]:
        # A large shift of a pale photograph leaves one colour, whose deviation is rounding noise.
        arguments["channel_shift_range"] /= 10
    if arguments["data_format"] == "channels_first":
        arguments["brightness_range"] = None  # the legacy code raises
    return {name: value for name, value in arguments.items() if value is not None}


def flow_arguments(rng, validation_split):
    arguments = {
        "batch_size": int(rng.randint(1, 9)),
        "shuffle": bool(rng.randint(2)),
        "seed": [None, int(rng.randint(1000))][rng.rand() < 0.8],
    }
    if validation_split and rng.rand() < 0.7:
        arguments["subset"] = ["training", "validation"][rng.randint(2)]
    return arguments


def file_arguments(rng):
    return {
        "color_mode": ["rgb", "rgb", "grayscale", "rgba"][rng.randint(4)],
        "interpolation": ["nearest", "nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"][rng.randint(7)],
    }


def array_flow(rng, generator, channels_first, flow):
    """Positional and keyword arguments of `flow`."""
    n, channels = int(rng.randint(5, 20)), [1, 3, 3, 4][rng.randint(4)]
    height, width = rng.randint(1, 30, 2)
    if generator.get("zca_whitening"):  # more images than values in one: else the last directions are rounding noise
        n, height, width = 120, 4, 4
    x = rng.uniform(0, 255, (n, height, width, channels)).astype("float32")
    kind = rng.randint(4)
    x = [x, np.floor(x), x / 255, x - 100][kind].astype(["float32", "uint8", "float32", "float64"][kind])
    if channels_first:
        x = x.transpose(0, 3, 1, 2)
    arguments = dict(flow, ignore_class_split=True)
    y = [None, rng.randint(0, 5, n), rng.rand(n, 3)][rng.randint(3)]
    if y is not None and "subset" not in flow and rng.rand() < 0.5:
        arguments["sample_weight"] = rng.rand(n)
    inputs = [x, rng.rand(n, 2)] if rng.rand() < 0.2 else x
    return x, (inputs, y), arguments


def dataframe_of(rng, directory, class_mode):
    """A dataframe of the files below a directory, with every kind of label."""
    files = sorted(str(p.relative_to(directory)) for p in directory.rglob("*.*"))
    rng.shuffle(files)
    n = len(files)
    frame = pd.DataFrame(
        {
            "filename": files,
            "class": [["dog", "cat", "ant"][i] for i in rng.randint(0, 3, n)],
            "weight": rng.rand(n),
            "height": rng.rand(n),
            "age": rng.randint(0, 90, n),
        }
    )
    if class_mode == "binary":
        frame["class"] = [["dog", "cat"][i % 2] for i in range(n)]
    if class_mode == "categorical" and rng.rand() < 0.4:
        frame["class"] = [[["dog"], ("cat", "ant"), ["ant", "dog"]][i] for i in rng.randint(0, 3, n)]
    return frame


def kinds(count):
    """The seeds of a few of `count` configurations that move pixels: each two values of fill mode, order, dtype and
    data format that occur together in any of them do so in one of these."""
    pairs = {}
    for seed in range(count):
        rng, kind = np.random.RandomState(seed), seed % 3
        rng.randint(4, 40, 2)  # the target size, which `make` draws first
        arguments = generator_arguments(rng, image_size=0 if kind == 0 else 10_000)
        if {"rotation_range", "width_shift_range", "height_shift_range", "shear_range", "zoom_range"} & set(arguments):
            drawn = [arguments.get(name) for name in ("fill_mode", "interpolation_order", "dtype", "data_format")]
            pairs[seed] = set(itertools.combinations(enumerate(drawn), 2))
    chosen, left = [], set().union(*pairs.values())
    while left:
        chosen.append(max(pairs, key=lambda seed: len(pairs[seed] & left)))
        left -= pairs[chosen[-1]]
    return chosen


def make(image_module, seed, directory, nearest=False):
    """Build the generator and iterator number `seed` with the classes of `image_module`, quietly.

    Returns:
        The iterator, and whether its values are only equal within the tolerance of statistics.
    """
    rng = np.random.RandomState(seed)
    kind = ["flow", "flow_from_directory", "flow_from_dataframe"][seed % 3]
    target = [int(s) for s in rng.randint(4, 40, 2)]
    arguments = generator_arguments(rng, image_size=0 if kind == "flow" else 10_000)
    channels_first = arguments.get("data_format") == "channels_first"
    flow = flow_arguments(rng, arguments.get("validation_split"))
    files = file_arguments(rng)
    if nearest:  # the one that no two versions of Pillow do differently
        files["interpolation"] = "nearest"
    sample = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = image_module.ImageDataGenerator(**arguments)
        if kind == "flow":
            sample, positional, keywords = array_flow(rng, arguments, channels_first, flow)
        elif kind == "flow_from_directory":
            keywords = dict(flow, **files, target_size=target, keep_aspect_ratio=bool(rng.randint(2)))
            keywords["class_mode"] = ["categorical", "binary", "sparse", "input", None][rng.randint(5)]
            keywords["classes"] = [None, ["c third", "A_first"]][rng.randint(2)]
            positional = (str(directory),)
        else:
            mode = ["categorical", "binary", "sparse", "input", None, "raw", "multi_output"][rng.randint(7)]
            frame = dataframe_of(rng, directory, mode)
            keywords = dict(flow, **files, target_size=target, class_mode=mode)
            keywords["weight_col"] = [None, "weight"][rng.randint(2)]
            keywords["y_col"] = {"raw": ["class", "age", ["height", "age"]][rng.randint(3)]}.get(mode, "class")
            if mode == "multi_output":
                keywords["y_col"] = ["height", "age"]
            positional = (frame, str(directory))
        fitted = any(arguments.get(a) for a in ("featurewise_center", "featurewise_std_normalization", "zca_whitening"))
        if fitted:
            if sample is None:
                channels = {"rgb": 3, "rgba": 4, "grayscale": 1}[files["color_mode"]]
                sample = rng.uniform(0, 255, (6, *target, channels)).astype("float32")
                if channels_first:
                    sample = sample.transpose(0, 3, 1, 2)
            # Whitening multiplies the ulp between SciPy and the kernels by the condition of the data: not augmented.
            augment = bool(rng.randint(2)) and not arguments.get("zca_whitening")
            generator.fit(sample, augment=augment, rounds=2, seed=seed)
        iterator = getattr(generator, kind)(*positional, **keywords)
    statistical = fitted or any(arguments.get(a) for a in ("samplewise_center", "samplewise_std_normalization"))
    return iterator, {"statistical": statistical, **arguments}


def pull(iterator, seed):
    """Six batches in a random mixture of `next` and `[i]`, with resets and epoch ends between them."""
    rng = np.random.RandomState(seed + 10_000)
    np.random.seed(seed)
    batches = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(6):
            action = rng.randint(8)
            if action == 0:
                iterator.reset()
            if action == 1:
                iterator.on_epoch_end()
            if action < 5 or not len(iterator):
                batches.append(next(iterator))
            else:
                batches.append(iterator[int(rng.randint(-1, len(iterator)))])
    return batches, np.random.random()
