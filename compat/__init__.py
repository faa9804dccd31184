"""Old names on any backend: TF1 and Keras 2 behaviour, figure for figure."""
