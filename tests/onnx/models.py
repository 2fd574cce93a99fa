"""Writes the small models of `exported.rs`, as PyTorch exports them, and the outputs of ONNX Runtime.

python tests/onnx/models.py, with the packages torch, transformers, onnx and onnxruntime.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "models"
torch.manual_seed(0)


def numbers(*shape):
    """Numbers from -1 to 1 that the tests compute as well."""
    k = np.arange(np.prod(shape))
    return ((k * 7919 % 1000) / 500 - 1).astype(np.float32).reshape(shape)


def run(name, **inputs):
    path = FOLDER / f"{name}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(None, inputs)
    flat = np.concatenate([output.ravel() for output in outputs]).astype(np.float32)
    np.save(FOLDER / f"{name}.npy", flat)
    print(name, path.stat().st_size, [output.shape for output in outputs])


def export(name, module, inputs, names, opset, **axes):
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    for buffer_name, buffer in module.named_buffers():
        if buffer_name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 2.0)
        elif buffer_name.endswith("running_mean"):
            nn.init.uniform_(buffer, -0.5, 0.5)
    tensors = tuple(torch.from_numpy(x) for x in inputs)
    torch.onnx.export(
        module.eval(),
        tensors,
        FOLDER / f"{name}.onnx",
        input_names=names,
        output_names=["y"],
        dynamic_axes=axes.get("dynamic_axes"),
        opset_version=opset,
        dynamo=False,
    )
    run(name, **dict(zip(names, inputs)))


class Bert(nn.Module):
    """Embeddings, attention with a mask, GELU and layer normalizations, as of Hugging Face."""

    def __init__(self):
        super().__init__()
        config = transformers.BertConfig(
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=12,
            vocab_size=20,
            max_position_embeddings=8,
        )
        config._attn_implementation = "eager"
        self.bert = transformers.BertModel(config, add_pooling_layer=False)

    def forward(self, tokens, mask):
        return self.bert(input_ids=tokens, attention_mask=mask).last_hidden_state


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels):
        super().__init__()
        self.down = nn.Conv2d(channels, 4, 1)
        self.up = nn.Conv2d(4, channels, 1)

    def forward(self, x):
        mean = nn.functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.up(torch.relu(self.down(mean))))


class Mobile(nn.Module):
    """Convolutions with batch normalization, hard swish, gates and a flattened image."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(),
            nn.Conv2d(8, 8, 5, padding=2, groups=8),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            Gate(8),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        )
        self.head = nn.Linear(8 * 5 * 6, 6)

    def forward(self, x):
        y = self.body(x)
        y = y.view(y.size(0), -1)
        return torch.softmax(self.head(y), 1)


class Speech(nn.Module):
    """Convolutions over time, recurrent layers in both directions, and a sum of features."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3, padding=1)
        self.gru = nn.GRU(6, 5, bidirectional=True, batch_first=True)
        self.lstm = nn.LSTM(10, 7, batch_first=True)
        self.head = nn.Linear(7, 3)

    def forward(self, x):
        y = torch.relu(self.conv(x)).transpose(1, 2)
        y, _ = self.gru(y)
        left, right = y.chunk(2, dim=2)
        y, (h, _) = self.lstm(torch.cat([right, left], 2))
        return self.head(y + h.transpose(0, 1)).flip(1)


def control():
    """A branch and a loop whose conditions are computed from the shape of the input."""
    constant = lambda name, value: numpy_helper.from_array(np.array(value), name)

    body = helper.make_graph(
        [
            helper.make_node("Add", ["own", "weight"], ["sum"]),
            helper.make_node("Mul", ["sum", "half"], ["next"]),
            helper.make_node("Identity", ["own_condition"], ["goes_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("own_condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("own", TensorProto.FLOAT, [None, None]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [None, None]),
        ],
    )
    branches = []
    for operator in ["Tanh", "Sigmoid"]:
        output = helper.make_tensor_value_info(operator, TensorProto.FLOAT, None)
        node = helper.make_node(operator, ["looped"], [operator])
        branches.append(helper.make_graph([node], operator, [], [output]))
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"], axis=0),
        helper.make_node("Loop", ["rows", "", "x"], ["looped"], body=body),
        helper.make_node("Equal", ["rows", "three"], ["is_three"]),
        helper.make_node("If", ["is_three"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    weights = [
        constant("zero", np.int64(0)),
        constant("three", np.int64(3)),
        constant("weight", np.float32([[1, 2, 3, 4]])),
        constant("half", np.float32(0.5)),
    ]
    graph = helper.make_graph(
        nodes,
        "control",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, FOLDER / "control.onnx")
    run("control", x=numbers(3, 4))


tokens = (np.arange(6) * 7 % 20).reshape(1, 6)
mask = np.array([[1, 1, 1, 1, 0, 0]])
dynamic = {"tokens": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}}
export("bert", Bert(), [tokens, mask], ["tokens", "mask"], 14, dynamic_axes=dynamic)
export("mobile", Mobile(), [numbers(1, 3, 8, 10)], ["x"], 11)
export("speech", Speech(), [numbers(1, 4, 9)], ["x"], 17, dynamic_axes={"x": {0: "batch"}})
control()
