"""Which methods of a generator are not those of its library. They have to be called for every image, in Python."""

METHODS = ("get_random_transform", "apply_transform", "random_transform", "standardize")
"""What a subclass of `ImageDataGenerator` may override."""


def overridden(generator, library_class):
    """Those of `METHODS` that are not the ones of the class: a subclass's, or set by hand on the generator."""
    return [
        name
        for name in METHODS
        if getattr(getattr(generator, name), "__func__", None) is not getattr(library_class, name)
    ]
