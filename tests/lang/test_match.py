"""`match`: programs that choose by patterns, what is closed to them, and where a list may come out."""

import pytest

import tcli
from tcli.errors import TcliError

CHOOSE = """
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int = 0

def name(v):
    match v:
        case torch.Tensor(shape=(rows, columns)): return rows, columns
        case int(n) | float(n) if n > 10: return "big", n
        case 0 | -1: return "small"
        case [1, *rest]: return rest
        case {"at": Point(x, y=2) as p, **more}: return x, p.y, more
        case Point(x): return "point", x
        case str() as text: return text
        case torch.float32 | None: return "constant"
        case (a, b) if (c := a + b): return c
        case _: return "other"
"""


@pytest.mark.parametrize("value, expected", [
    ("torch.ones(2, 3)", (2, 3)), ("11", ("big", 11)), ("11.5", ("big", 11.5)), ("0", "small"), ("-1", "small"),
    ("[1, 2, 3]", [2, 3]), ("{'at': Point(1, 2), 'z': 3}", (1, 2, {"z": 3})), ("Point(5)", ("point", 5)), ("'a'", "a"),
    ("torch.float32", "constant"), ("None", "constant"), ("(3, 4)", 7), ("(0, 0)", "other"), ("1.5", "other")])
def test_the_first_pattern_that_fits_is_taken(value, expected):
    assert tcli.Session().run(CHOOSE + f"name({value})") == expected


def test_match_and_case_are_names_elsewhere():
    assert tcli.Session().run("match = [1, 2]; case = 1\nmatch[case], match[0]") == (2, 1)


def test_the_rest_of_a_sequence_is_promoted_like_any_list():
    program = "match [1., 2., 3.]:\n    case [_, *rest]:\n        x = rest * 2.0\nx"
    assert repr(tcli.Session().run(program)) == "tensor([4., 6.])"


REGISTERED = """
from abc import ABC
from dataclasses import dataclass
@dataclass
class Frame(ABC):
    gi_frame: int
def numbers(): yield 1
made = numbers()
Frame.register(type(made));
"""


@pytest.mark.parametrize("case", ["Frame(frame)", "[Frame(frame)]", "{'a': Frame(frame)}", "Frame(_) | None",
                                  "Frame(gi_frame=frame)", "Frame(__class__=c)", "{**__builtins__}", "__spec__", "[*__spec__]"])
def test_no_pattern_reads_what_a_program_may_not(case):
    with pytest.raises((TcliError, AttributeError)) as caught:
        tcli.Session().run(REGISTERED + f"match made:\n    case {case}: pass\n    case _: pass")
    assert "not available" in str(caught.value) or "cannot" in str(caught.value)


def test_a_class_that_answers_anew_each_time_is_refused():
    program = ("class Meta(type):\n    def __getattr__(cls, name): return ('x',)\n"
               "class A(metaclass=Meta):\n    x = 1\nmatch A():\n    case A(x): pass")
    with pytest.raises((TcliError, AttributeError)):
        tcli.Session().run(program)
