"""Devices in public places (公共场所终端): the kiosk, the display, and how they hear of changes."""
