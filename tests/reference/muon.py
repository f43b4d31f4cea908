"""Five steps of Muon by PyTorch in f64: what `crates/layerloop/src/train/muon.rs` is tested against.

    python tests/reference/muon.py    # needs torch 2.9 or newer; writes muon.json beside this file

PyTorch orthogonalises in bfloat16; here in f64, so that the equation is compared and not its rounding.
"""

import json
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
torch.bfloat16 = torch.float64  # what Muon casts to

runs = []
for seed, (outputs, inputs), weight_decay in [(0, (5, 3), 0.0), (1, (3, 5), 0.1), (2, (8, 8), 0.0), (3, (40, 17), 0.1)]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randn(outputs, inputs, generator=generator).float().double()
    weight = torch.nn.Parameter(draw())
    optimizer = torch.optim.Muon([weight], lr=0.02, weight_decay=weight_decay, momentum=0.95)
    run = {"outputs": outputs, "inputs": inputs, "weight_decay": weight_decay, "start": weight.tolist(), "steps": []}
    for _ in range(5):
        weight.grad = draw()
        optimizer.step()
        run["steps"].append({"gradient": weight.grad.flatten().tolist(), "after": weight.flatten().tolist()})
    run["start"] = [w for row in run["start"] for w in row]
    runs.append(run)

text = json.dumps({"made_by": f"torch {torch.__version__}", "learning_rate": 0.02, "runs": runs})
(Path(__file__).parent / "muon.json").write_text(text + "\n")
