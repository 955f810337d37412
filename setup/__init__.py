"""Set-up (安装): everything the hotline needs that is not a Python package.

Runs before the virtual environment exists, hence the standard library alone. It writes into `.tools/` and nowhere
else: nothing is ever installed into the machine, and root is not needed.
"""
