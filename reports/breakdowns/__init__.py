"""Figures taken apart (专项分析): by hour, subject, place of giving up, cause and liaison."""
