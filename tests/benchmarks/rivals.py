"""The same images by other libraries: decoded, resized to the nearest pixel, turned, sheared, zoomed, shifted, flipped.

Each of `RIVALS` is a function of a `Task` that returns an iterable of batches, which begins anew with each loop; an
ImportError says what is not installed. All take two workers and the bilinear interpolation; the edge goes on outside,
but for Pillow and torchvision, which are black there. Worker processes import this module, so it loads little.
"""

import collections
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
from PIL import Image


class Task(NamedTuple):
    """What to do."""

    paths: list
    labels: np.ndarray
    """int (n,)."""
    size: tuple
    """(height, width)."""
    batch: int
    turn: float
    """Degrees, as `shear`."""
    shear: float
    zoom: float
    rows: float
    """The largest shift of rows, a share of the height."""
    columns: float
    rescale: float


def of_albumentations(task):
    """What Albumentations does to an image, without the resize and the scale."""
    import albumentations
    import cv2

    t = task
    affine = albumentations.Affine(
        rotate=(-t.turn, t.turn),
        shear={"x": (-t.shear, t.shear), "y": (0, 0)},
        scale={"x": (1 - t.zoom, 1 + t.zoom), "y": (1 - t.zoom, 1 + t.zoom)},
        translate_percent={"x": (-t.columns, t.columns), "y": (-t.rows, t.rows)},
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REPLICATE,
        p=1,
    )
    return [affine, albumentations.HorizontalFlip(p=0.5)]


def of_torchvision(task):
    """What torchvision's transforms v2 do to a tensor, without the resize and the scale."""
    from torchvision.transforms import InterpolationMode, v2

    t = task
    ranges = t.turn, (t.columns, t.rows), (1 - t.zoom, 1 + t.zoom), (-t.shear, t.shear)
    return v2.Compose([v2.RandomAffine(*ranges, interpolation=InterpolationMode.BILINEAR), v2.RandomHorizontalFlip()])


class Photographs:
    """The images and labels, loaded by OpenCV and transformed by Albumentations, by index."""

    def __init__(self, task, rescale=True):
        import albumentations
        import cv2

        t = self.task = task
        first = albumentations.Resize(*t.size, interpolation=cv2.INTER_NEAREST)
        last = [albumentations.ToFloat(max_value=1 / t.rescale)] * rescale
        self.transform = albumentations.Compose([first, *of_albumentations(t), *last])

    def __len__(self):
        return len(self.task.paths)

    def __getitem__(self, index):
        import cv2

        image = cv2.cvtColor(cv2.imread(self.task.paths[index]), cv2.COLOR_BGR2RGB)
        return self.transform(image=image)["image"], self.task.labels[index]


class TensorPhotographs(Photographs):
    """The same by Pillow and the transforms v2 of torchvision."""

    def __init__(self, task):
        import torch
        from torchvision.transforms import InterpolationMode, v2

        t = self.task = task
        self.transform = v2.Compose(
            [
                v2.PILToTensor(),
                v2.Resize(t.size, InterpolationMode.NEAREST_EXACT),
                v2.ToDtype(torch.float32, scale=True),
                of_torchvision(t),
            ]
        )

    def __getitem__(self, index):
        return self.transform(Image.open(self.task.paths[index]).convert("RGB")), self.task.labels[index]


class InThreads:
    """Batches of `Photographs`, by two threads, some ahead of time."""

    def __init__(self, photographs):
        without_threads(0)
        self.photographs, self.random = photographs, np.random.RandomState(1)

    def batch(self, indices):
        images, labels = zip(*(self.photographs[i] for i in indices), strict=True)
        return np.stack(images), np.array(labels)

    def __iter__(self):
        order, size = self.random.permutation(len(self.photographs)), self.photographs.task.batch
        with ThreadPoolExecutor(2) as pool:
            pending = collections.deque()
            for start in range(0, len(order), size):
                pending.append(pool.submit(self.batch, order[start : start + size]))
                if len(pending) > 4:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


class Pipes:
    """Batches of a pipeline of NVIDIA DALI on the CPU, as arrays without a copy."""

    def __init__(self, task):
        from nvidia.dali import fn, pipeline_def, types

        t, (height, width) = task, task.size
        centre = {"center": ((width - 1) / 2, (height - 1) / 2)}

        def pair(low, high):
            return fn.stack(*(fn.random.uniform(range=limits) for limits in zip(low, high, strict=True)))

        @pipeline_def(batch_size=t.batch, num_threads=2, device_id=None, seed=1)
        def pipeline():
            files, labels = fn.readers.file(files=list(t.paths), labels=t.labels.tolist(), random_shuffle=True)
            images = fn.resize(fn.decoders.image(files), size=t.size, interp_type=types.INTERP_NN)
            far = [t.columns * width, t.rows * height]
            matrix = fn.transforms.combine(
                fn.transforms.rotation(angle=fn.random.uniform(range=(-t.turn, t.turn)), **centre),
                fn.transforms.shear(angles=fn.stack(fn.random.uniform(range=(-t.shear, t.shear)), 0.0), **centre),
                fn.transforms.scale(scale=pair([1 - t.zoom] * 2, [1 + t.zoom] * 2), **centre),
                fn.transforms.translation(offset=pair([-length for length in far], far)),
            )
            images = fn.warp_affine(images, matrix=matrix, interp_type=types.INTERP_LINEAR, dtype=types.FLOAT)
            return fn.flip(images, horizontal=fn.random.coin_flip()) * t.rescale, labels

        self.pipeline, self.batches = pipeline(), -(-len(t.paths) // t.batch)
        self.pipeline.build()

    def __iter__(self):
        for _ in range(self.batches):
            images, labels = self.pipeline.run()
            yield np.asarray(images.as_tensor()), np.asarray(labels.as_tensor())


def by_grain(task):
    """Batches of Grain's, in its threads: Pillow decodes, resizes and transforms."""
    import grain

    def photograph(index, random):
        image = Image.open(task.paths[index]).convert("RGB").resize(task.size[::-1], Image.Resampling.NEAREST)
        affine = drawn_affine(task, random).ravel()
        image = image.transform(image.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        return np.asarray(image)[:, :: random.choice([-1, 1])] * np.float32(task.rescale), task.labels[index]

    samples = grain.MapDataset.source(range(len(task.paths))).seed(1).shuffle().random_map(photograph)
    return samples.batch(task.batch).to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4))


def drawn_affine(task, random):
    """(2, 3), from (x, y) in the output to (x, y) in the input."""
    t, length = task, np.array(task.size[::-1])
    turn, shear = np.deg2rad([random.uniform(-t.turn, t.turn), random.uniform(-t.shear, t.shear)])
    linear = np.array([[np.cos(turn), -np.sin(turn + shear)], [np.sin(turn), np.cos(turn + shear)]])
    linear *= random.uniform(1 - t.zoom, 1 + t.zoom, 2)
    centre, shares = (length - 1) / 2, np.array([t.columns, t.rows])
    return np.column_stack([linear, centre - linear @ centre + random.uniform(-shares, shares) * length])


def without_threads(worker):
    """Each worker is one thread."""
    import cv2

    cv2.setNumThreads(0)


def in_processes(photographs):
    """Two workers of PyTorch's, which stay from epoch to epoch."""
    import torch

    return torch.utils.data.DataLoader(
        photographs,
        photographs.task.batch,
        shuffle=True,
        num_workers=2,
        multiprocessing_context="spawn",  # a fork of a process with TensorFlow may hang
        worker_init_fn=without_threads if type(photographs) is Photographs else None,
        persistent_workers=True,
    )


RIVALS = {
    "Albumentations and OpenCV, two processes": lambda task: in_processes(Photographs(task)),
    "Albumentations and OpenCV, two threads": lambda task: InThreads(Photographs(task)),
    "Albumentations and OpenCV, two processes, uint8, not rescaled": lambda t: in_processes(Photographs(t, False)),
    "torchvision's transforms v2, two processes": lambda task: in_processes(TensorPhotographs(task)),
    "Grain and Pillow, two threads": by_grain,
    "NVIDIA DALI on the CPU, two threads": Pipes,
}
