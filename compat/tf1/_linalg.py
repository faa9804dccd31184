"""Matrices: `tf.matmul`, `tf.einsum`, `tf.diag`, `tf.linalg`."""

from typing import Any

import numpy as np
from keras import ops

from .._dispatch import operation
from ._tensors import dtype_of, ints, same, tensor


def _turned(x: Any) -> Any:
    return ops.swapaxes(x, -1, -2)


@operation("tf.matmul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.matmul`, of matrices and of stacks of them."""
    x, y = same(a, b)
    if len(x.shape) < 2 or len(y.shape) < 2:
        raise ValueError(
            "tf.matmul takes matrices. Received: shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}. Use tf.expand_dims, or tf.tensordot."
        )
    x = _turned(x) if transpose_a or adjoint_a else x
    y = _turned(y) if transpose_b or adjoint_b else y
    return ops.cast(ops.matmul(x, y), dtype_of(x))


def batch_matmul(
    x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None
) -> Any:
    """`tf.batch_matmul`."""
    return matmul(x, y, transpose_a=adj_x, transpose_b=adj_y)


@operation("tf.linalg.matvec")
def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None) -> Any:
    """`tf.linalg.matvec`."""
    x, y = same(a, b)
    return ops.squeeze(ops.matmul(_turned(x) if transpose_a else x, ops.expand_dims(y, -1)), -1)


@operation("tf.tensordot")
def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """`tf.tensordot`."""
    if not isinstance(axes, int):
        axes = [part if isinstance(part, int) else list(ints(part)) for part in axes]
    return ops.tensordot(*same(a, b), axes=axes)


@operation("tf.einsum")
def einsum(equation: Any, *inputs: Any, name: str | None = None, **kwargs: Any) -> Any:
    """`tf.einsum`."""
    return ops.einsum(equation.replace(" ", ""), *same(*inputs))


@operation("tf.trace")
def trace(x: Any, name: str | None = None) -> Any:
    """`tf.trace`, of the last two axes."""
    return ops.sum(_diagonal(tensor(x)), axis=-1)


def _diagonal(x: Any) -> Any:
    return ops.diagonal(x, axis1=-2, axis2=-1)


def _spread(x: Any) -> Any:
    """Matrices whose diagonals are the rows of `x`."""
    same_place = ops.eye(ops.shape(x)[-1], dtype="bool")
    row = ops.expand_dims(x, -1)
    return ops.where(same_place, row, ops.zeros_like(row))


@operation("tf.diag")
def diag(diagonal: Any, name: str | None = None) -> Any:
    """`tf.diag`: (n, m) makes (n, m, n, m)."""
    x = tensor(diagonal)
    sizes = tuple(ops.shape(x))
    return ops.reshape(_spread(ops.reshape(x, (-1,))), sizes + sizes)


@operation("tf.diag_part")
def diag_part(input: Any, name: str | None = None) -> Any:
    """`tf.diag_part`: of (n, m, n, m), the (n, m)."""
    x = tensor(input)
    sizes = tuple(ops.shape(x))
    half = len(sizes) // 2
    if sizes[:half] != sizes[half:]:
        raise ValueError(f"tf.diag_part: shape {sizes} is not two times the same.")
    n = int(np.prod(sizes[:half]))
    return ops.reshape(ops.diagonal(ops.reshape(x, (n, n))), sizes[:half])


@operation("tf.matrix_diag")
def matrix_diag(diagonal: Any, name: str | None = None) -> Any:
    """`tf.matrix_diag`, `tf.linalg.diag`: a matrix for each row."""
    return _spread(tensor(diagonal))


@operation("tf.matrix_diag_part")
def matrix_diag_part(input: Any, name: str | None = None) -> Any:
    """`tf.matrix_diag_part`, `tf.linalg.diag_part`: the diagonal of each matrix."""
    return _diagonal(tensor(input))


@operation("tf.matrix_set_diag")
def matrix_set_diag(input: Any, diagonal: Any, name: str | None = None) -> Any:
    """`tf.matrix_set_diag`, `tf.linalg.set_diag`."""
    x, new = same(input, diagonal)
    rows, columns = ops.shape(x)[-2:]
    own = ops.expand_dims(ops.arange(rows), 1) == ops.expand_dims(ops.arange(columns), 0)
    # The diagonal as a column, or as a row where that is the longer side, fits every entry of it.
    if isinstance(rows, int) and isinstance(columns, int) and columns < rows:
        return ops.where(own, ops.expand_dims(new, -2), x)
    return ops.where(own, ops.expand_dims(new, -1), x)


@operation("tf.matrix_band_part")
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Any:
    """`tf.matrix_band_part`: a negative number of diagonals keeps all of that side."""
    x = tensor(input)
    rows, columns = ops.shape(x)[-2:]
    below = ops.expand_dims(ops.arange(rows), 1) - ops.expand_dims(ops.arange(columns), 0)
    inside = ops.logical_and(
        ops.logical_or(num_lower < 0, below <= num_lower),
        ops.logical_or(num_upper < 0, -below <= num_upper),
    )
    return ops.where(inside, x, ops.zeros_like(x))


@operation("tf.matrix_transpose")
def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Any:
    """`tf.matrix_transpose`."""
    return _turned(tensor(a))


@operation("tf.matrix_inverse")
def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.matrix_inverse`, `tf.linalg.inv`."""
    found = ops.inv(tensor(input))
    return _turned(found) if adjoint else found


@operation("tf.matrix_determinant")
def matrix_determinant(input: Any, name: str | None = None) -> Any:
    """`tf.matrix_determinant`, `tf.linalg.det`."""
    return ops.det(tensor(input))


@operation("tf.linalg.logdet")
def logdet(matrix: Any, name: str | None = None) -> Any:
    """`tf.linalg.logdet`: of positive definite matrices, by Cholesky."""
    return 2.0 * ops.sum(ops.log(_diagonal(ops.cholesky(tensor(matrix)))), axis=-1)


@operation("tf.cholesky")
def cholesky(input: Any, name: str | None = None) -> Any:
    """`tf.cholesky`."""
    return ops.cholesky(tensor(input))


@operation("tf.matrix_solve")
def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """`tf.matrix_solve`, `tf.linalg.solve`."""
    a, b = same(matrix, rhs)
    return ops.solve(_turned(a) if adjoint else a, b)


@operation("tf.self_adjoint_eig")
def self_adjoint_eig(tensor: Any, name: str | None = None) -> Any:
    """`tf.self_adjoint_eig`, `tf.linalg.eigh`: eigenvalues, ascending, and vectors in columns,
    whose signs are a backend's own."""
    return ops.eigh(_tensor(tensor))


@operation("tf.self_adjoint_eigvals")
def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Any:
    """`tf.self_adjoint_eigvals`."""
    return ops.eigh(_tensor(tensor))[0]


_tensor = tensor


@operation("tf.svd")
def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """`tf.svd`: s, u, v, where NumPy's is u, s, vᵀ; signs are a backend's own."""
    if not compute_uv:
        return ops.svd(_tensor(tensor), full_matrices=False, compute_uv=False)
    u, s, turned = ops.svd(_tensor(tensor), full_matrices=full_matrices)
    return s, u, _turned(turned)


@operation("tf.qr")
def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Any:
    """`tf.qr`; signs are a backend's own."""
    return ops.qr(tensor(input), mode="complete" if full_matrices else "reduced")


@operation("tf.cross")
def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """`tf.cross`."""
    x, y = same(a, b)
    (x0, x1, x2), (y0, y1, y2) = ([v[..., i] for i in range(3)] for v in (x, y))
    return ops.stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=-1)
