"""Make the gallery of the guide, `gallery.md` and its pictures: `python migration_guide/gallery.py`.

Needs scikit-image, for its photographs. The same versions give the same files.
"""

import os
import pathlib
import sys
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras_regen import layers
from PIL import ImageDraw

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pictures import Picture, as_uint8, draw, photograph

FOLDER = pathlib.Path(__file__).parent
SIZE = 128


class Row(NamedTuple):
    """One augmentation: its layer, its numbers from one end to the other, and what there is to say of them."""

    layer: keras.layers.Layer
    column: str
    """The name of what is drawn, of the dictionary that `transform_images` takes."""
    values: tuple
    text: str
    unit: str = ""


class Section(NamedTuple):
    """A heading, its rows, and the photograph that they show."""

    rows: dict
    """Name of a picture, without ending, to a `Row`."""
    photograph: str


R = layers
SECTIONS = {
    "Geometry": Section(
        {
            "rotation": Row(
                R.RandomRotation(40),
                "theta",
                (-40, -20, 0, 20, 40),
                "Degrees; positive ones turn counterclockwise.",
                "°",
            ),
            "width_shift": Row(
                R.RandomShift(width_shift=0.3),
                "tx",
                (-38.4, -19.2, 0, 19.2, 38.4),
                "Fractions of the width below 1, pixels from 1 on. Drawn are pixels; positive ones move the content to "
                "the left.",
                " px",
            ),
            "height_shift": Row(
                R.RandomShift(height_shift=0.3),
                "ty",
                (-38.4, -19.2, 0, 19.2, 38.4),
                "Fractions of the height below 1, pixels from 1 on. Positive ones move the content up.",
                " px",
            ),
            "shear": Row(R.RandomShear(30), "shear", (-30, -15, 0, 15, 30), "Degrees, about the centre.", "°"),
            "zoom": Row(
                R.RandomZoom(0.5, uniform_zoom=True),
                ("zx", "zy"),
                (0.5, 0.75, 1, 1.25, 1.5),
                "Factors; above 1 more of the image is seen, smaller. `uniform_zoom=True` keeps its proportions.",
            ),
            "zoom_apart": Row(
                R.RandomZoom(0.5),
                "zx",
                (0.5, 0.75, 1, 1.25, 1.5),
                "Without `uniform_zoom`, height and width have a factor each: here that of the width changes alone.",
            ),
            "flip_horizontal": Row(R.RandomFlip(), "flip_horizontal", (0, 1), "With a probability of one half."),
            "flip_vertical": Row(R.RandomFlip(False, True), "flip_vertical", (0, 1), "With a probability of one half."),
            "affine": Row(
                R.RandomAffine(
                    rotation=20, width_shift=0.1, height_shift=0.1, shear=10, zoom=0.2, horizontal_flip=True
                ),
                "seed",
                (1, 2, 3, 4, 5),
                "All of these at once, with one resampling: five draws.",
            ),
        },
        "astronaut",
    ),
    "What comes in from outside": Section(
        {
            f"fill_{mode}": Row(
                R.RandomAffine(rotation=30, zoom=0.5, fill_mode=mode, fill_value=128),
                ("theta", "zx", "zy"),
                ((-30, 1, 1), (0, 1.5, 1.5), (30, 1.5, 1.5)),
                text,
            )
            for mode, text in {
                "nearest": "The default: the pixel at the edge.",
                "reflect": "The image, mirrored at its edges.",
                "wrap": "The image again, its first and last row identified.",
                "constant": "`fill_value`, here 128.",
            }.items()
        },
        "chelsea",
    ),
    "Between the pixels": Section(
        {
            f"interpolation_{name}": Row(
                R.RandomAffine(rotation=10, zoom=0.9, interpolation=name),
                ("theta", "zx", "zy"),
                ((0, 0.2, 0.2), (10, 0.1, 0.1)),
                text,
            )
            for name, text in {
                "nearest": "The nearest pixel, as masks are always read.",
                "bilinear": "The default: between the four pixels around.",
                "spline3": "A cubic spline through the pixels.",
            }.items()
        },
        "chelsea",
    ),
    "Colours": Section(
        {
            "brightness": Row(
                R.RandomBrightness(1.0),
                "brightness",
                (0, 0.5, 1, 1.5, 2),
                "A factor: 0 is black, 1 the image, and what is beyond white is white.",
            ),
            "channel_shift": Row(
                R.RandomChannelShift(100),
                "channel_shift_intensity",
                (-100, -50, 0, 50, 100),
                "Added to all values, within the smallest and the largest value of the image.",
            ),
        },
        "coffee",
    ),
}


def transformation(row, value):
    """What a row gives its layer for one panel, and the title of that panel."""
    if row.column == "seed":
        return None, f"seed={value}"
    names = (row.column,) if isinstance(row.column, str) else row.column
    values = value if isinstance(value, tuple) else (value,) * len(names)
    title = ", ".join(f"{name} {number:g}{row.unit}" for name, number in zip(names, values, strict=True))
    return {name: [number] for name, number in zip(names, values, strict=True)}, title.replace("_intensity", "")


def panels(row, image):
    """The photograph with each of the numbers of a row."""
    made = []
    for value in row.values:
        numbers, title = transformation(row, value)
        if numbers is None:
            result = row.layer(image[None], seed=value)
        else:
            result = row.layer.transform_images(image[None], numbers)
        made.append((title, as_uint8(keras.ops.convert_to_numpy(result)[0])))
    return Picture(made, row.text)


def standardized():
    """Statistics: what comes out is stretched to be seen."""
    images = np.stack([photograph(name, SIZE, SIZE) for name in ("astronaut", "coffee", "chelsea")]).astype("float32")
    small = np.stack([photograph(name, 32, 32) for name in ("astronaut", "coffee", "chelsea", "rocket")])
    ways = {
        "original": lambda x: x,
        "samplewise": layers.Standardize(samplewise_center=True, samplewise_std=True),
        "featurewise": layers.Standardize(featurewise_center=True, featurewise_std=True),
    }
    ways["featurewise"].adapt(images)
    whiten = layers.ZCAWhitening(epsilon=10.0)
    whiten.adapt(small)
    made = [(name, stretched(keras.ops.convert_to_numpy(way(images))[0])) for name, way in ways.items()]
    white = stretched(keras.ops.convert_to_numpy(whiten(small))[0])
    return Picture(
        [*made, ("ZCAWhitening, 32x32", white.repeat(4, axis=0).repeat(4, axis=1))],
        "`Standardize` and `ZCAWhitening`, what comes out stretched to 0..255 to be seen.",
    )


def stretched(image):
    return as_uint8(255 * (image - image.min()) / np.ptp(image))


def annotated():
    """One image, its mask and its boxes, as they come in and in four draws."""
    image = photograph("coffee", SIZE, SIZE)
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = (((x - 61) / 28) ** 2 + ((y - 40) / 26) ** 2 < 1).astype("uint8")[..., None]  # the cup
    boxes, labels = np.array([[[33, 14, 89, 66], [64, 70, 94, 106]]], "float32"), np.array([[1, 2]])
    layer = layers.RandomAffine(
        rotation=25, width_shift=0.15, zoom=0.2, horizontal_flip=True, bounding_box_format="xyxy", fill_mode="constant"
    )
    sample = {
        "images": image[None].astype("float32"),
        "segmentation_masks": mask[None],
        "bounding_boxes": {"boxes": boxes, "labels": labels},
    }
    made = [("given", overlay(sample))]
    made += [(f"seed={seed}", overlay(layer(sample, seed=seed))) for seed in (1, 2, 3, 4)]
    return Picture(
        made,
        "A mask (green) and two boxes under `RandomAffine`: a turned box becomes the one around its corners, cut at "
        "the edges.",
    )


def overlay(sample):
    image, mask = (keras.ops.convert_to_numpy(sample[name])[0] for name in ("images", "segmentation_masks"))
    tinted = np.where(mask > 0, 0.6 * image + 0.4 * np.array([0, 255, 0]), image)
    picture = draw(Picture([("", as_uint8(tinted))], "")).crop((8, 18, 8 + SIZE, 18 + SIZE))
    boxes, labels = (keras.ops.convert_to_numpy(sample["bounding_boxes"][name])[0] for name in ("boxes", "labels"))
    for box, label in zip(boxes, labels, strict=True):
        if label >= 0:
            colour = (255, 40, 40) if label == 1 else (60, 120, 255)
            ImageDraw.Draw(picture).rectangle([float(min(x, SIZE - 1)) for x in box], outline=colour, width=2)
    return np.asarray(picture)


def gallery():
    """Name of each picture to a function that makes it."""
    made = {}
    for section in SECTIONS.values():
        for name, row in section.rows.items():
            made[name] = lambda row=row, section=section: panels(row, photograph(section.photograph, SIZE, SIZE))
    return {**made, "statistics": standardized, "masks_and_boxes": annotated}


def page():
    """The text of `gallery.md`."""
    parts = [
        "# Gallery",
        "What each layer of `keras_regen.layers` does, from one end of its range to the other. `python "
        "migration_guide/gallery.py` makes this\npage and its pictures; `keras-regen preview` and `preview` make such "
        "pictures [of your own images](commands.md#pictures).",
    ]
    for heading, section in SECTIONS.items():
        parts.append(f"## {heading}")
        parts += [entry(name, repr(row.layer), row.text) for name, row in section.rows.items()]
    parts += ["## Statistics", entry("statistics", None, standardized().caption)]
    parts += ["## Masks and boxes", entry("masks_and_boxes", None, annotated().caption)]
    parts.append("More in [segmentation and detection](segmentation_and_detection.md).")
    return "\n\n".join(parts) + "\n"


def entry(name, code, text):
    picture = f"![{text.replace('`', '')}](gallery/{name}.jpg)"
    return f"`{code}`\n\n{picture}\n\n{text}" if code else f"{picture}\n\n{text}"


def make(folder=FOLDER):
    """Write the page and all pictures into a folder."""
    (folder / "gallery").mkdir(exist_ok=True)
    for name, function in gallery().items():
        draw(function()).save(folder / "gallery" / f"{name}.jpg", quality=75)
    (folder / "gallery.md").write_text(page())


if __name__ == "__main__":
    make()
