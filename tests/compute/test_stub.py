from __future__ import annotations

import ast
import inspect

from cortex_lab.compute import Ops, stub
from cortex_lab.compute.kernel import REGISTRY


def test_it_is_what_would_be_written_now():
    remedy = "ops.pyi is stale: python -m cortex_lab.compute.stub"
    assert stub.PATH.read_text(encoding="utf-8") == stub.written(), remedy


def test_every_kernel_and_every_method_is_in_it_with_its_arguments():
    tree = ast.parse(stub.written())
    (declared,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Ops")
    methods = {node.name: node for node in declared.body if isinstance(node, ast.FunctionDef)}
    own = {name for name, member in vars(Ops).items() if inspect.isfunction(member) and name[0] != "_"}
    ours = stub.PACKAGE
    kernels = {name: each for name, each in REGISTRY.items() if each.reference.__module__.startswith(ours)}
    assert set(methods) == own | set(kernels)
    for name, kernel in kernels.items():
        wanted = list(inspect.signature(kernel.reference).parameters)
        found = [each.arg for each in methods[name].args.args]
        assert found == ["self", *wanted[1:]], name
        assert ast.get_docstring(methods[name]), name
