"""Functions of TensorFlow 1 that make variables, as layers that own them."""
