#!/usr/bin/env python3
"""Reference values from the library `peft` for layers with LoRA.

Run, from the root of the repository:

    pip install torch peft safetensors
    python3 tests/reference/make_lora.py

It writes lora.json and lora.safetensors next to itself. The first has inputs,
labels, the initial values' bounds, the losses and the outputs of each of four
steps of AdamW, and the outputs of the network into which the adapters are
merged after them. The second has the weights of the frozen network under
"base.", and what `get_peft_model_state_dict` returns before the first step
under "first." and after the last one under "last.".

The network is `[4, 6] -> [3]`:

    fc: Lora<3, Linear<_, 8>>(6.0), Tanh,
    attention: Lora<2, MultiHeadAttention<_, 2>>(2.0),
    Flatten, head: Linear<_, 3>

Its attention has three layers for queries, keys and values, of which `peft`
adapts two. The head is trained as a whole. Two configurations of `peft` with
different ranks are one with `rank_pattern` and `alpha_pattern`.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
STEPS, BATCH = 4, 5


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out_proj = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        heads = [layer(x).unflatten(-1, (2, 4)).transpose(1, 2) for layer in (self.query, self.key, self.value)]
        y = nn.functional.scaled_dot_product_attention(*heads)
        return self.out_proj(y.transpose(1, 2).flatten(-2))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 8)
        self.attention = Attention()
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.attention(torch.tanh(self.fc(x))).flatten(1))


def numbers(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def named(tensors, prefix):
    return {prefix + name: value.detach().clone() for name, value in tensors.items()}


def main():
    torch.manual_seed(7)
    base = Net()
    files = named(base.state_dict(), "base.")
    config = LoraConfig(
        r=2,
        lora_alpha=2,
        target_modules=["fc", "query", "value"],
        rank_pattern={"fc": 3},
        alpha_pattern={"fc": 6},
        modules_to_save=["head"],
        bias="none",
    )
    net = get_peft_model(base, config)

    # The bounds of the initial values, which shapewright draws itself.
    first = get_peft_model_state_dict(net)
    assert all((value == 0).all() for name, value in first.items() if "lora_B" in name)
    bounds = {name: float(value.abs().max()) for name, value in first.items() if "lora_A" in name}
    assert bounds["base_model.model.fc.lora_A.weight"] <= 6**-0.5
    assert all(bound <= 8**-0.5 for name, bound in bounds.items() if ".fc." not in name)

    # Otherwise the first step of `lora_A` would be lost.
    for name, value in net.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value, std=0.2)
    files |= named(get_peft_model_state_dict(net), "first.")

    x = torch.randn(STEPS * BATCH, 4, 6)
    labels = torch.randint(3, (STEPS * BATCH,))
    trained = [value for value in net.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.02, weight_decay=0.1)
    losses, outputs = [], []
    for inputs, wanted in zip(x.split(BATCH), labels.split(BATCH)):
        optimizer.zero_grad()
        found = net(inputs)
        loss = nn.functional.cross_entropy(found, wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        outputs.append(numbers(found))

    files |= named(get_peft_model_state_dict(net), "last.")
    merged = net.merge_and_unload()
    case = {
        "x": numbers(x),
        "labels": labels.tolist(),
        "losses": losses,
        "outputs": outputs,
        "merged": numbers(merged(x[:BATCH])),
        "trained": sum(value.numel() for value in trained),
    }
    (HERE / "lora.json").write_text(json.dumps(case) + "\n")
    save_file(files, HERE / "lora.safetensors")


if __name__ == "__main__":
    main()
