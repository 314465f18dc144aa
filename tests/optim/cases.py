"""Optimisers and schedules, and the steps that show what they do; the recorder runs them with PyTorch."""

import numpy as np

OPTIMISERS = """SGD(lr=0.01) SGD(lr=0.01,momentum=0.9) SGD(lr=0.01,momentum=0.9,nesterov=True,weight_decay=0.1)
    SGD(lr=0.01,momentum=0.9,dampening=0.3,maximize=True,weight_decay=0.01) Adam(lr=0.01)
    Adam(lr=0.01,amsgrad=True,weight_decay=0.1) Adam(maximize=True,betas=(0.4,0.9)) AdamW(lr=0.01) AdamW(amsgrad=True)
    Adagrad() Adagrad(lr_decay=0.1,weight_decay=0.1,initial_accumulator_value=0.2) Adadelta()
    Adadelta(weight_decay=0.1,maximize=True) RMSprop() RMSprop(momentum=0.9,centered=True,weight_decay=0.1)
    RMSprop(momentum=0.9) RMSprop(centered=True) NAdam() NAdam(weight_decay=0.1,decoupled_weight_decay=True) RAdam()
    RAdam(lr=0.01,weight_decay=0.1) RAdam(weight_decay=0.1,decoupled_weight_decay=True) Adamax()
    Adamax(weight_decay=0.1) Rprop() ASGD() ASGD(t0=5,weight_decay=0.1) Adafactor() Adafactor(weight_decay=0.1,d=1.5)
    Muon(lr=0.01) Muon(momentum=0.8,nesterov=False,adjust_lr_fn="match_rms_adamw")
    LBFGS(max_iter=3)
    LBFGS(line_search_fn="strong_wolfe",max_iter=5) LBFGS(lr=0.1,history_size=2)""".split()
SCHEDULES = [
    "StepLR(o, 3, 0.5)", "MultiStepLR(o, [2, 5, 5, 9], 0.3)", "ConstantLR(o)", "LinearLR(o)",
    "LinearLR(o, 0.5, 0.1, 7)", "ExponentialLR(o, 0.9)", "PolynomialLR(o, 8, 2.0)", "CosineAnnealingLR(o, 5)",
    "CosineAnnealingLR(o, 7, 0.01)", "LambdaLR(o, lambda e: 0.9 ** e)",
    "LambdaLR(o, [lambda e: 0.9 ** e, lambda e: 1 / (e + 1)])",
    "MultiplicativeLR(o, lambda e: 0.9)", "CyclicLR(o, 0.01, 0.2, 3, 4)",
    "CyclicLR(o, 0.01, 0.2, 3, 4, 'triangular2')", "CyclicLR(o, [0.01, 0.02], 0.2, 3, 4, 'exp_range', 0.9)",
    "OneCycleLR(o, 0.3, 30)",
    "OneCycleLR(o, [0.3, 0.1], epochs=6, steps_per_epoch=5, pct_start=0.4, anneal_strategy='linear')",
    "OneCycleLR(o, 0.3, 30, three_phase=True)", "CosineAnnealingWarmRestarts(o, 4, 2, 0.001)",
    "SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], [4, 9])",
    "ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)])",
]
WRONG = [
    "optim.SGD([], lr=0.1)", "optim.SGD([w], lr=-1)", "optim.SGD([w], momentum=-1)", "optim.SGD([w], nesterov=True)",
    "optim.SGD(w)", "optim.SGD([3])", "optim.SGD({w})", "optim.SGD([w * 2])", "optim.Adam([w], eps=-1)",
    "optim.Adam([w], betas=(0.9, 2.0))", "optim.Adam([w], betas=(1, 0.9))", "optim.AdamW([w], weight_decay=-1)",
    "optim.Adagrad([w], lr_decay=-1)", "optim.Adadelta([w], rho=2)", "optim.RMSprop([w], alpha=-1)",
    "optim.NAdam([w], momentum_decay=-1)", "optim.Rprop([w], etas=(2, 3))", "optim.Adafactor([w], d=0.1)",
    "optim.LBFGS([{'params': [w]}, {'params': [v]}])", "optim.SGD([w]).add_param_group({'params': [w]})",
    "optim.SGD([w]).add_param_group([w])", "optim.SGD([('a', w), v])",
    "optim.SGD([w]).load_state_dict(optim.SGD([w, v]).state_dict())",
    "optim.SGD([w]).add_param_group({'params': {v}})", "optim.lr_scheduler.StepLR(3, 2)",
    "optim.lr_scheduler.LinearLR(optim.SGD([w]), 2.0)", "optim.lr_scheduler.OneCycleLR(optim.SGD([w]), 0.1)",
    "optim.lr_scheduler.OneCycleLR(optim.Rprop([w]), 0.1, 5)",
    "optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([w]), factor=2)",
    "optim.lr_scheduler.StepLR(optim.SGD([w]), 2, 0.1, 3)", "optim.lr_scheduler.LambdaLR(optim.SGD([w]), [len, len])",
    "optim.lr_scheduler.ChainedScheduler([])",
]


ROUGH = ("LBFGS", "Muon")  # whose numbers grow apart by rounding


def weights(torch) -> list:
    stream = np.random.RandomState(0)
    return [torch.from_numpy(stream.standard_normal(shape)).requires_grad_() for shape in ((5, 4), (4,))]


def plain(value):
    """A state dict without tensors."""
    if hasattr(value, "detach"):
        return value.detach().double().reshape(-1).tolist()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def run_optimiser(torch, optim, text: str) -> dict:
    """Losses, text and state of 30 steps on a small problem in float64."""
    name, _, rest = text.partition("(")
    w, b = weights(torch)
    groups = [w, b] if name == "LBFGS" else [w] if name == "Muon" else [{"params": [w]}, {"params": [b], "lr": 0.05}]
    optimiser = eval(f"optim.{name}(groups, {rest}", {"optim": optim, "groups": groups})
    data = torch.from_numpy(np.random.RandomState(1).standard_normal((6, 5)))

    def closure():
        optimiser.zero_grad()
        loss = (data @ w + b).sin().sum() + (w * w).sum() * 0.01
        loss.backward()
        return loss

    losses = []
    for _ in range(5 if name == "LBFGS" else 30):
        if name == "LBFGS":
            losses.append(optimiser.step(closure).item())
        else:
            losses.append(closure().item())
            optimiser.step()
    state = optimiser.state_dict()
    keys = [sorted(map(str, found)) for found in state["state"].values()]
    values = {} if name in ROUGH else plain(state["state"])
    return {"losses": losses, "text": repr(optimiser), "groups": plain(state["param_groups"]), "keys": keys,
            "state": values, "weights": [plain(w), plain(b)]}


def run_schedule(torch, optim, text: str) -> list:
    """The rates and momenta of 25 epochs."""
    w, b = weights(torch)
    o = optim.SGD([{"params": [w]}, {"params": [b], "lr": 0.5}], lr=0.1, momentum=0.9)
    schedule = eval("s." + text, {"o": o, "s": optim.lr_scheduler})
    found = []
    for _ in range(25):
        found.append([*schedule.get_last_lr(), *(group["momentum"] for group in o.param_groups)])
        o.step()
        schedule.step()
    return found


def run_plateau(torch, optim, options: dict) -> list:
    o = optim.SGD(weights(torch), lr=0.1)
    schedule, rates = optim.lr_scheduler.ReduceLROnPlateau(o, **options), []
    for metric in [1, 0.9, 0.95, 0.94, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.7, 0.7, 0.8, 0.7] * 3:
        schedule.step(metric)
        rates.append(schedule.get_last_lr()[0])
    return rates


PLATEAUS = [{}, {"mode": "max", "patience": 1, "factor": 0.5},
            {"threshold_mode": "abs", "threshold": 0.1, "patience": 0, "cooldown": 2, "min_lr": 0.03}]


def run_wrong(torch, optim, text: str) -> str:
    w, v = weights(torch)
    try:
        eval(text, {"optim": optim, "w": w, "v": v})
    except Exception as error:
        kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
        return f"{kind}: {error}"
    return "nothing raised"
