"""onnxruntime: predictions alone, with weights drawn at random."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from common import job, report_predictions

JOB = job()


def model() -> bytes:
    random = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for i, pair in enumerate(JOB.pairs):
        limit = (6 / sum(pair)) ** 0.5
        weights.append(numpy_helper.from_array(random.uniform(-limit, limit, pair).astype(np.float32), f"w{i}"))
        weights.append(numpy_helper.from_array(np.zeros(pair[1], np.float32), f"b{i}"))
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"t{i}"]))
        kind = "Softmax" if i + 1 == len(JOB.pairs) else {"sigmoid": "Sigmoid", "relu": "Relu"}[JOB.activation]
        last = f"z{i}"
        nodes.append(helper.make_node(kind, [f"t{i}"], [last]))
    value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
    graph = helper.make_graph(nodes, "network", [value("x", JOB.sizes[0])], [value(last, JOB.sizes[-1])], weights)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    built.ir_version = 8
    return built.SerializeToString()


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = JOB.threads
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model(), options, providers=["CPUExecutionProvider"])
report_predictions(JOB, lambda x: session.run(None, {"x": x})[0])
