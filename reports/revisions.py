"""Revisions (版次): rows that are alike but for their number are one thing and its corrections; nothing is overwritten."""

from typing import Any

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import InstrumentedAttribute, aliased


def stands(number: InstrumentedAttribute[int], *same: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether a row has the highest `number` of those alike in the columns `same`: the one that counts."""
    later = aliased(number.class_)
    alike = (getattr(later, column.key) == column for column in same)
    return ~exists().where(*alike, getattr(later, number.key) > number)
