"""What generators and iterators are in layers and `tf.data`, as code and as sentences."""
