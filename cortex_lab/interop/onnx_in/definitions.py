"""What ONNX itself says of an operator: which inputs and settings it must have, and of which kind."""

from __future__ import annotations

from functools import cache
from typing import Any

from onnx import AttributeProto, defs

_OPTIONAL = defs.OpSchema.FormalParameterOption.Optional
_KINDS = {each.number: each.name for each in AttributeProto.AttributeType.DESCRIPTOR.values}


def unlike_definition(node: Any, opset: int) -> str:
    """How the operator differs from what ONNX' `opset` says of it; "" if it does not."""
    schema = _definition(node.op_type, opset)
    if schema is None:
        return f"is no operator of opset {opset}"
    reads, gives = len(node.input), len(node.output)
    if not schema.min_input <= reads <= schema.max_input:
        return f"reads {reads} tensors, and {schema.min_input} to {schema.max_input} belong to it"
    if not schema.min_output <= gives <= schema.max_output or not any(node.output):
        return f"gives {gives} tensors, and {schema.min_output} to {schema.max_output} belong to it"
    for formal, name in zip(schema.inputs, node.input, strict=False):
        if not name and formal.option != _OPTIONAL:
            return f"lacks what it reads as {formal.name}"
    found = {each.name: each.type for each in node.attribute}
    for name, said in schema.attributes.items():
        if name not in found and said.required:
            return f"lacks its setting {name}"
        if name in found and found[name] != said.type.value:
            return f"has {name} of the kind {_KINDS[found[name]]}, and {said.type.name} is wanted"
    unknown = next((name for name in found if name not in schema.attributes), None)
    return f"has a setting that is not known, {unknown}" if unknown is not None else ""


@cache
def _definition(kind: str, opset: int) -> Any:
    try:
        return defs.get_schema(kind, opset)
    except defs.SchemaError:
        return None
