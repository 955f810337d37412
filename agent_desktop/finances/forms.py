"""What the forms of a notice hold (表单): texts into the values that `tickets.finances` takes; raises InvalidInput."""

from enum import StrEnum
from typing import TypeVar

from core.errors import InvalidInput
from core.web.days import read_day, read_day_if_any
from core.web.numbers import whole_number
from core.web.uploads import Form
from tickets.finances.stages import SIGNATORIES, Level, Signatory, Subject
from tickets.finances.way import Draft

Choice = TypeVar("Choice", bound=StrEnum)


def chosen(kind: type[Choice], text: str, label: str) -> Choice:
    """One of the values of `kind`."""
    if text not in set(kind):
        raise InvalidInput(field=label, reason="请从列表中选择")
    return kind(text)


def draft_of(form: Form) -> Draft:
    """Every field of 准备; a subject is ticked by its own name."""
    return Draft(
        title=form.text("title"),
        level=chosen(Level, form.text("level"), "公开层面"),
        first_on=read_day(form.text("first_on"), "公开期间的起始日期"),
        last_on=read_day(form.text("last_on"), "公开期间的截止日期"),
        village=form.text("village"),
        subjects=tuple(subject for subject in Subject if form.text(subject)),
        content=form.text("content"),
        decision=form.text("decision"),
        decided_on=read_day_if_any(form.text("decided_on"), "集体讨论的日期"),
    )


def numbers_of(form: Form) -> dict[Signatory, int]:
    """How many of each category are to sign."""
    numbers = {one: whole_number(form.text(one), digits=2) for one in Signatory}
    for one, number in numbers.items():
        if number is None:
            raise InvalidInput(field=f"{SIGNATORIES[one]}人数", reason="请填写 0 至 99 的整数")
    return {one: number or 0 for one, number in numbers.items()}
