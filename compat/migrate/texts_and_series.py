"""What `--target modern` keeps of texts and series, since Keras 3's own give other numbers and other windows."""

import libcst as cst

from .names import meaning

_KEPT = {
    "text.Tokenizer": (
        "TextVectorization numbers words otherwise: `to_layer()` makes a layer",
        "As a layer",
    ),
    "sequence.TimeseriesGenerator": (
        "timeseries_dataset_from_array takes targets and ends otherwise: `keras-regen explain` writes its call",
        "With Keras's own function",
    ),
}
"""The reason and the section of the guide."""


def keep_texts_and_series(program):
    """Say at each call of a class that it is kept, and why."""
    for call in program.of(cst.Call):
        meanings = {meaning(path) if path else None for path in program.paths(call.func)}
        if len(meanings) == 1 and (kept := _KEPT.get(meanings.pop())):
            keep(program, call, *kept)


def keep(program, call, reason, section):
    """Say of a call that it stays as it is, and where the guide tells of it. Nobody must act: there is no comment."""
    program.report(call, f"kept, because {reason}. See migration_guide: {section}")
