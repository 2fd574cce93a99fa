"""Makes `explain.json`: attributions by Captum, gradients of embeddings, and attention weights by PyTorch, all in `f64`.

    pip install captum==0.9.0 torch
    python tests/reference/make_explain.py
"""

import json
import pathlib

import captum
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradientXActivation, Saliency
from torch import nn

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)


def numbers(tensor):
    return tensor.detach().flatten().tolist()


def params(net):
    return {name: numbers(p) for name, p in net.named_parameters()}


def images():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    x, baseline = 2 * torch.randn(1, 6), torch.randn(1, 6)
    case = {"params": params(net), "x": numbers(x), "baseline": numbers(baseline), "output": 1}
    case["saliency"] = numbers(Saliency(net).attribute(x, target=1, abs=False))
    case["input_x_gradient"] = numbers(InputXGradient(net).attribute(x, target=1))
    case["integrated"] = []
    for method in ("gausslegendre", "riemann_middle"):
        for steps in (7, 50, 100):
            for base in (None, baseline):
                values = IntegratedGradients(net).attribute(x, baselines=base, target=1, n_steps=steps, method=method)
                case["integrated"].append({"method": method, "steps": steps, "baseline": base is not None, "values": numbers(values)})
    return case


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(12, 4)
        self.gru = nn.GRU(4, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, tokens):
        return self.head(self.gru(self.words(tokens))[0][:, -1])


def text():
    torch.manual_seed(4)
    net = Text()
    tokens = torch.tensor([[3, 11, 0, 7, 3]])
    products = LayerGradientXActivation(net, net.words).attribute(tokens, target=1)
    embedded = net.words(tokens).detach().requires_grad_()
    net.head(net.gru(embedded)[0][:, -1])[0, 1].backward()
    return {"params": params(net), "tokens": numbers(tokens), "output": 1, "products": numbers(products.sum(-1)),
            "norms": numbers(embedded.grad.norm(dim=-1))}


def attention():
    torch.manual_seed(5)
    cases = []
    for name in ("plain", "causal", "cross_masked"):
        cross = name == "cross_masked"
        net = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6 if cross else None, vdim=6 if cross else None)
        nn.init.normal_(net.in_proj_bias)
        x = torch.randn(1, 5, 8)
        memory = torch.randn(1, 7, 6) if cross else x
        mask = torch.tensor([[1, 1, 0, 1, 1, 1, 0]]) if cross else None
        causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if name == "causal" else None
        weights = net(x, memory, memory, key_padding_mask=None if mask is None else mask == 0, attn_mask=causal,
                      need_weights=True, average_attn_weights=False)[1]
        case = {"name": name, "params": params(net), "x": numbers(x), "weights": numbers(weights)}
        if cross:
            case |= {"memory": numbers(memory), "mask": numbers(mask)}
        cases.append(case)
    return cases


if __name__ == "__main__":
    case = {"captum": captum.__version__, "torch": torch.__version__.split("+")[0], "images": images(), "text": text(),
            "attention": attention()}
    (HERE / "explain.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")
