"""Writes a small GPT-2 with random weights, its logits, and the text that it writes.

Run it in this folder with transformers 5 and PyTorch 2.15: `python3 make_gpt2.py`.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parent

torch.manual_seed(0)
config = GPT2Config(vocab_size=97, n_positions=32, n_embd=24, n_layer=2, n_head=3)
model = GPT2LMHeadModel(config).eval()
with torch.no_grad():
    for name, tensor in model.named_parameters():
        # Larger than the initial ones, so that everything has an effect.
        if tensor.dim() > 1:
            tensor.normal_(0, 0.3)
        else:
            tensor.add_(0.2 * torch.randn_like(tensor))

tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
tensors = {name: tensor for name, tensor in tensors.items() if name != "lm_head.weight"}
save_file(tensors, HERE / "gpt2.safetensors")

double = model.double()
tokens = torch.randint(0, 97, (1, 32))
with torch.no_grad():
    logits = double(tokens).logits[0]
    text = [int(token) for token in tokens[0, :5]]
    margins = []
    while len(text) < 32:
        last = double(torch.tensor([text])).logits[0, -1]
        best = last.topk(2).values
        margins.append(float(best[0] - best[1]))
        text.append(int(last.argmax()))
assert min(margins) > 1e-3, min(margins)

(HERE / "gpt2.json").write_text(
    json.dumps(
        {
            "tokens": tokens[0].tolist(),
            "logits": [round(float(x), 6) for x in logits.flatten()],
            "text": text,
        }
    )
    + "\n"
)
