"""The other doors (其他渠道, M-35): questions and complaints that come in writing, by web, window, letter or visit.

Same tickets, clocks and query codes as by telephone; what is special is that the text is there from the start, that
papers may come with it, and that a program or a browser may send the same thing twice.
"""
