"""An old program, as text, and what it gave on TensorFlow 1.15.5: data of `demo --legacy`."""
