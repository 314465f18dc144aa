"""The command line: what it means, and what is said when it means nothing."""

import pytest

from tcli.cli.options import OPTIONS, UsageError, parse


def test_expressions_repeat_and_may_be_attached():
    assert parse(["-e", "1", "--expr=2", "-e3"]).expr == ["1", "2", "3"]


def test_options_may_follow_the_file():
    settings = parse(["train.tsr", "--device", "meta", "--seed=3", "--trace"])
    assert (settings.file, settings.device, settings.seed, settings.trace) == ("train.tsr", "meta", 3, "backward")


def test_unknown_options_after_the_file_belong_to_the_program():
    settings = parse(["train.tsr", "--steps", "10", "--seed", "1"])
    assert settings.args == ["--steps", "10"]
    assert settings.seed == 1


def test_everything_after_two_dashes_belongs_to_the_program():
    settings = parse(["--", "train.tsr", "--seed", "1"])
    assert (settings.file, settings.args, settings.seed) == ("train.tsr", ["--seed", "1"], None)


def test_flags_may_be_joined():
    settings = parse(["-qi", "-e1"])
    assert settings.quiet
    assert settings.interactive


def test_what_is_traced_is_joined_to_the_flag():
    assert [parse(argv).trace for argv in (["--trace", "steps"], ["--trace=steps"], ["--trace=steps:10"], [])] \
        == ["backward", "steps", "steps:10", None]
    assert parse(["--trace", "steps"]).file == "steps"


def test_a_dash_is_stdin_and_a_negative_number_is_an_argument():
    settings = parse(["-", "-3"])
    assert (settings.file, settings.args) == ("-", ["-3"])


@pytest.mark.parametrize(("argv", "said"), [
    (["--sede", "1"], "no such option: --sede (did you mean '--seed'?)"),
    (["--nonsense"], "no such option: --nonsense (see tcli --help)"),
    (["-e"], "-e needs a value: -e EXPR"),
    (["--seed", "x"], "--seed takes a whole number, not 'x'"),
    (["--quiet=1"], "--quiet takes no value"),
    (["-o", "jsn"], "-o takes text, repr, json, csv, tsv, md, npy, npz, safetensors or pt, not 'jsn' (did you mean 'json'?)"),
    (["--trace=step"], "--trace takes backward, steps or all, not 'step' (did you mean 'steps'?)"),
    (["--trace=steps:0"], "--trace takes backward, steps or all, not 'steps:0' (did you mean 'steps'?)"),
    (["--device", "gpu"], "--device takes cpu, cuda, cuda:N or meta, not 'gpu'"),
])
def test_bad_usage_is_one_clear_line(argv, said):
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert str(caught.value) == said


def test_the_help_page_shows_every_option_of_the_table():
    from typer.testing import CliRunner

    from tcli.cli.app import app

    page = CliRunner().invoke(app, ["--help"]).output
    for option in OPTIONS:
        assert all(flag in page for flag in option.flags)
