"""What PyTorch exports as ONNX is read, and computes the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cortex_lab.interop import read_onnx

pytest.importorskip("onnx", reason="needs the extra 'interop'")


@pytest.mark.oracle
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("fixed", [False, True], ids=["any rows", "3 rows"])
@pytest.mark.parametrize("which", range(3))
def test_what_pytorch_exports_is_read(which, fixed, tmp_path):
    torch = pytest.importorskip("torch")
    from tests.interop.torch_models import models

    module, x = models(torch)[which]
    module.eval()
    axes = None if fixed else {"x": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (x,),
            tmp_path / "m.onnx",
            dynamo=False,
            opset_version=17,
            input_names=["x"],
            dynamic_axes=axes,
        )
    expected = module(x).detach().numpy()
    np.testing.assert_allclose(
        read_onnx(tmp_path / "m.onnx").predict(x.numpy()), expected, rtol=1e-4, atol=1e-5
    )
