"""The augmentation layers. Their kernels are here, in `keras_regen.layers.kernels`; the layers are to come."""
