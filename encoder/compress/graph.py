"""A small builder of ONNX graphs: nodes are made in the order in which they compute, constants as
they are met.

Written by hand and not traced, because ONNX Runtime has fused operators (`com.microsoft`) for what
an encoder does, and naming them directly gives the same graph with every version of an exporter.

Operators: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"
OPSET = 23  # the first with an operator for attention; ONNX Runtime 1.23 and later
IR_VERSION = 11  # of the file; what OPSET 23 needs


class Graph:
    """Nodes and constants so far; values go by their names."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any]) -> str:
        """The name of a constant."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, fused: bool = False, **attributes: Any) -> str:
        """The name of the one output of a new node; `fused` for an operator of ONNX
        Runtime's own.
        """
        return self.nodes(operator, 1, *inputs, fused=fused, **attributes)[0]

    def nodes(
        self, operator: str, outputs: int, *inputs: str, fused: bool = False, **attributes: Any
    ) -> list[str]:
        """The names of several outputs of a new node."""
        names = [f"n{len(self._nodes)}_{place}" for place in range(outputs)]
        domain = FUSED if fused else ""
        self._nodes.append(
            helper.make_node(operator, list(inputs), names, domain=domain, **attributes)
        )
        return names

    def model(self, inputs: list[str], output: str, dim: int) -> bytes:
        """The file: int64 `inputs` (batch, tokens), and `output` (batch, dim) float32 under the
        name `embedding`.
        """
        self._nodes.append(helper.make_node("Identity", [output], ["embedding"]))
        graph = helper.make_graph(
            self._nodes,
            "slatestream",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
                for name in inputs
            ],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])],
            self._constants,
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
        model = helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="slatestream"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
