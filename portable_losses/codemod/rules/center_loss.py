"""placeholder"""


def apply(ctx):
    pass
