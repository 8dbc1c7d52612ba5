"""Products of layers: the fast kernel gives what the plain one gives, with gradient."""

from __future__ import annotations

import pytest
import torch

from genoprot_evaluate.heads.products import fast_kernel, linear


def drawn(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"), [(50, 30, 20), (1, 30, 20), (50, 1, 1), (257, 1153, 65)]
)
def test_product_and_gradients_are_those_of_double_precision(rows, inputs, outputs):
    x, weight, of_output = drawn(rows, inputs), drawn(outputs, inputs, seed=1), drawn(rows, outputs, seed=2)
    found = []
    for dtype in (torch.float32, torch.float64):
        leaves = [x.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()]
        product = linear(*leaves)
        product.backward(of_output.to(dtype))
        found.append([product.detach(), *(leaf.grad for leaf in leaves)])
    for single, double in zip(*found):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=2e-6 * double.abs().max().item())
    torch.testing.assert_close(found[1][0], x @ weight.T)


def test_views_are_multiplied_like_copies():
    x, weight = drawn(40, 60, dtype=torch.float32), drawn(30, 60, dtype=torch.float32, seed=1)
    assert torch.equal(linear(x[:, 20:], weight[:, 20:]), linear(x[:, 20:].clone(), weight[:, 20:].clone()))
    turned = linear(x.T.contiguous().T, weight)
    torch.testing.assert_close(turned, linear(x, weight))


def test_fast_kernel_is_found_where_torch_has_it():
    x = drawn(3, 3)
    assert fast_kernel(x.float()) == torch.backends.mkldnn.is_available()
    assert not fast_kernel(x)
    assert not fast_kernel(x.float()[:0])
    assert linear(x.float()[:0], x.float()).shape == (0, 3)


def test_nothing_is_computed_that_no_one_asked_for():
    x, weight = drawn(5, 4, dtype=torch.float32), drawn(3, 4, dtype=torch.float32).requires_grad_()
    linear(x, weight).sum().backward()
    assert x.grad is None
    assert weight.grad.shape == weight.shape
