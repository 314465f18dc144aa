"""Optimisers in low precision, differentiated, refused; schedules and averages: sections like those of tests/nn."""

from ..nn.extras import ramp
from ..nn.program import each

SECTIONS: list = []


def section(fn):
    SECTIONS.append(fn)
    return fn


KINDS = """SGD(p,momentum=0.9,weight_decay=0.1,nesterov=True) SGD(p,maximize=True) Adam(p,weight_decay=0.1,amsgrad=True)
    AdamW(p) NAdam(p,weight_decay=0.1) RAdam(p,lr=0.1) Adamax(p,weight_decay=0.1) Adadelta(p,weight_decay=0.1)
    Adagrad(p,lr=0.1) RMSprop(p,centered=True,momentum=0.5,weight_decay=0.1) Rprop(p) ASGD(p,lambd=0.1,t0=2)""".split()


@section
def steps_in_halves(torch, nn, say, fails):
    for dtype in (torch.float16, torch.bfloat16):
        for text in KINDS:
            p = (ramp(torch, 4, 32) * 2).to(dtype).requires_grad_()
            optimizer = eval("optim." + text, {"optim": torch.optim, "p": [p]})
            for i in range(4):
                p.grad = (ramp(torch, 4, 32) * (i - 1.5)).to(dtype)
                optimizer.step()
            say(dtype, text, p[0, :6].tolist(), p.float().sum())


@section
def gradients_through_steps(torch, nn, say, fails):
    for text in KINDS:
        if text.startswith(("Rprop", "Adamax")):
            continue  # PyTorch cannot: it overwrites what their gradients need
        text = text.replace(",amsgrad=True", "").replace("centered=True,", "")
        w, g = ramp(torch, 4).double().requires_grad_(), (ramp(torch, 4) + 2).double().requires_grad_()
        p = w.clone()
        optimizer = eval("optim." + text[:-1] + ",differentiable=True)", {"optim": torch.optim, "p": [p]})
        for i in range(3):
            p.grad = (g * (i + 1)).sin()
            optimizer.step()
        say(text, torch.autograd.grad((p * p).sum(), [w, g], allow_unused=True))


@section
def what_is_refused(torch, nn, say, fails):
    def step(name, dtype=torch.float32, **options):
        p = torch.ones(2, 2, dtype=dtype, requires_grad=True)
        p.grad = torch.ones(2, 2, dtype=dtype)
        getattr(torch.optim, name)([p], **options).step()
        return p

    names = "Adam AdamW Adamax NAdam RAdam Adadelta RMSprop Rprop ASGD".split()
    texts = [f"step({name!r}, capturable=True)" for name in names]
    texts += [f"step({name!r}, torch.complex64, fused=True)" for name in ("SGD", "Adam", "AdamW", "Adagrad")]
    texts += ["step('Adafactor', torch.complex64)", "step('Muon', torch.complex64)", "step('Muon', lr=torch.ones(2))",
              "step('Adam', lr=1e-2, betas=(torch.tensor(0.9), torch.tensor(0.99)), foreach=True)",
              "step('Adam', betas=(torch.ones(2), torch.ones(2)))", "step('SGD', fused=True, differentiable=True)",
              "step('SGD', fused=True, foreach=True)", "step('Adam', torch.complex64)", "step('SGD', foreach=True)"]
    each(say, texts, step=step, torch=torch)


@section
def states_of_schedules(torch, nn, say, fails):
    s = torch.optim.lr_scheduler
    for text in ("StepLR(o, 2)", "LinearLR(o)", "CosineAnnealingWarmRestarts(o, 2, 2)", "OneCycleLR(o, 0.3, 8)",
                 "CyclicLR(o, 0.1, 0.3, 2)", "ReduceLROnPlateau(o, patience=0)", "PolynomialLR(o, 3)", "ExponentialLR(o, 0.5)",
                 "SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], [2])"):
        o = torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1, momentum=0.9)
        made = eval("s." + text, {"s": s, "o": o})
        for i in range(3):
            o.step()
            made.step(*([1.0 + i] if "Plateau" in text else []))
        state = {k: v for k, v in made.state_dict().items() if k != "_schedulers" and not k.startswith("_anneal")}
        say(text, made.get_last_lr(), sorted(state), made.last_epoch)
        made.load_state_dict(made.state_dict())
        o.step()
        made.step(*([9.0] if "Plateau" in text else []))
        say(made.get_last_lr())


@section
def averages_of_models(torch, nn, say, fails):
    swa = torch.optim.swa_utils
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(ramp(torch, 1, 2))
        model.bias.zero_()
    plain = swa.AveragedModel(model, use_buffers=True)
    moving = swa.AveragedModel(model, avg_fn=swa.get_ema_avg_fn(0.5))
    for i in range(3):
        with torch.no_grad():
            model.weight.add_(i + 1)
        plain.update_parameters(model)
        moving.update_parameters(model)
    say(plain.module.weight, moving.module.weight, plain.n_averaged, list(plain.state_dict()), plain(torch.ones(1, 2)))
    each(say, ["swa.get_ema_multi_avg_fn(2)", "swa.get_ema_avg_fn(-1)", "swa.SWALR(o, [0.1, 0.2])",
               "swa.SWALR(o, 0.1, anneal_strategy='x')", "swa.SWALR(o, 0.1, -1)",
               "swa.SWALR(o, 0.1, 1.5)"], swa=swa, o=torch.optim.SGD(model.parameters(), 0.1))
