"""From a description of a flow of images to batches: listing, decoding, augmenting, and `tf.data`."""
