#!/usr/bin/env python3
"""Makes the test data of ImportedModelTest: a small ViT and a small ResNet through both of PyTorch's ONNX exporters.

    pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 safetensors==0.8.0 && python export_models.py ../resources/onnx

One folder a model and exporter: model.onnx, and data.safetensors with input x [4, 1, 28, 28], label [4], output y [4, 10],
loss (cross-entropy) and grad.NAME for each weight of the file. Exporters rename, transpose and fold weights; a weight of the file
is found among PyTorch's by its values, and its gradient is stored in the file's orientation.
"""
import copy
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")


class Block(nn.Module):
    """A pre-norm transformer block as torchvision's vit_b_16 has it."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Vit(nn.Module):
    def __init__(self, width=24, heads=2, depth=2, patch=7, classes=10):
        super().__init__()
        self.conv_proj = nn.Conv2d(1, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.randn(1, 17, width) * 0.02)
        self.layers = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.ln = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embedding
        return self.head(self.ln(self.layers(x))[:, 0])


class BasicBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, width=8, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = BasicBlock(width, width, 1)
        self.layer2 = BasicBlock(width, 2 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layer2(self.layer1(x))), 1))


def folded(model):
    """What an exporter makes of convolution and normalisation in evaluation mode."""
    m = copy.deepcopy(model)
    for parent in list(m.modules()):
        for conv, bn in (("conv1", "bn1"), ("conv2", "bn2"), ("0", "1")):
            c, b = getattr(parent, conv, None), getattr(parent, bn, None)
            if isinstance(c, nn.Conv2d) and isinstance(b, nn.BatchNorm2d):
                setattr(parent, conv, nn.utils.fusion.fuse_conv_bn_eval(c, b))
                setattr(parent, bn, nn.Identity())
    return m.requires_grad_(True)


def gradients(model, x, label):
    """loss, output, and (value, gradient) of every parameter; buffers have no gradient."""
    model.zero_grad()
    y = model(x)
    loss = F.cross_entropy(y, label)
    loss.backward()
    known = [(p.detach().numpy(), p.grad.numpy()) for p in model.parameters()]
    known += [(b.numpy(), None) for b in model.buffers()]
    return loss.item(), y.detach().numpy(), known


def find(value, sources):
    for known in sources:
        for v, g in known:
            for turned in (False, True):
                if turned and v.ndim != 2:
                    continue
                w = v.T if turned else v
                if w.shape == value.shape and np.allclose(w, value, rtol=1e-5, atol=1e-6):
                    return None if g is None else np.ascontiguousarray(g.T if turned else g)
                if w.size == value.size and v.ndim == 1 and np.allclose(w.ravel(), value.ravel(), rtol=1e-6, atol=0) and v.any():
                    return None if g is None else g.reshape(value.shape)
    raise ValueError("no parameter has these values")


def make(out, name, model, dynamo):
    torch.manual_seed(0)
    x, label = torch.randn(4, 1, 28, 28), torch.tensor([0, 3, 7, 9])
    folder = out / f"{name}-{'dynamo' if dynamo else 'torchscript'}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    if dynamo:
        torch.onnx.export(model, (x,), file, input_names=["x"], output_names=["y"], dynamo=True, external_data=False,
                          dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=1024)}})
    else:
        torch.onnx.export(model, (x,), file, input_names=["x"], output_names=["y"], dynamo=False, opset_version=17,
                          training=torch.onnx.TrainingMode.PRESERVE, dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})
    # The newer exporter keeps a stack trace of this machine with every node.
    m = onnx.load(file)
    for thing in [m.graph, *m.graph.node, *m.graph.input, *m.graph.output, *m.graph.value_info, *m.graph.initializer]:
        del thing.metadata_props[:]
        thing.doc_string = ""
    onnx.save(m, file)
    loss, y, known = gradients(model, x, label)
    sources = [known, gradients(folded(model), x, label)[2]]
    data = {"x": x.numpy(), "label": label.numpy(), "y": y, "loss": np.array(loss, np.float32)}
    for t in m.graph.initializer:
        value = numpy_helper.to_array(t)
        if value.dtype == np.float32 and value.size > 1:  # a lone number is a scale of the formula
            g = find(value, sources)
            if g is not None:
                data["grad." + t.name] = g
    save_file(data, folder / "data.safetensors")
    print(folder.name, [o.version for o in m.opset_import], len(m.functions), sorted({n.op_type for n in m.graph.node}), [(t.name, list(t.dims)) for t in m.graph.initializer if "grad." + t.name not in data],
          sorted(data))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    for title, kind in (("vit", Vit), ("resnet", ResNet)):
        torch.manual_seed(1)
        net = kind()
        with torch.no_grad():
            for p in net.parameters():
                if p.ndim == 1 or p.shape[:2] == (1, 1):
                    p += 0.1 * torch.randn_like(p)
            net.train()
            for _ in range(3):
                net(torch.randn(16, 1, 28, 28))
        net.eval()
        for way in (False, True):
            make(target, title, net, way)
