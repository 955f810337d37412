"""A4 paper with Chinese type (纸张): headings, paragraphs, tables and bars; what a report says with them is `pdf`'s."""

from collections.abc import Sequence

import pylopdf_fonts_zh_cn as fonts
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

SANS, SERIF = "sans", "serif"
INK, GREY, LINE, BAR = (0, 0, 0), (90, 90, 90), (150, 160, 175), (31, 78, 140)
BODY, SMALL = 10.5, 9.0
_WITH_HEADING = 40
"""Millimetres that a heading and the beginning of what it heads take."""
_NUMBERS = "一二三四五六七八九十"
_HEAD = FontFace(fill_color=(232, 238, 246), emphasis=None)


class Paper(FPDF):
    """A4 with the page number and what the figures rest on at the foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self._chapters = 0
        self.add_font(SANS, fname=str(fonts.sans_path()))
        self.add_font(SERIF, fname=str(fonts.serif_path()))
        self.set_margins(20, 20, 20)
        self.set_auto_page_break(True, margin=20)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(SERIF, size=8)
        self.set_text_color(*GREY)
        self.cell(0, 6, self._foot)
        self.cell(0, 6, f"第 {self.page_no()} 页 / 共 {{nb}} 页", align="R")

    def heading(self, title: str, period: str) -> None:
        """The paper's title and what time it is about."""
        self.set_font(SANS, size=18)
        self.multi_cell(0, 11, title, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(SERIF, size=BODY)
        self.cell(0, 8, period, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def text_line(self, text: str) -> None:
        """A paragraph of body text."""
        self.set_font(SERIF, size=BODY)
        self.multi_cell(0, 6, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def section(self, title: str) -> None:
        """A heading, never alone at the foot of a page."""
        if self.will_page_break(_WITH_HEADING):
            self.add_page()
        self.ln(4)
        self.set_font(SANS, size=13)
        self.set_text_color(*INK)
        self.cell(0, 9, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def chapter(self, title: str) -> None:
        """A section of the report, numbered 一、二、三 as far as there are any."""
        self._chapters += 1
        self.section(f"{_NUMBERS[self._chapters - 1]}、{title}")

    def grid(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], texts: int = 1
    ) -> None:
        """A table whose first columns, so many `texts`, are text and the others figures; its head repeats on each page."""
        self.set_font(SERIF, size=SMALL)
        self.set_fill_color(255, 255, 255)
        self.set_draw_color(*LINE)
        self.set_line_width(0.15)
        aligned = (*["LEFT"] * texts, *["RIGHT"] * (len(head) - texts))
        with self.table(
            col_widths=tuple(widths), text_align=aligned, headings_style=_HEAD, line_height=6,
            borders_layout=TableBordersLayout.ALL,
        ) as table:  # fmt: skip
            for cells in (head, *rows):
                table.row([str(cell) for cell in cells])

    def bars(self, parts: Sequence[tuple[str, float, str]]) -> None:
        """Horizontal bars: name, share of the longest (0…1), what is written behind."""
        self.ln(2)
        self.set_font(SERIF, size=SMALL)
        for name, share, text in parts:
            if self.will_page_break(6):
                self.add_page()
            self.cell(42, 6, name)
            x, y = self.get_x(), self.get_y()
            self.set_fill_color(*BAR)
            self.rect(x, y + 1.2, max(90 * share, 0.3), 3.6, style="F")
            self.set_xy(x + 93, y)
            self.cell(0, 6, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
