"""PyTorch, eager: rows in memory and picked by index, fused Adam."""

import torch
from torch import nn

from common import job, report_predictions, report_training, timed

JOB = job()
torch.set_num_threads(JOB.threads)
torch.manual_seed(0)
X, Y = torch.from_numpy(JOB.x), torch.from_numpy(JOB.y)
if JOB.loss == "binary":
    Y = Y.float().reshape(-1, 1)
LOSS = {"mse": nn.MSELoss, "binary": nn.BCEWithLogitsLoss, "softmax": nn.CrossEntropyLoss}[JOB.loss]()
ACTIVATION = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}[JOB.activation]


def train(epochs: int, steps: int | None = None) -> nn.Module:
    layers = [layer for pair in JOB.pairs for layer in (nn.Linear(*pair), ACTIVATION())]
    network = nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(network.parameters(), lr=JOB.peak or 1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, JOB.peak, JOB.steps, cycle_momentum=False) if JOB.peak else None
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(JOB.batch)[:steps]:
            adam.zero_grad(set_to_none=True)
            LOSS(network(X[rows]), Y[rows]).backward()
            adam.step()
            if schedule:
                schedule.step()
    return network


network = train(1, steps=40) if JOB.peak is None else None  # not where the whole process is what counts
if JOB.epochs == 0:
    with torch.inference_mode():
        probabilities = nn.Sequential(network, nn.Softmax(1)).eval()
        frozen = torch.jit.freeze(torch.jit.trace(probabilities, torch.from_numpy(JOB.test_x[:1])))
        report_predictions(JOB, lambda x: frozen(x).numpy(), torch.from_numpy)
else:
    train_s, network = timed(lambda: train(JOB.epochs))
    with torch.inference_mode():
        report_training(JOB, train_s, network(torch.from_numpy(JOB.test_x)).numpy())
